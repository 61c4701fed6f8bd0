"""Where a bucket keeps no versions, an upload is one job whichever door it comes by, and the next upload another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.domain.job import Job, SourceObject, Status, timestamp, whole_seconds
from sora_ready.domain.job_id import make_job_id
from sora_ready.entrypoints.s3_batch import BatchTask
from sora_ready.entrypoints.s3_events import parse_object_created
from sora_ready.pipeline.backfill import Backfill
from sora_ready.pipeline.dead_letters import mark_dead_upload

from .on_demand import KEY, invoke_normalize
from .run_steps import CATALOG, normalize, recorded
from .stack_fixtures import DEFAULTS, Stack, make_job, picture

BUCKET = "plain"


@dataclass
class Plain:
    """A bucket without versions, whose objects were last modified when the stack's clock said so."""

    stack: Stack
    numbers: int = 0
    modified: Any = None
    away: bool = False

    def drop(self, data: bytes = picture(80, 60)) -> SourceObject:
        """Upload a picture; return what S3's event says of it."""
        self.numbers += 1
        self.modified = self.stack.clock()
        upload = self.stack.upload(KEY, data, bucket=BUCKET)
        assert upload.version_id is None
        return replace(upload, sequencer=f"00617F08299329D{self.numbers:03}")

    def named(self, upload: SourceObject) -> SourceObject:
        """The upload as its job is named after it."""
        return replace(upload, modified=whole_seconds(self.modified))

    def come(self, door: str, upload: SourceObject) -> Job:
        """Have the upload come by one of the doors, with no help of an index that may be behind."""
        if door == "event":
            return normalize(self.stack, upload)
        if door == "call":
            return invoke_normalize(self.stack, bucket=BUCKET)
        step = Backfill(
            jobs=self.stack.jobs,
            uploads=self.stack.uploads,
            outputs=self.stack.outputs,
            catalog=CATALOG,
            defaults=DEFAULTS,
            upload_bucket=BUCKET,
            max_source_bytes=1_000_000,
            decode_timeout_seconds=90,
        )
        result = step.process(BatchTask("task-1", "batch-1", BUCKET, KEY, None, {}))
        job = self.stack.jobs.get_job(result.message.split(" ", maxsplit=1)[0])
        assert job, result.message
        return job

    def records(self) -> set[str]:
        """The ids of all jobs on record."""
        return {item["job_id"]["S"] for item in self.stack.dynamodb.scan(TableName=self.stack.table)["Items"]}


@pytest.fixture
def plain(stack: Stack) -> Iterator[Plain]:
    stack.s3.create_bucket(Bucket=BUCKET)
    plain = Plain(stack)

    def refuse(**_: Any) -> None:
        if plain.away:
            raise ClientError({"Error": {"Code": "503"}}, "HeadObject")

    def date(parsed: dict[str, Any], **_: Any) -> None:
        parsed["LastModified"] = plain.modified

    stack.s3.meta.events.register("before-call.s3.HeadObject", refuse)
    stack.s3.meta.events.register("after-call.s3.HeadObject", date)
    yield plain
    stack.s3.meta.events.unregister("before-call.s3.HeadObject", refuse)
    stack.s3.meta.events.unregister("after-call.s3.HeadObject", date)


DOORS = ["event", "call", "backfill"]


# ---------------------------------------------------------------- one upload, one job


