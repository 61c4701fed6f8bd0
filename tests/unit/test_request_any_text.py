"""Any tag, metadata or body is either parsed or refused by its option's name. No other error comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import MAX_SIDE, Color, Crop, Focus, FrameOptions, Size
from sora_ready.domain.options import OPTIONS, Option
from sora_ready.domain.request import (
    apply_model_defaults,
    apply_preset,
    decode_metadata,
    merge_options,
    parse_frame_options,
    parse_request,
)

CATALOG = load_catalog()
DEFAULTS = {"size": "auto", "model": "sora-2", "seconds": "4", "prompt": "gentle motion"}
PARSERS = (Size.parse, Color.parse, Focus.parse, Crop.parse)

# Text as it may come: any character (half a surrogate pair too), and text that is nearly right.
anything = st.text(st.characters())
nearly = st.text("0123456789.,:;/ -+_x×#%eE[]{}\"'ptlandscrigmoebuwhk\u0660\u00b2\u212a", max_size=24)
nearly_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["x", "y", "left_fraction", "0.5"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["x", "y", "left", "top_fraction", "right_fraction", "z"]), inner)
    ),
    max_leaves=8,
).map(json.dumps)
texts = st.one_of(anything, nearly, nearly_json)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 9).map(lambda digit: 10**5000 + digit)
    | st.floats()
    | anything,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    max_leaves=10,
)
names = st.one_of(anything, st.sampled_from([*OPTIONS, "crop_bounds", "Crop", "SIZE", " mode "]))


def find_refusal(values: dict[str, Any], source: str = "tag") -> RequestRejected | None:
    """Parse the values; return the refusal, None if there is none."""
    try:
        options = apply_model_defaults(apply_preset(merge_options([(source, values), ("default", DEFAULTS)])), CATALOG)
        request = parse_request(options, CATALOG)
    except RequestRejected as refusal:
        return refusal
    assert set(request.sizes) <= set(CATALOG[request.model].sizes)
    assert request.sizes
    assert request.seconds in CATALOG[request.model].seconds
    assert 1 <= request.frame_options.quality <= 100
    assert request.prompt
    return None


def check_refusal(refusal: RequestRejected | None, source: str) -> None:
    if refusal:
        assert refusal.code == f"invalid_{refusal.facts['field']}"
        assert refusal.facts["source"] == source
        assert refusal.facts["allowed"]
        # A record is UTF-8, whatever it contains.
        json.dumps(refusal.to_job_error().to_record(), ensure_ascii=False, allow_nan=False).encode()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*OPTIONS]), texts)
def test_any_text_for_an_option_is_parsed_or_refused_by_the_options_name(field: str, value: str) -> None:
    refusal = find_refusal({field: value})

    check_refusal(refusal, "tag")
    assert refusal is None or refusal.facts["field"] == field


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(names, texts, max_size=6))
def test_any_tags_are_parsed_or_refused(tags: dict[str, str]) -> None:
    check_refusal(find_refusal(tags), "tag")


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(names, json_values, max_size=6))
def test_any_body_is_parsed_or_refused(body: dict[str, Any]) -> None:
    check_refusal(find_refusal(body, "body"), "body")


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from([*OPTIONS]), st.builds(Option, texts, st.just("tag"))))
def test_any_options_are_frame_options_or_refused(options: dict[str, Option]) -> None:
    try:
        frame_options = parse_frame_options(apply_preset(options))
    except RequestRejected:
        return
    assert isinstance(frame_options, FrameOptions)
    assert all(0 <= fraction <= 1 for fraction in frame_options.crop)
    assert frame_options.crop.left < frame_options.crop.right
    assert frame_options.crop.top < frame_options.crop.bottom
    assert frame_options.focus == "auto" or all(0 <= fraction <= 1 for fraction in frame_options.focus)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PARSERS), texts)
def test_any_text_parses_or_is_a_value_error(parse: Any, text: str) -> None:
    try:
        value = parse(text)
    except ValueError:
        return
    assert type(value).parse(str(value)) == value
    assert not isinstance(value, Size) or all(1 <= side <= MAX_SIDE for side in value)


@pytest.mark.parametrize("parse", PARSERS)
def test_json_nested_deeper_than_python_recurses_is_a_value_error(parse: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match=r" not |nested"):
        parse("[" * 100_000)


@settings(max_examples=120, deadline=None)
@given(anything)
def test_any_metadata_is_decoded_or_unchanged(value: str) -> None:
    assert isinstance(decode_metadata(value), str)
