"""In a bucket without versions, an upload is one job through every channel, and the next upload is another job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.domain.errors import AwsServiceError
from sora_ready.domain.job import Job, SourceObject, Status, timestamp, whole_seconds
from sora_ready.domain.job_id import make_job_id
from sora_ready.entrypoints.sqs import parse_object_created
from sora_ready.pipeline.backfill import Backfill, BatchTask
from sora_ready.pipeline.dead_letters import mark_dead_upload

from .on_demand import KEY, invoke_normalize
from .run_steps import normalize, normalize_step, recorded
from .stack_fixtures import Stack, make_job, picture

BUCKET = "plain"


@dataclass
class PlainBucket:
    """A bucket without versions. Its objects are last modified when they are uploaded, by the stack's clock."""

    stack: Stack
    uploads: int = 0
    modified: Any = None
    unavailable: bool = False

    def upload(self, data: bytes = picture(80, 60)) -> SourceObject:
        """Upload a picture; return it as S3's event names it."""
        self.uploads += 1
        self.modified = self.stack.clock()
        upload = self.stack.upload(KEY, data, bucket=BUCKET)
        assert upload.version_id is None
        return replace(upload, sequencer=f"00617F08299329D{self.uploads:03}")

    def identified(self, upload: SourceObject) -> SourceObject:
        """Return the upload as its job id is computed from it."""
        return replace(upload, modified=whole_seconds(self.modified))

    def deliver(self, channel: str, upload: SourceObject) -> Job:
        """Deliver the upload through one of the channels; return its job."""
        if channel == "event":
            return normalize(self.stack, upload)
        if channel == "invocation":
            return invoke_normalize(self.stack, bucket=BUCKET)
        return Backfill(normalize_step(self.stack), BUCKET)(BatchTask("task-1", "batch-1", BUCKET, KEY))

    def records(self) -> set[str]:
        """Return the ids of all recorded jobs."""
        return {item["job_id"]["S"] for item in self.stack.dynamodb.scan(TableName=self.stack.table)["Items"]}


@pytest.fixture
def plain(stack: Stack) -> Iterator[PlainBucket]:
    stack.s3.create_bucket(Bucket=BUCKET)
    plain = PlainBucket(stack)

    def fail(**_: Any) -> None:
        if plain.unavailable:
            raise ClientError({"Error": {"Code": "503"}}, "HeadObject")

    def set_last_modified(parsed: dict[str, Any], **_: Any) -> None:
        parsed["LastModified"] = plain.modified

    stack.s3.meta.events.register("before-call.s3.HeadObject", fail)
    stack.s3.meta.events.register("after-call.s3.HeadObject", set_last_modified)
    yield plain
    stack.s3.meta.events.unregister("before-call.s3.HeadObject", fail)
    stack.s3.meta.events.unregister("after-call.s3.HeadObject", set_last_modified)


CHANNELS = ["event", "invocation", "backfill"]


# ---------------------------------------------------------------- one upload, one job


