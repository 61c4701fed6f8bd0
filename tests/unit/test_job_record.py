"""A job and its record: what goes in comes out, and what a job has not come to yet is not in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sora_ready.domain.job import Job, ServerVideo, SourceObject, Status, timestamp

SOURCE = SourceObject("uploads", "a/photo +中.jpg", "etag-1", version_id="v1")
YOUNG = Job(
    id="video_1",
    status=Status.REJECTED,
    source=SOURCE,
    created_at="2026-11-01T10:00:00.000Z",
    updated_at="2026-11-01T10:00:01.000Z",
)
GROWN = Job(
    id="video_2",
    status=Status.COMPLETED,
    source=SOURCE,
    created_at="2026-11-01T10:00:00.000Z",
    updated_at="2026-11-01T10:02:00.000Z",
    request={"model": "sora-2", "size": "1280x720", "seconds": 4, "prompt": "a calm sea"},
    option_sources={"size": "tag", "prompt": "metadata"},
    picture={"format": "JPEG", "width": 4000, "height": 3000},
    copy={"bucket": "outputs", "key": "ready/video_2.jpg"},
    attempt={"id": "a1", "started_at": "2026-11-01T10:00:02.000Z"},
    server={"id": "video_at_server", "status": "completed"},
    follow={"polls": 3},
    doubt={"looks": 1},
    video={"bucket": "outputs", "key": "videos/video_2.mp4", "bytes": 1234},
    error={"code": "none"},
    due_at="2026-11-01T10:12:00.000Z",
    history=({"status": "ready", "at": "2026-11-01T10:00:01.000Z"},),
)
PARTS = {"request", "option_sources", "picture", "copy", "attempt", "server", "follow", "doubt", "video", "error"}


@pytest.mark.parametrize("job", [YOUNG, GROWN], ids=["young", "grown"])
def test_a_job_is_read_back_as_it_was_written(job: Job) -> None:
    assert Job.from_record(job.to_record()) == job


@pytest.mark.parametrize("job", [YOUNG, GROWN], ids=["young", "grown"])
def test_a_record_survives_json(job: Job) -> None:
    assert Job.from_record(json.loads(json.dumps(job.to_record()))) == job


def test_what_is_empty_is_left_out() -> None:
    assert YOUNG.to_record() == {
        "job_id": "video_1",
        "status": "rejected",
        "source": {"bucket": "uploads", "key": "a/photo +中.jpg", "etag": "etag-1", "version_id": "v1"},
        "source_ref": "uploads/a/photo +中.jpg",
        "created_at": "2026-11-01T10:00:00.000Z",
        "updated_at": "2026-11-01T10:00:01.000Z",
        "history": [],
    }


def test_every_part_that_was_reached_is_in_the_record() -> None:
    record = GROWN.to_record()

    assert set(record) >= PARTS
    assert all(record[part] == getattr(GROWN, part) for part in PARTS)


def test_when_a_job_is_woken_is_in_its_record() -> None:
    assert GROWN.to_record()["due_at"] == "2026-11-01T10:12:00.000Z"


def test_a_status_is_written_as_a_plain_word() -> None:
    assert type(GROWN.to_record()["status"]) is str


def test_an_object_without_versions_has_no_version_id() -> None:
    assert "version_id" not in SourceObject("b", "k", "e").to_record()


def test_what_the_server_left_out_is_left_out() -> None:
    assert ServerVideo("v", "queued").to_record() == {"id": "v", "status": "queued"}
    assert ServerVideo("v", "in_progress", progress=0, expires_at=9).to_record() == {
        "id": "v",
        "status": "in_progress",
        "progress": 0,
        "expires_at": 9,
    }


def test_moments_are_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=2))

    assert timestamp(datetime(2026, 7, 1, 12, 30, 5, 7_900, tzinfo=berlin)) == "2026-07-01T10:30:05.007Z"


def test_moments_sort_as_text() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(milliseconds=step) for step in (0, 1, 999, 1000, 60_000, 10**9)]

    assert sorted(map(timestamp, moments)) == [timestamp(moment) for moment in moments]
