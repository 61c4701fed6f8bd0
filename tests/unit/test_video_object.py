"""A job as a Video object: OpenAI's fields with OpenAI's types in every status, and what is ours in `job`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from openai.types import Video

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.entrypoints.api.video_object import STATUS_WORDS, describe_video, find_statuses
from tests.openai_schema import OWN_FIELDS, VIDEO, assert_holds

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
DECIDED = {"model": "sora-2", "size": "720x1280", "seconds": 8, "prompt": "a calm sea", "price_usd": "0.80"}
VISIBLE = sorted(set(Status) - {Status.DELETED})


def job(status: Status = Status.RECEIVED, **parts: Any) -> Job:
    made = Job(
        "video_0b5f4c1d2e3a49788796a5b4c3d2e1f0",
        status,
        SourceObject("uploads", "beach.jpg", "e", "v"),
        created_at="2026-11-12T08:00:00.900Z",
        updated_at="2026-11-12T08:01:00.000Z",
    )
    return replace(made, **parts)


def told(made: Job) -> dict[str, Any]:
    return describe_video(made, DEFAULTS, CATALOG)


@pytest.mark.parametrize("status", VISIBLE)
@pytest.mark.parametrize("request_", [{}, {"size": "tiktok"}, {"mode": "sideways"}, DECIDED], ids=str)
def test_it_holds_against_openais_schema_in_every_status(status: Status, request_: dict[str, Any]) -> None:
    video = told(job(status, request=request_, error={"code": "odd", "message": "Odd."}))
    assert_holds(VIDEO, video)
    assert set(video) - set(VIDEO["properties"]) == OWN_FIELDS
    assert Video.model_validate(video, strict=True).to_dict()["job"]["status"] == status


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
def test_each_status_has_openais_word(status: Status, word: str) -> None:
    assert told(job(status))["status"] == word


def test_every_status_but_deleted_has_a_word() -> None:
    assert set(STATUS_WORDS) == set(VISIBLE)


def test_the_lists_words_are_openais_four_and_ours() -> None:
    assert find_statuses("failed") == {Status.FAILED, Status.REJECTED, Status.CANCELED}
    assert find_statuses("held") == {Status.HELD}
    assert {Status.QUEUED, Status.RECEIVED} <= find_statuses("queued")
    assert find_statuses("deleted") == find_statuses("QUEUED") == find_statuses("") == frozenset()


def test_times_are_whole_seconds() -> None:
    video = told(job(Status.COMPLETED))
    assert (video["created_at"], video["completed_at"]) == (1794470400, 1794470460)
    assert told(job(Status.FAILED))["completed_at"] is None


def test_what_the_frame_decided_is_told() -> None:
    video = told(job(Status.READY, request=DECIDED | {"size_asked": "auto", "mode": "pad"}))
    assert (video["size"], video["seconds"], video["prompt"]) == ("720x1280", "8", "a calm sea")
    assert video["job"]["price_usd"] == "0.80"
    assert video["job"]["request"] == {
        "model": "sora-2",
        "size": "720x1280",
        "size_asked": "auto",
        "seconds": 8,
        "mode": "pad",
    }


@pytest.mark.parametrize(
    ("asked", "size", "seconds", "model"),
    [
        ({}, "1280x720", "4", "sora-2"),
        ({"size": "portrait"}, "720x1280", "4", "sora-2"),
        ({"size": "1792x1024", "model": "sora-2-pro", "seconds": "12"}, "1792x1024", "12", "sora-2-pro"),
        ({"preset": "art"}, "1280x720", "4", "sora-2"),
        ({"model": "nobody's"}, "1280x720", "4", "nobody's"),
        ({"seconds": "5"}, "1280x720", "5", "sora-2"),
    ],
)
def test_until_the_frame_is_decided_the_first_open_size_stands(
    asked: dict[str, str], size: str, seconds: str, model: str
) -> None:
    video = told(job(request=asked))
    assert (video["size"], video["seconds"], video["model"]) == (size, seconds, model)
    assert video["job"]["request"]["size"] == asked.get("size", "auto")


def test_a_failure_is_told_twice_in_openais_words_and_in_full() -> None:
    error = {"code": "invalid_size", "message": "No.", "hint": "Yes.", "field": "size"}
    video = told(job(Status.REJECTED, error=error))
    assert video["error"] == {"code": "invalid_size", "message": "No."}
    assert video["job"]["error"] == error


def test_a_canceled_job_failed_for_that() -> None:
    assert told(job(Status.CANCELED))["error"]["code"] == "canceled"


def test_a_held_job_says_until_when_and_is_no_failure() -> None:
    error = {"code": "budget_spent", "message": "Spent.", "until": "2026-11-13T00:00Z"}
    video = told(job(Status.HELD, request=DECIDED, error=error))
    assert (video["error"], video["job"]["until"]) == (None, "2026-11-13T00:00Z")
    assert "until" not in told(job(Status.READY, request=DECIDED))["job"]


def test_a_job_in_doubt_says_what_is_known() -> None:
    video = told(job(Status.UNCONFIRMED, request=DECIDED, doubt={"found": "Nothing."}))
    assert video["job"]["doubt"] == "Nothing."


@pytest.mark.parametrize(("progress", "shown"), [(None, 0), (40, 40), (-1, 0), (250, 100), ("half", 0)])
def test_progress_is_a_percentage_whatever_a_server_says(progress: Any, shown: int) -> None:
    server = {"id": "video_1", "status": "in_progress", "progress": progress}
    assert told(job(Status.IN_PROGRESS, request=DECIDED, server=server))["progress"] == shown