@pytest.mark.parametrize("order", list(permutations(CHANNELS)), ids=" ".join)
def test_an_upload_is_one_job_whichever_channel_is_the_fastest(
    plain: PlainBucket, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    # given an index by-source that is still behind
    monkeypatch.setattr(plain.stack.jobs, "find_by_source", lambda _: iter(()))
    upload = plain.upload()

    jobs = [plain.deliver(channel, upload) for channel in (*order, *order)]

    assert jobs == [jobs[0]] * 6
    assert plain.records() == {make_job_id(plain.identified(upload))}
    assert len(plain.stack.output_keys("ready/")) == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_same_bytes_uploaded_again_are_a_job_of_their_own(plain: PlainBucket, channel: str) -> None:
    first = plain.deliver(channel, plain.upload())
    plain.stack.clock.advance(seconds=1)

    second = plain.deliver(channel, plain.upload())

    assert (first.status, second.status) == (Status.READY, Status.READY)
    assert plain.records() == {first.id, second.id}
    assert len(plain.records()) == 2


def test_the_same_bytes_within_the_same_second_are_the_same_job(plain: PlainBucket) -> None:
    first = plain.deliver("event", plain.upload())
    plain.stack.clock.advance(milliseconds=999)

    assert plain.deliver("event", plain.upload()) == first


def test_the_record_keeps_the_sequencer_which_is_no_part_of_the_id(plain: PlainBucket) -> None:
    upload = plain.upload()

    job = plain.deliver("event", upload)

    assert job.source == replace(upload, modified="2026-11-12T08:00:00Z")
    assert make_job_id(replace(job.source, sequencer=None)) == job.id


def test_finding_the_job_costs_one_head_and_two_reads(plain: PlainBucket) -> None:
    upload = plain.upload()
    plain.deliver("event", upload)

    plain.deliver("event", upload)

    assert plain.stack.calls.names() == ["dynamodb.GetItem", "s3.HeadObject", "dynamodb.GetItem"]


# ---------------------------------------------------------------- uploads that are gone


def test_an_upload_that_is_replaced_unread_is_rejected_under_its_events_id(plain: PlainBucket) -> None:
    upload = plain.upload()
    newer = plain.upload(picture(60, 80))

    job = plain.deliver("event", upload)

    assert (job.id, job.status, job.error.code) == (make_job_id(upload), Status.REJECTED, "source_replaced")
    assert plain.deliver("event", newer).status is Status.READY


def delete(plain: PlainBucket) -> None:
    plain.stack.s3.delete_object(Bucket=BUCKET, Key=KEY)


def test_an_upload_that_is_deleted_unread_is_rejected_under_its_events_id(plain: PlainBucket) -> None:
    upload = plain.upload()
    delete(plain)

    job = plain.deliver("event", upload)

    assert (job.id, job.error.code) == (make_job_id(upload), "source_missing")
    assert plain.deliver("event", upload) == job


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("lose", [delete, lambda plain: plain.upload(picture(60, 80))], ids=["deleted", "replaced"])
def test_an_event_after_its_upload_is_gone_finds_the_uploads_job(
    plain: PlainBucket, channel: str, lose: Callable[[PlainBucket], Any]
) -> None:
    upload = plain.upload()
    job = plain.deliver(channel, upload)
    lose(plain)

    assert plain.deliver("event", upload) == job

    assert plain.records() == {job.id}


@pytest.mark.parametrize("channel", ["event", "invocation"])
@pytest.mark.parametrize("replaced", [False, True])
def test_an_event_that_the_sweep_sends_again_is_the_same_job(
    plain: PlainBucket, channel: str, *, replaced: bool
) -> None:
    # given a job whose worker crashed before it decoded anything
    upload = plain.identified(plain.upload())
    source = upload if channel == "event" else replace(upload, sequencer=None)
    job = plain.stack.jobs.put_job(make_job(source, status=Status.RECEIVED))
    if replaced:
        plain.stack.clock.advance(seconds=5)
        plain.upload(picture(60, 80))

    # when
    plain.stack.normalize_queue.send_upload(job.source)
    (message,) = plain.stack.messages(plain.stack.normalize_queue_url)
    done = normalize(plain.stack, parse_object_created(json.dumps(message)))

    # then
    assert (done.id, done.status) == (job.id, Status.REJECTED if replaced else Status.READY)
    assert plain.records() == {job.id}
    assert "s3.HeadObject" not in plain.stack.calls.names()


def test_a_time_of_modification_in_an_event_of_s3_is_ignored() -> None:
    created = {"key": KEY, "etag": "e", "modified": "2026-11-12T08:00:00Z"}
    detail = {"bucket": {"name": BUCKET}, "object": created}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert parse_object_created(json.dumps(event)).modified is None


# ---------------------------------------------------------------- jobs whose id lacks the time of modification


def unmodified_job(plain: PlainBucket, source: SourceObject, status: Status = Status.RECEIVED) -> Job:
    """Record a job whose id was computed without the time of modification."""
    job = replace(make_job(source, status=status), created_at=timestamp(plain.stack.clock()))
    return plain.stack.jobs.put_job(job)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("status", [Status.RECEIVED, Status.READY])
@pytest.mark.parametrize("sequencer", [True, False], ids=["of an event", "of an invocation"])
def test_a_job_whose_id_lacks_the_time_of_modification_is_the_uploads_job(
    plain: PlainBucket, channel: str, status: Status, *, sequencer: bool
) -> None:
    upload = plain.upload()
    plain.stack.clock.advance(milliseconds=200)
    job = unmodified_job(plain, upload if sequencer else replace(upload, sequencer=None), status)

    done = plain.deliver(channel, upload)

    assert (done.id, done.status) == (job.id, Status.READY)
    assert plain.records() == {job.id}


@pytest.mark.parametrize("channel", CHANNELS)
def test_such_a_job_is_not_that_of_a_later_upload_of_the_same_bytes(plain: PlainBucket, channel: str) -> None:
    job = unmodified_job(plain, plain.upload(), Status.READY)
    plain.stack.clock.advance(minutes=5)

    assert plain.deliver(channel, plain.upload()).id != job.id


# ---------------------------------------------------------------- the last attempt


def mark(plain: PlainBucket, upload: SourceObject) -> Job:
    job = mark_dead_upload(upload, RuntimeError(), plain.stack.jobs, plain.stack.uploads)
    assert job is not None
    assert job.error.code == "dead_letter"
    return job


def test_an_upload_that_failed_its_last_attempt_is_recorded_under_its_own_id(plain: PlainBucket) -> None:
    upload = plain.upload()

    job = mark(plain, upload)

    assert job.source == plain.identified(upload)
    assert plain.deliver("invocation", upload).id == plain.deliver("event", upload).id == job.id


def test_the_recorded_job_is_the_one_that_is_marked(plain: PlainBucket) -> None:
    upload = plain.upload()
    before = plain.stack.jobs.put_job(make_job(plain.identified(upload), status=Status.RECEIVED))
    for unavailable in (False, True):
        plain.unavailable = unavailable
        assert mark(plain, upload).id == before.id
    assert plain.records() == {before.id}


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_upload_that_failed_because_s3_was_unavailable_is_still_one_job(plain: PlainBucket, channel: str) -> None:
    # given a message that failed because S3 is unavailable
    upload = plain.upload()
    plain.unavailable = True
    with pytest.raises(AwsServiceError):
        plain.deliver("event", upload)
    job = mark(plain, upload)
    plain.unavailable = False

    # when it is delivered again, through any channel, and redriven
    done = plain.deliver(channel, upload)

    assert (done.id, done.status) == (job.id, Status.READY)
    assert plain.deliver("event", upload) == done
    assert plain.records() == {job.id}


def test_a_redrive_after_an_invocation_makes_no_second_copy(plain: PlainBucket) -> None:
    # given an invocation at the same moment as the mark
    upload = plain.upload()
    done = plain.deliver("invocation", upload)
    marked = plain.stack.jobs.put_job(make_job(upload, status=Status.RECEIVED))

    assert plain.deliver("event", upload) == done

    assert recorded(plain.stack, marked) == marked
    assert plain.stack.output_keys("ready/") == [done.copy.key]
