"""The catalog: OpenAI's last published models of Sora 2, and the models that a stack adds or replaces."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import SettingsError
from sora_ready.domain.frame import Size

ADDED = {"my-model": {"seconds": [5, 10], "usd_per_second": {"832x480": "0.05", "480x832": None}}}


def test_the_bundled_models_are_those_of_sora() -> None:
    assert set(load_catalog()) == {"sora-2", "sora-2-pro"}


@pytest.mark.parametrize(
    ("model", "prices"),
    [
        ("sora-2", {"1280x720": "0.10", "720x1280": "0.10"}),
        (
            "sora-2-pro",
            {
                "1280x720": "0.30",
                "720x1280": "0.30",
                "1792x1024": "0.50",
                "1024x1792": "0.50",
                "1920x1080": "0.70",
                "1080x1920": "0.70",
            },
        ),
    ],
)
def test_the_bundled_sizes_and_prices_are_as_published(model: str, prices: dict[str, str]) -> None:
    bundled = load_catalog()[model].usd_per_second

    assert {str(size): price for size, price in bundled.items()} == {
        size: Decimal(price) for size, price in prices.items()
    }


@pytest.mark.parametrize("model", ["sora-2", "sora-2-pro"])
def test_the_bundled_lengths_are_as_published(model: str) -> None:
    assert load_catalog()[model].seconds == (4, 8, 12, 16, 20)


@pytest.mark.parametrize("additions", ["", "  \n", "{}"])
def test_without_additions_the_catalog_is_the_bundled_one(additions: str) -> None:
    assert load_catalog(additions) == load_catalog()


def test_a_model_is_added_beside_the_bundled_ones() -> None:
    catalog = load_catalog(json.dumps(ADDED))

    assert set(catalog) == {"sora-2", "sora-2-pro", "my-model"}
    assert "my-model" in catalog
    assert catalog["my-model"].name == "my-model"
    assert catalog["my-model"].seconds == (5, 10)
    assert catalog["my-model"].sizes == (Size(832, 480), Size(480, 832))


def test_an_addition_replaces_the_whole_bundled_model() -> None:
    catalog = load_catalog(json.dumps({"sora-2": {"seconds": [6], "usd_per_second": {"64x64": 1}}}))

    assert catalog["sora-2"].seconds == (6,)
    assert catalog["sora-2"].sizes == (Size(64, 64),)
    assert catalog["sora-2-pro"] == load_catalog()["sora-2-pro"]


def test_a_model_may_take_frames_of_up_to_8192_pixels_a_side() -> None:
    catalog = load_catalog('{"m": {"seconds": [5], "usd_per_second": {"8192x8192": null}}}')

    assert catalog["m"].sizes == (Size(8192, 8192),)


def test_a_price_of_null_is_unknown() -> None:
    prices = load_catalog(json.dumps(ADDED))["my-model"].usd_per_second

    assert prices == {Size(832, 480): Decimal("0.05"), Size(480, 832): None}


def test_a_price_given_as_a_json_number_is_exact() -> None:
    catalog = load_catalog('{"m": {"seconds": [5], "usd_per_second": {"64x64": 0.1}}}')

    assert catalog["m"].usd_per_second[Size(64, 64)] == Decimal("0.1")


@pytest.mark.parametrize(
    "additions",
    [
        "not json",
        '{"my-model": ',
        "[]",
        "5",
        "null",
        '{"m": null}',
        '{"m": []}',
        '{"m": {}}',
        '{"m": {"seconds": [5]}}',
        '{"m": {"usd_per_second": {"64x64": 1}}}',
        '{"m": {"seconds": [], "usd_per_second": {"64x64": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {}}}',
        '{"m": {"seconds": [5], "usd_per_second": ["64x64"]}}',
        '{"m": {"seconds": ["five"], "usd_per_second": {"64x64": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"large": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"8193x64": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"99999x99999": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"landscape_720p": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"auto": 1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"64x64": "cheap"}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"64x64": -1}}}',
        '{"m": {"seconds": [5], "usd_per_second": {"64x64": NaN}}}',
    ],
)
def test_invalid_additions_raise_an_error_that_names_the_parameter(additions: str) -> None:
    with pytest.raises(SettingsError, match="VideoModels") as raised:
        load_catalog(additions)

    assert raised.value.code == "invalid_catalog"
