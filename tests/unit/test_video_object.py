"""A job as a Video object: OpenAI's fields and types in every status, and the stack's record in `job`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from openai.types import Video

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import JobError
from sora_ready.domain.job import Job, Reconciliation, ServerVideo, SourceObject, Status
from sora_ready.entrypoints.api.video_object import VIDEO_STATUS, describe_video, find_statuses
from tests.openai_schema import OWN_FIELDS, VIDEO, assert_holds

from .job_parts import make_request

CATALOG = load_catalog()
DEFAULTS = {
    "size": "auto",
    "mode": "cover",
    "focus": "center",
    "background": "black",
    "format": "jpeg",
    "quality": "95",
    "model": "sora-2",
    "seconds": "4",
    "prompt": "Bring it to life.",
}
REQUEST = make_request(
    size="720x1280",
    seconds=8,
    mode="pad",
    focus="center",
    crop="whole",
    background="000000",
    price_usd=Decimal("0.80"),
)
VISIBLE = sorted(set(Status) - {Status.DELETED})


def make_job(status: Status = Status.RECEIVED, **parts: Any) -> Job:
    job = Job(
        "video_0b5f4c1d2e3a49788796a5b4c3d2e1f0",
        status,
        SourceObject("uploads", "beach.jpg", "e", "v"),
        created_at="2026-11-12T08:00:00.900Z",
        updated_at="2026-11-12T08:01:00.000Z",
    )
    return replace(job, **parts)


def describe(job: Job) -> dict[str, Any]:
    return describe_video(job, DEFAULTS, CATALOG)


@pytest.mark.parametrize("status", VISIBLE)
@pytest.mark.parametrize(
    "parts",
    [{"options": {}}, {"options": {"size": "tiktok"}}, {"options": {"mode": "sideways"}}, {"request": REQUEST}],
    ids=str,
)
def test_it_matches_openais_schema_in_every_status(status: Status, parts: dict[str, Any]) -> None:
    video = describe(make_job(status, error=JobError("odd", "Odd."), **parts))
    assert_holds(VIDEO, video)
    assert set(video) - set(VIDEO["properties"]) == OWN_FIELDS
    parsed: dict[str, Any] = Video.model_validate(video, strict=True).to_dict()
    assert parsed["job"]["status"] == status


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.RECEIVED, "queued"),
        (Status.READY, "queued"),
        (Status.HELD, "queued"),
        (Status.SUBMITTING, "queued"),
        (Status.UNCONFIRMED, "queued"),
        (Status.QUEUED, "queued"),
        (Status.IN_PROGRESS, "in_progress"),
        (Status.COMPLETED, "completed"),
        (Status.FAILED, "failed"),
        (Status.REJECTED, "failed"),
        (Status.CANCELED, "failed"),
    ],
)
def test_each_status_has_openais_status(status: Status, word: str) -> None:
    assert describe(make_job(status))["status"] == word


def test_every_status_but_deleted_has_one_of_openais() -> None:
    assert set(VIDEO_STATUS) == set(VISIBLE)


def test_the_list_can_be_filtered_by_openais_four_statuses_and_by_ours() -> None:
    assert find_statuses("failed") == {Status.FAILED, Status.REJECTED, Status.CANCELED}
    assert find_statuses("held") == {Status.HELD}
    assert {Status.QUEUED, Status.RECEIVED} <= find_statuses("queued")
    assert find_statuses("deleted") == find_statuses("QUEUED") == find_statuses("") == frozenset()


def test_times_are_whole_seconds() -> None:
    video = describe(make_job(Status.COMPLETED))
    assert (video["created_at"], video["completed_at"]) == (1794470400, 1794470460)
    assert describe(make_job(Status.FAILED))["completed_at"] is None


def test_once_the_frame_is_made_the_video_describes_it() -> None:
    video = describe(make_job(Status.READY, request=REQUEST))
    assert (video["size"], video["seconds"], video["prompt"]) == ("720x1280", "8", "a calm sea")
    assert video["job"]["price_usd"] == "0.80"
    assert video["job"]["request"] == {
        "model": "sora-2",
        "size": "720x1280",
        "requested_size": "auto",
        "seconds": 8,
        "mode": "pad",
        "focus": "center",
        "crop": "whole",
        "background": "000000",
        "format": "jpeg",
        "quality": 95,
    }


@pytest.mark.parametrize(
    ("options", "size", "seconds", "model"),
    [
        ({}, "1280x720", "4", "sora-2"),
        ({"size": "portrait"}, "720x1280", "4", "sora-2"),
        ({"size": "1792x1024", "model": "sora-2-pro", "seconds": "12"}, "1792x1024", "12", "sora-2-pro"),
        ({"preset": "art"}, "1280x720", "4", "sora-2"),
        ({"model": "nobody's"}, "1280x720", "4", "nobody's"),
        ({"seconds": "5"}, "1280x720", "5", "sora-2"),
    ],
)
def test_until_the_frame_is_made_the_size_is_the_first_possible_one(
    options: dict[str, str], size: str, seconds: str, model: str
) -> None:
    video = describe(make_job(options=options))
    assert (video["size"], video["seconds"], video["model"]) == (size, seconds, model)
    assert video["job"]["request"]["size"] == options.get("size", "auto")


def test_an_error_is_in_openais_format_and_in_full() -> None:
    error = JobError("invalid_size", "No.", "Yes.", {"field": "size"})
    video = describe(make_job(Status.REJECTED, error=error))
    assert video["error"] == {"code": "invalid_size", "message": "No."}
    assert video["job"]["error"] == {"code": "invalid_size", "message": "No.", "hint": "Yes.", "field": "size"}


def test_a_canceled_job_has_the_error_canceled() -> None:
    assert describe(make_job(Status.CANCELED))["error"]["code"] == "canceled"


def test_a_held_job_has_the_time_until_which_it_is_held_and_no_error() -> None:
    error = JobError("budget_spent", "Spent.", facts={"until": "2026-11-13T00:00Z"})
    video = describe(make_job(Status.HELD, request=REQUEST, error=error))
    assert (video["error"], video["job"]["until"]) == (None, "2026-11-13T00:00Z")
    assert "until" not in describe(make_job(Status.READY, request=REQUEST))["job"]


def test_an_unconfirmed_job_has_the_finding_of_its_reconciliation() -> None:
    reconciliation = Reconciliation(finding="Nothing.")
    video = describe(make_job(Status.UNCONFIRMED, request=REQUEST, reconciliation=reconciliation))
    assert video["job"]["finding"] == "Nothing."


@pytest.mark.parametrize(("progress", "shown"), [(None, 0), (40, 40), (-1, 0), (250, 100), ("half", 0)])
def test_progress_is_a_percentage_whatever_a_server_says(progress: Any, shown: int) -> None:
    server = ServerVideo("video_1", "in_progress", progress)
    assert describe(make_job(Status.IN_PROGRESS, request=REQUEST, server=server))["progress"] == shown
