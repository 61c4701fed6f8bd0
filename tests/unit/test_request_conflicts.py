"""Whether a job was made with the options of an invocation: compared by meaning, not by spelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sora_ready.domain.job import Job, JobRequest, SourceObject, Status
from sora_ready.domain.request import merge_options, request_conflicts

from .job_parts import make_request

REQUEST = make_request(requested_size="landscape_720p", mode="pad", background="000000", prompt="A calm sea")
RECEIVED = Job("video_1", Status.RECEIVED, SourceObject("b", "k"), "", "")


def conflicts(options: dict[str, Any], request: JobRequest = REQUEST, **option_sources: str) -> list[str]:
    job = replace(RECEIVED, status=Status.READY, request=request, option_sources=option_sources)
    return request_conflicts(job, merge_options([("body", options)]))


@pytest.mark.parametrize(
    "options",
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
def test_the_same_options_in_another_spelling_are_no_conflict(options: dict[str, Any]) -> None:
    assert conflicts(options) == []


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


def test_a_size_in_another_spelling_is_no_conflict() -> None:
    assert conflicts({"size": "1280×720"}, replace(REQUEST, requested_size="1280X720")) == []


@pytest.mark.parametrize("source", ["tag", "metadata"])
def test_a_tag_or_metadata_of_the_picture_is_no_conflict_because_it_takes_precedence(source: str) -> None:
    assert conflicts({"mode": "cover"}, mode=source) == []


@pytest.mark.parametrize("source", ["body", "default", "preset", "model"])
def test_an_option_from_any_other_source_is_a_conflict(source: str) -> None:
    assert conflicts({"mode": "cover"}, mode=source) == ["mode"]


def test_a_preset_that_the_job_has_not_is_a_conflict_and_the_same_preset_is_none() -> None:
    assert conflicts({"preset": "Art"}, replace(REQUEST, preset="art")) == []
    assert conflicts({"preset": "art"}, replace(REQUEST, preset="product")) == ["preset"]


@pytest.mark.parametrize(
    ("options", "conflicting"),
    [({"mode": "Sideways", "size": "12"}, []), ({"mode": "pad", "size": "13"}, ["size", "mode"])],
)
def test_a_job_without_a_request_is_compared_by_its_options_as_they_were_given(
    options: dict[str, str], conflicting: list[str]
) -> None:
    rejected = replace(RECEIVED, status=Status.REJECTED, options={"mode": "sideways", "size": "12"})

    assert request_conflicts(rejected, merge_options([("body", options)])) == conflicting


def test_an_option_that_the_job_was_not_given_is_a_conflict() -> None:
    assert request_conflicts(RECEIVED, merge_options([("body", {"mode": "pad"})])) == ["mode"]
