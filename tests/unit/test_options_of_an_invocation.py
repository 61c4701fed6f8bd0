"""What a call asks for is checked before its picture is looked at: by itself, whichever model the picture may name."""

from __future__ import annotations

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.options import Option
from sora_ready.domain.request import validate_options

CATALOG = load_catalog(
    '{"tiny": {"seconds": [4], "usd_per_second": {"64x48": "0.10"}},'
    ' "other": {"seconds": [5], "usd_per_second": {"832x480": "0.05"}}}'
)
DEFAULTS = {"size": "auto", "model": "tiny", "seconds": "4", "prompt": "a calm sea", "mode": "cover"}


def check(**asked: str) -> None:
    validate_options({field: Option(value, "body") for field, value in asked.items()}, DEFAULTS, CATALOG)


@pytest.mark.parametrize(
    "asked", [{}, {"mode": "pad"}, {"size": "64x48"}, {"preset": "art"}, {"model": "other", "seconds": "5"}]
)
def test_what_can_be_had_is_left_alone(asked: dict[str, str]) -> None:
    check(**asked)


@pytest.mark.parametrize("asked", [{"size": "832x480"}, {"seconds": "5"}, {"size": "832x480", "seconds": "5"}])
def test_what_another_model_makes_may_be_meant_for_a_picture_that_names_it(asked: dict[str, str]) -> None:
    check(**asked)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"mode": "sideways"}, "mode"),
        ({"preset": "none"}, "preset"),
        ({"prompt": "p" * 32_001}, "prompt"),
        ({"seconds": "7"}, "seconds"),
        ({"model": "nobody"}, "model"),
        ({"size": "832x480", "model": "tiny"}, "size"),
    ],
)
def test_what_no_model_makes_is_refused_with_what_is_allowed(asked: dict[str, str], field: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        check(**asked)
    assert (refusal.value.facts["field"], refusal.value.facts["source"]) == (field, "body")
    assert refusal.value.facts["allowed"]