@pytest.mark.parametrize("order", list(permutations(DOORS)), ids=" ".join)
def test_an_upload_is_one_job_whichever_door_is_the_quickest(
    plain: Plain, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    # given that the index by source knows of nothing yet
    monkeypatch.setattr(plain.stack.jobs, "find_by_source", lambda _: iter(()))
    upload = plain.drop()

    jobs = [plain.come(door, upload) for door in (*order, *order)]

    assert jobs == [jobs[0]] * 6
    assert plain.records() == {make_job_id(plain.named(upload))}
    assert len(plain.stack.output_keys("ready/")) == 1


@pytest.mark.parametrize("door", DOORS)
def test_the_same_bytes_uploaded_again_are_a_job_of_their_own(plain: Plain, door: str) -> None:
    first = plain.come(door, plain.drop())
    plain.stack.clock.advance(seconds=1)

    second = plain.come(door, plain.drop())

    assert (first.status, second.status) == (Status.READY, Status.READY)
    assert plain.records() == {first.id, second.id}
    assert len(plain.records()) == 2


def test_the_same_bytes_within_the_same_second_are_the_same_job(plain: Plain) -> None:
    first = plain.come("event", plain.drop())
    plain.stack.clock.advance(milliseconds=999)

    assert plain.come("event", plain.drop()) == first


def test_the_record_keeps_the_sequencer_that_names_nothing(plain: Plain) -> None:
    upload = plain.drop()

    job = plain.come("event", upload)

    assert job.source == replace(upload, modified="2026-11-12T08:00:00Z")
    assert make_job_id(replace(job.source, sequencer=None)) == job.id


def test_it_costs_one_look_and_two_reads_to_know_the_job(plain: Plain) -> None:
    upload = plain.drop()
    plain.come("event", upload)

    plain.come("event", upload)

    assert plain.stack.calls.names() == ["dynamodb.GetItem", "s3.HeadObject", "dynamodb.GetItem"]


# ---------------------------------------------------------------- what cannot be looked at any more


def test_an_upload_that_is_replaced_unread_is_rejected_under_the_name_of_its_event(plain: Plain) -> None:
    upload = plain.drop()
    newer = plain.drop(picture(60, 80))

    job = plain.come("event", upload)

    assert (job.id, job.status, job.error.code) == (make_job_id(upload), Status.REJECTED, "source_replaced")
    assert plain.come("event", newer).status is Status.READY


def delete(plain: Plain) -> None:
    plain.stack.s3.delete_object(Bucket=BUCKET, Key=KEY)


def test_an_upload_that_is_deleted_unread_is_rejected_under_the_name_of_its_event(plain: Plain) -> None:
    upload = plain.drop()
    delete(plain)

    job = plain.come("event", upload)

    assert (job.id, job.error.code) == (make_job_id(upload), "source_missing")
    assert plain.come("event", upload) == job


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("lose", [delete, lambda plain: plain.drop(picture(60, 80))], ids=["deleted", "replaced"])
def test_an_event_that_comes_after_its_upload_is_gone_is_its_job_all_the_same(
    plain: Plain, door: str, lose: Callable[[Plain], Any]
) -> None:
    upload = plain.drop()
    job = plain.come(door, upload)
    lose(plain)

    assert plain.come("event", upload) == job

    assert plain.records() == {job.id}


@pytest.mark.parametrize("door", ["event", "call"])
@pytest.mark.parametrize("replaced", [False, True])
def test_what_sweep_announces_again_is_the_same_job(plain: Plain, door: str, *, replaced: bool) -> None:
    # given a job whose worker died before it decoded anything
    upload = plain.named(plain.drop())
    source = upload if door == "event" else replace(upload, sequencer=None)
    job = plain.stack.jobs.put_job(make_job(source, status=Status.RECEIVED))
    if replaced:
        plain.stack.clock.advance(seconds=5)
        plain.drop(picture(60, 80))

    # when
    plain.stack.normalize_queue.send_upload(job.source)
    (message,) = plain.stack.messages(plain.stack.normalize_queue_url)
    done = normalize(plain.stack, parse_object_created(json.dumps(message)))

    # then
    assert (done.id, done.status) == (job.id, Status.REJECTED if replaced else Status.READY)
    assert plain.records() == {job.id}
    assert "s3.HeadObject" not in plain.stack.calls.names()


def test_an_event_of_s3_does_not_say_when_an_object_was_modified() -> None:
    told = {"key": KEY, "etag": "e", "modified": "2026-11-12T08:00:00Z"}
    detail = {"bucket": {"name": BUCKET}, "object": told}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert parse_object_created(json.dumps(event)).modified is None


# ---------------------------------------------------------------- jobs from before


def old_job(plain: Plain, source: SourceObject, status: Status = Status.RECEIVED) -> Job:
    """A job as it was named when nobody asked when its upload was modified."""
    job = replace(make_job(source, status=status), created_at=timestamp(plain.stack.clock()))
    return plain.stack.jobs.put_job(job)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("status", [Status.RECEIVED, Status.READY])
@pytest.mark.parametrize("named", ["by its event", "by a call"])
def test_a_job_that_is_on_record_from_before_is_the_uploads_job(
    plain: Plain, door: str, status: Status, named: str
) -> None:
    upload = plain.drop()
    plain.stack.clock.advance(milliseconds=200)
    job = old_job(plain, upload if named == "by its event" else replace(upload, sequencer=None), status)

    done = plain.come(door, upload)

    assert (done.id, done.status) == (job.id, Status.READY)
    assert plain.records() == {job.id}


@pytest.mark.parametrize("door", DOORS)
def test_a_job_from_before_is_not_that_of_a_later_upload_of_the_same_bytes(plain: Plain, door: str) -> None:
    job = old_job(plain, plain.drop(), Status.READY)
    plain.stack.clock.advance(minutes=5)

    assert plain.come(door, plain.drop()).id != job.id


# ---------------------------------------------------------------- the last try


def mark(plain: Plain, upload: SourceObject) -> Job:
    job = mark_dead_upload(upload, "Normalize", RuntimeError(), plain.stack.jobs, plain.stack.uploads)
    assert job is not None
    assert job.error.code == "dead_letter"
    return job


def test_an_upload_that_failed_to_the_last_is_on_record_under_its_own_name(plain: Plain) -> None:
    upload = plain.drop()

    job = mark(plain, upload)

    assert job.source == plain.named(upload)
    assert plain.come("call", upload).id == plain.come("event", upload).id == job.id


def test_a_job_that_was_begun_is_the_one_that_is_marked(plain: Plain) -> None:
    upload = plain.drop()
    begun = plain.stack.jobs.put_job(make_job(plain.named(upload), status=Status.RECEIVED))
    for away in (False, True):
        plain.away = away
        assert mark(plain, upload).id == begun.id
    assert plain.records() == {begun.id}


@pytest.mark.parametrize("door", DOORS)
def test_an_upload_that_nobody_could_look_at_is_still_one_job_afterwards(plain: Plain, door: str) -> None:
    # given that S3 cannot be asked, which is why the message failed
    upload = plain.drop()
    plain.away = True
    with pytest.raises(ClientError):
        plain.come("event", upload)
    job = mark(plain, upload)
    plain.away = False

    # when it comes again, by whichever door, and is redriven
    done = plain.come(door, upload)

    assert (done.id, done.status) == (job.id, Status.READY)
    assert plain.come("event", upload) == done
    assert plain.records() == {job.id}


def test_a_redrive_of_an_upload_that_a_call_took_up_meanwhile_makes_no_second_copy(plain: Plain) -> None:
    # given a call that saw nothing of the mark, as it came at the same moment
    upload = plain.drop()
    done = plain.come("call", upload)
    marked = plain.stack.jobs.put_job(make_job(upload, status=Status.RECEIVED))

    assert plain.come("event", upload) == done

    assert recorded(plain.stack, marked) == marked
    assert plain.stack.output_keys("ready/") == [done.copy.key]
