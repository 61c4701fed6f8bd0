"""A message that failed to its last try says so in its job's record; a redrive takes the job up where it stands."""

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
from sora_ready.pipeline.dead_letters import mark_dead_letter, mark_dead_upload

from .function_modules import (
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
from .stack_fixtures import TEMPLATE, Stack, eventually, load_event, move_along

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

LAST = {
    name: TEMPLATE["Resources"][f"{name.title()}Queue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    for name in ("normalize", "submit", "track")
}


def receive(event: Event, count: int) -> Event:
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(count)
    return event


def fails(load: Load, name: str, event: Event, **variables: str) -> None:
    assert len(load(name, **variables).handler(event, None)["batchItemFailures"]) == 1


def assert_left_to_people(stack: Stack, job: Job, queue: str, last: str) -> None:
    """The record says which queue the message waits in and why, and nothing wakes the job."""
    assert (job.error.code, job.error.facts["last"]["code"]) == ("dead_letter", last)
    assert f"{queue}DeadLetters" in job.error.message
    assert "redrive" in job.error.hint
    assert job.due_at is None
    assert stack.due_row(job) is None


def break_bucket(monkeypatch: pytest.MonkeyPatch, adapter: str) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("away")

    monkeypatch.setattr(f"sora_ready.adapters.buckets.{adapter}", broken)


# ---------------------------------------------------------------- the last try


@pytest.mark.parametrize("tries", [LAST["normalize"] - 1, LAST["normalize"], LAST["normalize"] + 1])
def test_an_upload_that_has_no_record_is_given_one_at_its_last_try(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    # given an upload that cannot even be opened
    event = receive(load_event("normalize-sqs-object-created.json"), tries)
    (source,) = upload_for(stack, event)
    break_bucket(monkeypatch, "UploadBucket.open_upload")

    # when
    fails(load, "normalize", event)

    # then
    job = stack.jobs.get_job(make_job_id(source))
    assert (job is None) is (tries < LAST["normalize"])
    if job:
        assert (job.status, job.source) == (Status.RECEIVED, source)
        assert_left_to_people(stack, job, "Normalize", "RuntimeError")


def test_an_upload_whose_record_was_begun_keeps_it(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    event = receive(load_event("normalize-sqs-object-created.json"), 1)
    (source,) = upload_for(stack, event)
    break_bucket(monkeypatch, "OutputBucket.put_ready_copy")
    fails(load, "normalize", event)
    begun = stack.jobs.get_job(make_job_id(source))
    assert begun is not None
    assert stack.due_row(begun) is not None

    fails(load, "normalize", receive(event, LAST["normalize"]))

    job = recorded(stack, begun)
    assert (job.created_at, path_of(job)) == (begun.created_at, ["received"])
    assert_left_to_people(stack, job, "Normalize", "RuntimeError")


def test_a_job_that_a_server_never_took_is_marked_at_the_last_try(stack: Stack, load: Load) -> None:
    job = ready_sample(stack)
    for tries in (LAST["submit"] - 1, LAST["submit"]):
        assert stack.due_row(job) is not None
        # nothing listens there
        fails(
            load,
            "submit",
            with_real_receipt(stack, copy_event(receives=tries)),
            VIDEO_API_BASE_URL="http://127.0.0.1:9/v1",
        )
    marked = recorded(stack, job)
    assert marked.status is Status.READY
    assert_left_to_people(stack, marked, "Submit", "server_unreachable")
    # and the day was given back what the tries had taken
    assert stack.ledger.read_spent(marked.submission.budget_day) == 0


def test_a_video_that_could_not_be_stored_is_marked_at_the_last_try(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_sample(stack, load)
    break_bucket(monkeypatch, "OutputBucket.put_video")

    def last_try_fails() -> bool:
        return bool(load("track").handler(receive(due_poll(stack), LAST["track"]), None)["batchItemFailures"])

    eventually(last_try_fails, bool)
    job = stack.jobs.get_job(JOB)
    assert job is not None
    assert job.status in {Status.QUEUED, Status.IN_PROGRESS}
    assert_left_to_people(stack, job, "Track", "RuntimeError")


@pytest.mark.parametrize("name", sorted(LAST))
def test_a_message_that_nobody_reads_marks_nothing_and_still_goes_its_way(stack: Stack, load: Load, name: str) -> None:
    samples = {
        "normalize": "normalize-sqs-object-created.json",
        "submit": "submit-sqs-job.json",
        "track": "track-sqs-poll.json",
    }
    event = receive(load_event(samples[name]), LAST[name])
    event["Records"][0]["body"] = "{}"

    fails(load, name, event)

    assert stack.dynamodb.scan(TableName=stack.table)["Items"] == []


def test_what_failed_with_the_table_itself_does_not_hide_the_failure(stack: Stack, load: Load) -> None:
    ready_sample(stack)
    stack.dynamodb.delete_table(TableName=stack.table)

    fails(load, "submit", with_real_receipt(stack, copy_event(receives=LAST["submit"])))


def test_a_servers_words_and_a_prompt_are_not_repeated_by_a_fault_of_ours(stack: Stack) -> None:
    job = stack.ready_job()

    marked = mark_dead_letter(job.id, "Submit", RuntimeError("a calm sea at sk-secret"), stack.jobs)

    assert marked is not None
    assert marked.error.facts["last"] == {"code": "RuntimeError"}


# ---------------------------------------------------------------- which jobs it is about


@pytest.mark.parametrize(
    ("queue", "statuses"),
    [
        ("Normalize", {Status.RECEIVED}),
        ("Submit", {Status.READY}),
        ("Track", {Status.QUEUED, Status.IN_PROGRESS, Status.UNCONFIRMED}),
    ],
)
@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RECEIVED])
def test_a_job_that_does_not_wait_for_the_queue_is_left_alone(
    stack: Stack, queue: str, statuses: set[Status], status: Status
) -> None:
    # given that a job which something else moves on would be stopped by the mark
    job = move_along(stack.jobs, stack.ready_job(), way_to(status))

    marked = mark_dead_letter(job.id, queue, JobNotReadyError(job.id), stack.jobs)

    assert (marked is not None) is (status in statuses)
    assert recorded(stack, job) == (marked or job)


def way_to(status: Status) -> list[Status]:
    sent = [Status.SUBMITTING]
    ways = {
        Status.READY: [],
        Status.REJECTED: [Status.CANCELED],
        Status.DELETED: [Status.CANCELED, Status.DELETED],
        Status.SUBMITTING: sent,
        Status.UNCONFIRMED: [*sent, Status.UNCONFIRMED],
        Status.QUEUED: [*sent, Status.QUEUED],
        Status.IN_PROGRESS: [*sent, Status.QUEUED, Status.IN_PROGRESS],
        Status.COMPLETED: [*sent, Status.QUEUED, Status.COMPLETED],
        Status.FAILED: [*sent, Status.FAILED],
    }
    return ways.get(status, [status])


def test_a_copys_event_that_died_does_not_stop_the_upload_behind_it(stack: Stack) -> None:
    # given an upload whose copy was saved and whose record does not say so yet
    source = stack.upload("beach.jpg", b"picture")
    job = mark_dead_upload(source, "Normalize", RuntimeError(), stack.jobs, stack.uploads)
    assert job is not None
    job = stack.jobs.update_job(job)

    # when the event of the copy fails to its last try
    assert mark_dead_letter(job.id, "Submit", JobNotReadyError(job.id), stack.jobs) is None

    # then the upload is still resumed
    assert stack.due_row(job) is not None


def test_a_job_in_doubt_stays_where_others_in_doubt_look_for_it(stack: Stack) -> None:
    job = stack.unconfirmed_job()

    marked = mark_dead_letter(job.id, "Track", RuntimeError(), stack.jobs)

    assert marked is not None
    assert marked.error.code == "dead_letter"
    # resumed once a day, not every five minutes
    assert marked.due_at == timestamp(stack.clock() + timedelta(days=1))
    found = stack.jobs.find_open(stack.due_row(job).fingerprint or "")  # type: ignore[union-attr]
    assert [row.job_id for row in found] == [job.id]


def test_of_no_job_nothing_is_marked(stack: Stack) -> None:
    assert mark_dead_letter(None, "Submit", RuntimeError(), stack.jobs) is None
    assert mark_dead_letter("video_nowhere", "Submit", RuntimeError(), stack.jobs) is None


# ---------------------------------------------------------------- the redrive


def test_a_redriven_upload_becomes_its_copy(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    event = receive(load_event("normalize-sqs-object-created.json"), LAST["normalize"])
    (source,) = upload_for(stack, event)
    with monkeypatch.context() as broken:
        break_bucket(broken, "UploadBucket.open_upload")
        fails(load, "normalize", event)

    load("normalize").handler(receive(event, 1), None)

    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    assert (job.status, job.error) == (Status.READY, {})
    assert stack.due_row(job) is not None


def test_a_redriven_job_is_sent_once(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    mark_dead_letter(job.id, "Submit", SubmissionNotAcceptedError("http_429", "wait"), stack.jobs)

    done = submit(stack, video_server, job)

    assert (done.status, done.error) == (Status.QUEUED, {})
    assert stack.due_row(done) is not None
    assert submit(stack, video_server, job) == done
    assert len(fake_server.request_log.creates()) == 1


@pytest.mark.parametrize("behind", [0, 1])
def test_a_redriven_look_goes_on_where_the_job_stands(
    stack: Stack, video_server: VideoServerClient, behind: int
) -> None:
    # given that the last try may have been counted, and its next message not sent
    job = stack.sent_job("video_" + "0" * 32, polls=4)
    mark_dead_letter(job.id, "Track", RuntimeError(), stack.jobs)

    looked = track(stack, video_server, job.id, polls=4 - behind)

    assert stack.polls() == [({"job_id": job.id, "polls": 5}, 37)]
    assert looked.due_at == timestamp(stack.clock() + timedelta(seconds=37) + DUE_AFTER[Status.QUEUED])
    # and a second message alike asks nobody
    stack.calls.clear()
    track(stack, video_server, job.id, polls=4 - behind)
    assert (stack.polls(), stack.calls.names()) == ([], ["dynamodb.GetItem"])


def test_a_redriven_submission_of_a_job_that_nothing_follows_has_it_followed(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job("video_1")
    mark_dead_letter(job.id, "Track", RuntimeError(), stack.jobs)

    submit(stack, video_server, job)

    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 10)]
    assert fake_server.request_log.entries() == []


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELED])
def test_a_redrive_of_a_job_that_has_ended_sends_nothing(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, status: Status
) -> None:
    job = move_along(stack.jobs, stack.ready_job(), way_to(status))

    for redelivered in (False, True):
        assert submit(stack, video_server, job, redelivered=redelivered) == job
        assert track(stack, video_server, job.id, redelivered=redelivered) == job

    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])
    assert json.dumps(recorded(stack, job).to_record()) == json.dumps(job.to_record())
