"""A message that failed its last attempt is recorded in its job; a redrive continues the job from its status."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import JobNotReadyError, SubmissionNotAcceptedError
from sora_ready.domain.job import DUE_AFTER, Job, Status, timestamp
from sora_ready.domain.job_id import make_job_id
from sora_ready.pipeline.dead_letters import Queue, mark_dead_letter, mark_dead_upload

from .function_modules import (
    CONTEXT,
    JOB,
    Event,
    Load,
    copy_event,
    due_poll,
    ready_sample,
    submit_sample,
    upload_for,
    with_real_receipt,
)
from .run_steps import path_of, recorded, submit, track
from .stack_fixtures import PATHS, TEMPLATE, Stack, eventually, load_event, move_along

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

MAX_RECEIVES = {
    name: TEMPLATE["Resources"][f"{name.title()}Queue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    for name in ("normalize", "submit", "track")
}


def received(event: Event, times: int) -> Event:
    """Return the event as its message is received for the `times`-th time."""
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(times)
    return event


def fail(load: Load, name: str, event: Event, **variables: str) -> None:
    assert len(load(name, **variables).handler(event, CONTEXT)["batchItemFailures"]) == 1


def assert_parked(stack: Stack, job: Job, queue: str, last: str) -> None:
    """Assert that the record says which queue holds the message and why, and that the job is never due."""
    last_error: Any = job.error.facts["last"]
    assert (job.error.code, last_error["code"]) == ("dead_letter", last)
    assert f"{queue}DeadLetters" in job.error.message
    assert "redrive" in job.error.hint
    assert job.due_at is None
    assert stack.due_row(job) is None


def break_adapter(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(f"sora_ready.adapters.{method}", broken)


# ---------------------------------------------------------------- the last attempt


@pytest.mark.parametrize(
    "receives", [MAX_RECEIVES["normalize"] - 1, MAX_RECEIVES["normalize"], MAX_RECEIVES["normalize"] + 1]
)
def test_an_upload_without_a_record_gets_one_at_its_last_attempt(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, receives: int
) -> None:
    # given an upload that cannot be opened
    event = received(load_event("normalize-sqs-object-created.json"), receives)
    (source,) = upload_for(stack, event)
    break_adapter(monkeypatch, "upload_bucket.UploadBucket.open_upload")

    # when
    fail(load, "normalize", event)

    # then
    job = stack.jobs.get_job(make_job_id(source))
    assert (job is None) is (receives < MAX_RECEIVES["normalize"])
    if job:
        assert (job.status, job.source) == (Status.RECEIVED, source)
        assert_parked(stack, job, "Normalize", "RuntimeError")


def test_an_upload_that_has_a_record_keeps_it(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    event = received(load_event("normalize-sqs-object-created.json"), 1)
    (source,) = upload_for(stack, event)
    break_adapter(monkeypatch, "output_bucket.OutputBucket.put_ready_copy")
    fail(load, "normalize", event)
    before = stack.jobs.get_job(make_job_id(source))
    assert before is not None
    assert stack.due_row(before) is not None

    fail(load, "normalize", received(event, MAX_RECEIVES["normalize"]))

    job = recorded(stack, before)
    assert (job.created_at, path_of(job)) == (before.created_at, ["received"])
    assert_parked(stack, job, "Normalize", "RuntimeError")


def test_a_job_that_the_server_never_accepted_is_marked_at_the_last_attempt(stack: Stack, load: Load) -> None:
    job = ready_sample(stack)
    for receives in (MAX_RECEIVES["submit"] - 1, MAX_RECEIVES["submit"]):
        assert stack.due_row(job) is not None
        # no server listens there
        fail(
            load,
            "submit",
            with_real_receipt(stack, copy_event(receives=receives)),
            VIDEO_API_BASE_URL="http://127.0.0.1:9/v1",
        )
    marked = recorded(stack, job)
    assert marked.status is Status.READY
    assert_parked(stack, marked, "Submit", "server_unreachable")
    # and each attempt was refunded
    assert stack.ledger.read_spent(marked.submission.budget_day) == 0


def test_a_job_whose_video_could_not_be_stored_is_marked_at_the_last_attempt(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_sample(stack, load)
    break_adapter(monkeypatch, "output_bucket.OutputBucket.put_video")

    def last_attempt_fails() -> bool:
        return bool(
            load("track").handler(received(due_poll(stack), MAX_RECEIVES["track"]), CONTEXT)["batchItemFailures"]
        )

    eventually(last_attempt_fails, bool)
    job = stack.jobs.get_job(JOB)
    assert job is not None
    assert job.status in {Status.QUEUED, Status.IN_PROGRESS}
    assert_parked(stack, job, "Track", "RuntimeError")


@pytest.mark.parametrize("name", sorted(MAX_RECEIVES))
def test_a_message_that_cannot_be_read_marks_no_job_and_is_retried(stack: Stack, load: Load, name: str) -> None:
    samples = {
        "normalize": "normalize-sqs-object-created.json",
        "submit": "submit-sqs-job.json",
        "track": "track-sqs-poll.json",
    }
    event = received(load_event(samples[name]), MAX_RECEIVES[name])
    event["Records"][0]["body"] = "{}"

    fail(load, name, event)

    assert stack.dynamodb.scan(TableName=stack.table)["Items"] == []


def test_a_table_that_fails_does_not_hide_why_the_message_failed(stack: Stack, load: Load) -> None:
    ready_sample(stack)
    stack.dynamodb.delete_table(TableName=stack.table)

    fail(load, "submit", with_real_receipt(stack, copy_event(receives=MAX_RECEIVES["submit"])))


def test_the_mark_of_an_unexpected_error_has_only_its_class(stack: Stack) -> None:
    job = stack.ready_job()

    marked = mark_dead_letter(job.id, Queue.SUBMIT, RuntimeError("a calm sea at sk-secret"), stack.jobs)

    assert marked is not None
    assert marked.error.facts["last"] == {"code": "RuntimeError"}


# ---------------------------------------------------------------- which jobs are marked


@pytest.mark.parametrize(
    ("queue", "statuses"),
    [
        (Queue.NORMALIZE, {Status.RECEIVED}),
        (Queue.SUBMIT, {Status.READY}),
        (Queue.TRACK, {Status.QUEUED, Status.IN_PROGRESS, Status.UNCONFIRMED}),
    ],
)
@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RECEIVED])
def test_a_job_that_does_not_wait_for_the_queue_is_left_alone(
    stack: Stack, queue: Queue, statuses: set[Status], status: Status
) -> None:
    # given a job that something else moves: a mark would stop it
    job = move_along(stack.jobs, stack.ready_job(), steps_to(status))

    marked = mark_dead_letter(job.id, queue, JobNotReadyError(job.id), stack.jobs)

    assert (marked is not None) is (status in statuses)
    assert recorded(stack, job) == (marked or job)


def steps_to(status: Status) -> tuple[Status, ...]:
    """Return the steps from `ready` to `status`; a job that was ready cannot be rejected, so that it is canceled."""
    return (Status.CANCELED,) if status is Status.REJECTED else PATHS[status][1:]


def test_a_copys_event_that_failed_for_good_does_not_stop_its_upload(stack: Stack) -> None:
    # given an upload whose copy was saved, and whose record does not name it yet
    source = stack.upload("beach.jpg", b"picture")
    job = mark_dead_upload(source, RuntimeError(), stack.jobs, stack.uploads)
    assert job is not None
    job = stack.jobs.update_job(job)

    # when the event of the copy fails its last attempt
    assert mark_dead_letter(job.id, Queue.SUBMIT, JobNotReadyError(job.id), stack.jobs) is None

    # then the upload is still resumed
    assert stack.due_row(job) is not None


def test_an_unconfirmed_job_stays_where_others_are_matched_against_it(stack: Stack) -> None:
    job = stack.unconfirmed_job()

    marked = mark_dead_letter(job.id, Queue.TRACK, RuntimeError(), stack.jobs)

    assert marked is not None
    assert marked.error.code == "dead_letter"
    # resumed once a day, not every five minutes
    assert marked.due_at == timestamp(stack.clock() + timedelta(days=1))
    unsettled = stack.jobs.find_open(stack.due_row(job).fingerprint or "")
    assert [row.job_id for row in unsettled] == [job.id]


def test_a_message_without_a_job_marks_nothing(stack: Stack) -> None:
    assert mark_dead_letter(None, Queue.SUBMIT, RuntimeError(), stack.jobs) is None
    assert mark_dead_letter("video_nowhere", Queue.SUBMIT, RuntimeError(), stack.jobs) is None


# ---------------------------------------------------------------- the redrive


def test_a_redriven_upload_is_normalized(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    event = received(load_event("normalize-sqs-object-created.json"), MAX_RECEIVES["normalize"])
    (source,) = upload_for(stack, event)
    with monkeypatch.context() as broken:
        break_adapter(broken, "upload_bucket.UploadBucket.open_upload")
        fail(load, "normalize", event)

    load("normalize").handler(received(event, 1), CONTEXT)

    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    assert (job.status, job.error) == (Status.READY, None)
    assert stack.due_row(job) is not None


def test_a_redriven_job_is_sent_once(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    mark_dead_letter(job.id, Queue.SUBMIT, SubmissionNotAcceptedError("http_429", "wait"), stack.jobs)

    done = submit(stack, video_server, job)

    assert (done.status, done.error) == (Status.QUEUED, None)
    assert stack.due_row(done) is not None
    assert submit(stack, video_server, job) == done
    assert len(fake_server.request_log.creates()) == 1


@pytest.mark.parametrize("behind", [0, 1])
def test_a_redriven_poll_continues_from_the_recorded_count(
    stack: Stack, video_server: VideoServerClient, behind: int
) -> None:
    # given that the last poll may have been counted, and its next message not sent
    job = stack.sent_job("video_" + "0" * 32, polls=4)
    mark_dead_letter(job.id, Queue.TRACK, RuntimeError(), stack.jobs)

    polled = track(stack, video_server, job.id, polls=4 - behind)

    assert stack.polls() == [({"job_id": job.id, "polls": 5}, 37)]
    assert polled.due_at == timestamp(stack.clock() + timedelta(seconds=37) + DUE_AFTER[Status.QUEUED])
    # and a second equal message polls nothing
    stack.calls.clear()
    track(stack, video_server, job.id, polls=4 - behind)
    assert (stack.polls(), stack.calls.names()) == ([], ["dynamodb.GetItem"])


def test_a_redriven_submission_schedules_a_poll_of_a_parked_job(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job("video_1")
    mark_dead_letter(job.id, Queue.TRACK, RuntimeError(), stack.jobs)

    submit(stack, video_server, job)

    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 10)]
    assert fake_server.request_log.entries() == []


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELED])
def test_a_redrive_of_a_job_that_has_ended_sends_nothing(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, status: Status
) -> None:
    job = move_along(stack.jobs, stack.ready_job(), steps_to(status))

    for redelivered in (False, True):
        assert submit(stack, video_server, job, redelivered=redelivered) == job
        assert track(stack, video_server, job.id, redelivered=redelivered) == job

    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])
    assert json.dumps(recorded(stack, job).to_record()) == json.dumps(job.to_record())
