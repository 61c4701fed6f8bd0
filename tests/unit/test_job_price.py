"""A video costs the model's price per second at its size, times its seconds."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.frame import Size
from sora_ready.domain.spending import price_job

CATALOG = load_catalog('{"unpriced": {"seconds": [5], "usd_per_second": {"64x64": null, "32x32": "0"}}}')


@pytest.mark.parametrize(
    ("model", "size", "seconds", "usd"),
    [
        ("sora-2", Size(1280, 720), 4, "0.40"),
        ("sora-2", Size(720, 1280), 20, "2.00"),
        ("sora-2-pro", Size(1280, 720), 8, "2.40"),
        ("sora-2-pro", Size(1024, 1792), 12, "6.00"),
        ("sora-2-pro", Size(1920, 1080), 16, "11.20"),
    ],
)
def test_a_video_costs_its_seconds_at_the_price_of_its_size(model: str, size: Size, seconds: int, usd: str) -> None:
    assert price_job(CATALOG[model], size, seconds) == Decimal(usd)


def test_an_unknown_price_is_none() -> None:
    assert price_job(CATALOG["unpriced"], Size(64, 64), 5) is None


def test_a_free_video_has_a_price_of_zero() -> None:
    assert price_job(CATALOG["unpriced"], Size(32, 32), 5) == Decimal(0)


def test_a_price_is_exact_to_the_cent() -> None:
    # In binary floating point, 3 × 0.1 is not 0.3.
    assert str(price_job(CATALOG["sora-2"], Size(1280, 720), 3)) == "0.30"
