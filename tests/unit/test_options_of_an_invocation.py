"""An invocation's options are validated before its picture is read, for any model that the picture may name."""

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


def check(**options: str) -> None:
    validate_options({field: Option(value, "body") for field, value in options.items()}, DEFAULTS, CATALOG)


@pytest.mark.parametrize(
    "options", [{}, {"mode": "pad"}, {"size": "64x48"}, {"preset": "art"}, {"model": "other", "seconds": "5"}]
)
def test_options_that_a_model_supports_are_accepted(options: dict[str, str]) -> None:
    check(**options)


@pytest.mark.parametrize("options", [{"size": "832x480"}, {"seconds": "5"}, {"size": "832x480", "seconds": "5"}])
def test_options_that_only_another_model_supports_are_accepted_because_the_picture_may_name_it(
    options: dict[str, str],
) -> None:
    check(**options)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"mode": "sideways"}, "mode"),
        ({"preset": "none"}, "preset"),
        ({"prompt": "p" * 32_001}, "prompt"),
        ({"seconds": "7"}, "seconds"),
        ({"model": "nobody"}, "model"),
        ({"size": "832x480", "model": "tiny"}, "size"),
    ],
)
def test_an_option_that_no_model_supports_is_refused_with_what_is_allowed(options: dict[str, str], field: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        check(**options)
    assert (refusal.value.facts["field"], refusal.value.facts["source"]) == (field, "body")
    assert refusal.value.facts["allowed"]
