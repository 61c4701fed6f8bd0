"""Whether a job is what a call asks for: by meaning, not by letter, and as the picture's own words allow."""

from __future__ import annotations

from typing import Any

import pytest

from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.domain.request import merge_options, request_conflicts

MADE = {
    "model": "sora-2",
    "size": "1280x720",
    "size_asked": "landscape_720p",
    "seconds": 4,
    "mode": "pad",
    "focus": "0.5 0.5",
    "crop": "0 0 1 1",
    "background": "000000",
    "format": "jpeg",
    "quality": 95,
    "prompt": "A calm sea",
}


def conflicts(asked: dict[str, Any], made: dict[str, Any] = MADE, **option_sources: str) -> list[str]:
    job = Job("video_1", Status.READY, SourceObject("b", "k"), "", "", request=made, option_sources=option_sources)
    return request_conflicts(job, merge_options([("body", asked)]))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"model": "SORA-2", "seconds": "4", "mode": "Pad", "quality": 95},
        {"size": "Landscape_720p"},
        {"focus": "center"},
        {"focus": [0.5, 0.5]},
        {"crop": "whole"},
        {"crop_bounds": {"left_fraction": 0}},
        {"background": "black"},
        {"background": "#000000"},
        {"format": "jpg"},
        {"prompt": " A calm sea "},
    ],
)
def test_the_same_said_in_other_words_is_no_conflict(asked: dict[str, Any]) -> None:
    assert conflicts(asked) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "sora-2-pro"),
        ("size", "auto"),
        ("size", "1280x720"),
        ("seconds", 8),
        ("mode", "cover"),
        ("focus", "top"),
        ("crop", "0 0 0.5 1"),
        ("background", "white"),
        ("format", "png"),
        ("quality", 90),
        ("preset", "art"),
        ("prompt", "a calm sea"),
        ("mode", "sideways"),
    ],
)
def test_another_value_is_a_conflict(field: str, value: Any) -> None:
    assert conflicts({field: value}) == [field]


def test_a_size_means_the_same_however_it_is_written() -> None:
    assert conflicts({"size": "1280×720"}, MADE | {"size_asked": "1280X720"}) == []


@pytest.mark.parametrize("source", ["tag", "metadata"])
def test_what_the_picture_says_itself_would_have_gone_first_anyway(source: str) -> None:
    assert conflicts({"mode": "cover"}, mode=source) == []


@pytest.mark.parametrize("source", ["body", "default", "preset", "model"])
def test_anything_else_would_have_given_way(source: str) -> None:
    assert conflicts({"mode": "cover"}, mode=source) == ["mode"]


def test_a_request_that_could_not_be_used_is_compared_as_it_was_written() -> None:
    made = {"mode": "sideways", "size": "12"}
    assert conflicts({"mode": "Sideways", "size": "12"}, made) == []
    assert conflicts({"mode": "pad", "size": "13"}, made) == ["size", "mode"]
