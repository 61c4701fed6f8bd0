"""A JSON body means what a tag means: each number, list and object is read as its spelling in a tag."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import Crop, Focus
from sora_ready.domain.options import Option
from sora_ready.domain.request import VideoRequest, apply_preset, merge_options, parse_request

CATALOG = load_catalog()
DEFAULTS = {"size": "auto", "model": "sora-2", "seconds": "4", "prompt": "gentle motion"}


def read(values: dict[str, Any], source: str = "body") -> VideoRequest:
    return parse_request(apply_preset(merge_options([(source, values), ("default", DEFAULTS)])), CATALOG)


def refuse(values: dict[str, Any]) -> RequestRejected:
    with pytest.raises(RequestRejected) as refusal:
        read(values)
    return refusal.value


BOUNDS = {"left_fraction": 0.1, "top_fraction": 0.0, "right_fraction": 0.9, "bottom_fraction": 1}


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ('{"quality": 80}', {"quality": "80"}),
        ('{"quality": 80.0}', {"quality": "80"}),
        ('{"quality": "80"}', {"quality": "80"}),
        ('{"seconds": 8}', {"seconds": "8"}),
        ('{"seconds": 8.0}', {"seconds": "8"}),
        ('{"seconds": 8e0}', {"seconds": "8"}),
        ('{"background": 336699}', {"background": "336699"}),
        ('{"focus": [0.5, 0.3]}', {"focus": "0.5 0.3"}),
        ('{"focus": {"x": 0.5, "y": 0.3}}', {"focus": "0.5 0.3"}),
        ('{"focus": {"x": 1e-5, "y": -0.0}}', {"focus": "0.00001 0"}),
        ('{"focus": "top-left"}', {"focus": "top-left"}),
        ('{"crop": [0.1, 0, 0.9, 1]}', {"crop": "0.1 0 0.9 1"}),
        ('{"crop": {"left": 0.1, "right": 0.9}}', {"crop": "0.1 0 0.9 1"}),
        (json.dumps({"crop_bounds": BOUNDS}), {"crop": "0.1 0 0.9 1"}),
        (json.dumps({"crop_bounds": json.dumps(BOUNDS)}), {"crop": "0.1 0 0.9 1"}),
        ('{"crop_bounds": {"left_fraction": 0.1, "right_fraction": 0.9}}', {"crop": "0.1 0 0.9 1"}),
        ('{"preset": "art", "mode": null}', {"preset": "art"}),
        ('{"Size": "PORTRAIT_720p", "MODE": "Pad"}', {"size": "portrait_720p", "mode": "pad"}),
        ('{"prompt": "  a calm sea, \\"slowly\\"  "}', {"prompt": 'a calm sea, "slowly"'}),
        ('{"n": 5, "input_reference": {"image_url": "x"}, "size": "720p"}', {"size": "720p"}),
        ("{}", {}),
    ],
)
def test_a_body_means_the_same_as_its_tags(body: str, tags: dict[str, str]) -> None:
    assert read(json.loads(body)) == read(tags, "tag")


def test_a_body_with_every_option_means_the_same_as_its_tags() -> None:
    body = {
        "model": "sora-2-pro",
        "size": "portrait_1080p",
        "seconds": 12,
        "prompt": "slow zoom",
        "mode": "cover",
        "quality": 80,
        "format": "webp",
        "background": "white",
        "crop_bounds": BOUNDS,
        "focus": {"x": 0.25, "y": 0.75},
    }
    tags = {name: str(value) for name, value in body.items() if not isinstance(value, dict)}

    request = read(body)

    assert request == read(tags | {"crop": "0.1 0 0.9 1", "focus": "0.25 0.75"}, "tag")
    assert (request.frame_options.crop, request.frame_options.focus) == (Crop(0.1, 0.0, 0.9, 1.0), Focus(0.25, 0.75))


def test_an_option_keeps_a_json_value_as_it_was_written() -> None:
    options = merge_options([("body", {"focus": [0.5, 0.3], "quality": 80})])

    assert options == {"focus": Option("[0.5, 0.3]", "body"), "quality": Option("80", "body")}


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_null_counts_as_not_given(nothing: str | None) -> None:
    options = merge_options([("body", {"mode": nothing, "prompt": nothing}), ("default", {"mode": "pad"})])

    assert options == {"mode": Option("pad", "default")}


# ---------------------------------------------------------------- unusable values


@pytest.mark.parametrize("value", [True, False, [], {}, ["pad"], {"mode": "pad"}, 0.5, float("nan"), float("inf"), -1])
@pytest.mark.parametrize("field", ["size", "mode", "focus", "crop", "background", "format", "quality", "preset"])
def test_a_value_of_the_wrong_type_is_refused_as_it_was_written(field: str, value: Any) -> None:
    refusal = refuse({field: value})

    assert refusal.code == f"invalid_{field}"
    assert (refusal.facts["value"], refusal.facts["source"]) == (json.dumps(value), "body")


def nest(depth: int) -> Any:
    nested: Any = 0.5
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "value",
    [10**5000, nest(100_000), {"x": 10**5000, "y": 0}, "\ud800", "top\udfff"],
    ids=["thousands of digits", "deep", "thousands of digits within", "half a pair", "half a pair at the end"],
)
@pytest.mark.parametrize("field", ["size", "mode", "focus", "crop", "quality", "model", "seconds"])
def test_a_value_that_cannot_be_written_as_text_is_refused_with_what_is_allowed(field: str, value: Any) -> None:
    refusal = refuse({field: value})

    assert (refusal.code, refusal.facts["value"]) == (f"invalid_{field}", "(unreadable)")
    assert refusal.facts["allowed"]


@pytest.mark.parametrize(
    "value", [5, 0, True, ["a calm sea"], {"text": "a calm sea"}, pytest.param(10**5000, id="huge"), float("nan")]
)
def test_a_prompt_that_is_not_text_is_refused_before_anybody_pays_for_it(value: Any) -> None:
    refusal = refuse({"prompt": value})

    assert refusal.code == "invalid_prompt"
    assert (refusal.facts["source"], refusal.facts["allowed"]) == ("body", ["1 to 32000 characters"])


def test_half_a_surrogate_pair_is_refused_as_a_prompt_because_no_record_can_hold_it() -> None:
    refusal = refuse({"prompt": "a rocket \ud83d"})

    assert refusal.code == "invalid_prompt"
    json.dumps(refusal.to_job_error().to_record(), ensure_ascii=False).encode()


def test_a_value_under_an_unknown_name_is_ignored_unread() -> None:
    assert read({"input": nest(100_000), "n": 10**5000, "user": "\ud800"}) == read({})


def test_a_body_value_under_a_tag_that_takes_precedence_is_ignored_unread() -> None:
    options = merge_options([("tag", {"prompt": "by tag"}), ("body", {"prompt": ["by body"]})])

    assert options == {"prompt": Option("by tag", "tag")}


# ---------------------------------------------------------------- for any body

fractions = st.floats(0, 1)


@given(fractions, fractions)
def test_a_point_means_the_same_as_an_object_a_list_and_text(x: float, y: float) -> None:
    focuses = [{"x": x, "y": y}, [x, y], json.dumps([x, y]), f"{Decimal(x):f} {Decimal(y):f}"]

    assert len({read({"focus": focus}).frame_options.focus for focus in focuses}) == 1


@given(st.integers(1, 100))
def test_a_quality_means_the_same_as_a_number_and_as_text(quality: int) -> None:
    assert {read({"quality": value}).frame_options.quality for value in (quality, float(quality), str(quality))} == {
        quality
    }
