"""A job and its record: a job is read back as it was written, and a record has no empty parts."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from sora_ready.domain.codec import encode, encode_object
from sora_ready.domain.errors import JobError
from sora_ready.domain.job import (
    Channel,
    Decoding,
    HistoryEntry,
    Invocation,
    Job,
    Picture,
    Polling,
    ReadyCopy,
    Reconciliation,
    ServerVideo,
    SourceObject,
    Status,
    StoredVideo,
    Submission,
    timestamp,
)

from .job_parts import REQUEST

SOURCE = SourceObject("uploads", "a/photo +中.jpg", "etag-1", version_id="v1")
REJECTED = Job(
    id="video_1",
    status=Status.REJECTED,
    source=SOURCE,
    created_at="2026-11-01T10:00:00.000Z",
    updated_at="2026-11-01T10:00:01.000Z",
)
COMPLETED = Job(
    id="video_2",
    status=Status.COMPLETED,
    source=SOURCE,
    created_at="2026-11-01T10:00:00.000Z",
    updated_at="2026-11-01T10:02:00.000Z",
    invocation=Invocation(Channel.API, submit=False, task_tokens=("secret",)),
    options={"size": "auto"},
    option_sources={"size": "tag", "prompt": "metadata"},
    request=REQUEST,
    picture=Picture("JPEG", 4000, 3000, 12345),
    copy=ReadyCopy(
        bucket="outputs",
        key="ready/video_2.jpg",
        content_type="image/jpeg",
        width=1280,
        height=720,
        mode="cover",
        background="black",
        region=(0.0, 0.125, 1.0, 0.875),
        bytes=1234,
        sha256="00",
    ),
    decoding=Decoding(("2026-11-01T10:00:01.000Z",)),
    submission=Submission("a1", "2026-11-01T10:00:02.000Z", "2026-11-01T10:03:02.000Z", Decimal("0.40"), "2026-11-01"),
    server=ServerVideo("video_at_server", "completed", progress=100),
    polling=Polling(3, "2026-11-01T10:00:05.000Z"),
    reconciliation=Reconciliation(checks=1, candidates=("v1", "v2")),
    video=StoredVideo("outputs", "videos/video_2.mp4", "video/mp4", 1234, "00"),
    error=JobError("busy", "It is busy.", "Wait.", {"limit": 7}),
    due_at="2026-11-01T10:12:00.000Z",
    history=(HistoryEntry(Status.READY, "2026-11-01T10:00:01.000Z"),),
)


@pytest.mark.parametrize("job", [REJECTED, COMPLETED], ids=["rejected", "completed"])
def test_a_job_is_read_back_as_it_was_written(job: Job) -> None:
    assert Job.from_record(job.to_record()) == job


@pytest.mark.parametrize("job", [REJECTED, COMPLETED], ids=["rejected", "completed"])
def test_a_record_survives_json(job: Job) -> None:
    assert Job.from_record(json.loads(json.dumps(job.to_record()))) == job


def test_empty_parts_are_left_out() -> None:
    assert REJECTED.to_record() == {
        "job_id": "video_1",
        "status": "rejected",
        "source": {"bucket": "uploads", "key": "a/photo +中.jpg", "etag": "etag-1", "version_id": "v1"},
        "source_ref": "uploads/a/photo +中.jpg",
        "created_at": "2026-11-01T10:00:00.000Z",
        "updated_at": "2026-11-01T10:00:01.000Z",
        "history": [],
    }


def test_every_part_of_the_job_is_in_the_record() -> None:
    record = COMPLETED.to_record()
    parts = {part.name for part in fields(Job)} - {"id"}

    assert set(record) == parts | {"job_id", "source_ref"}
    assert all(record[part] == encode(getattr(COMPLETED, part)) for part in parts)


def test_the_time_a_job_is_due_is_in_its_record() -> None:
    assert COMPLETED.to_record()["due_at"] == "2026-11-01T10:12:00.000Z"


def test_a_status_is_written_as_a_plain_string() -> None:
    assert type(COMPLETED.to_record()["status"]) is str


def test_an_object_without_versions_has_no_version_id() -> None:
    assert "version_id" not in encode_object(SourceObject("b", "k", "e"))


def test_fields_that_the_server_left_out_are_left_out() -> None:
    assert encode_object(ServerVideo("v", "queued")) == {"id": "v", "status": "queued"}
    assert encode_object(ServerVideo("v", "in_progress", progress=0, expires_at=9)) == {
        "id": "v",
        "status": "in_progress",
        "progress": 0,
        "expires_at": 9,
    }


def test_timestamps_are_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=2))

    assert timestamp(datetime(2026, 7, 1, 12, 30, 5, 7_900, tzinfo=berlin)) == "2026-07-01T10:30:05.007Z"


def test_timestamps_sort_as_text() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(milliseconds=step) for step in (0, 1, 999, 1000, 60_000, 10**9)]

    assert sorted(map(timestamp, moments)) == [timestamp(moment) for moment in moments]
