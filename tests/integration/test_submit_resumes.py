"""A redelivered message finishes what its earlier delivery left undone, and nothing is sent a second time."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import JobError, JobLeasedError
from sora_ready.domain.job import AT_SERVER, Job, ServerVideo, Status

from .run_steps import path_of, recorded, submit
from .stack_fixtures import PATHS, Stack, move_along

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

NOT_AT_SERVER = sorted(set(PATHS) - AT_SERVER - {Status.RECEIVED, Status.REJECTED, Status.READY, Status.SUBMITTING})


def internal_error(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "InternalServerError", "Message": "try again"}}, operation)


class FailingOnceLedger(Ledger):
    """A ledger that fails the first time that a server's response is recorded."""

    failed = False

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.dynamodb, stack.ledger_table, stack.jobs)

    def record_video(self, job: Job, video: ServerVideo) -> Job:
        self._fail_once()
        return super().record_video(job, video)

    def refund(self, job: Job, status: Status, error: JobError, **options: Any) -> Job:
        self._fail_once()
        return super().refund(job, status, error, **options)

    def _fail_once(self) -> None:
        if not self.failed:
            self.failed = True
            raise internal_error("TransactWriteItems")


class FailingOnceQueue(TrackQueue):
    """A queue that fails the first message."""

    failed = False

    def send_poll(self, job_id: str, **options: int) -> None:
        if not self.failed:
            self.failed = True
            raise internal_error("SendMessage")
        super().send_poll(job_id, **options)


def leased_job(stack: Stack) -> Job:
    """Record a job whose worker holds a lease of three minutes from now."""
    return move_along(stack.jobs, stack.ready_job(), [Status.SUBMITTING])


@pytest.mark.parametrize("redelivered", [False, True])
@pytest.mark.parametrize(("passed", "wait"), [(0, 181), (100, 81), (179.5, 2)])
def test_while_a_lease_runs_the_message_is_retried_when_it_has_expired(
    stack: Stack,
    fake_server: FakeVideoServer,
    video_server: VideoServerClient,
    passed: float,
    wait: int,
    *,
    redelivered: bool,
) -> None:
    job = leased_job(stack)
    stack.clock.advance(seconds=passed)
    with pytest.raises(JobLeasedError) as refusal:
        submit(stack, video_server, job, redelivered=redelivered)
    assert (refusal.value.code, refusal.value.retry_after_seconds) == ("job_leased", wait)
    assert recorded(stack, job) == job
    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])


@pytest.mark.parametrize("redelivered", [False, True])
@pytest.mark.parametrize("passed", [180, 181, 86400])
def test_an_expired_lease_makes_the_job_unconfirmed(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, passed: int, *, redelivered: bool
) -> None:
    job = leased_job(stack)
    stack.clock.advance(seconds=passed)
    unconfirmed = submit(stack, video_server, job, redelivered=redelivered)
    assert unconfirmed == recorded(stack, job)
    assert path_of(unconfirmed) == ["ready", "submitting", "unconfirmed"]
    assert unconfirmed.error.code == "unconfirmed"
    assert "Look for it at the server" in unconfirmed.error.hint
    assert submit(stack, video_server, job, redelivered=True) == unconfirmed
    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])


def test_a_video_bought_but_not_recorded_makes_the_job_unconfirmed_when_the_lease_has_expired(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    ledger = FailingOnceLedger(stack)
    with pytest.raises(ClientError, match="InternalServerError"):
        submit(stack, video_server, job, ledger=ledger)
    assert recorded(stack, job).status is Status.SUBMITTING

    stack.clock.advance(seconds=30)
    with pytest.raises(JobLeasedError) as refusal:
        submit(stack, video_server, job, redelivered=True, ledger=ledger)
    assert refusal.value.retry_after_seconds == 151

    stack.clock.advance(seconds=refusal.value.retry_after_seconds)
    unconfirmed = submit(stack, video_server, job, redelivered=True, ledger=ledger)
    assert (unconfirmed.status, unconfirmed.error.code) == (Status.UNCONFIRMED, "unconfirmed")
    assert submit(stack, video_server, job, redelivered=True, ledger=ledger) == unconfirmed == recorded(stack, job)
    assert (len(fake_server.request_log.creates()), stack.polls()) == (1, [])


def test_a_refused_job_whose_refusal_was_not_recorded_is_not_sent_again(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    fake_server.faults.plan(faults.status(429))
    ledger = FailingOnceLedger(stack)
    with pytest.raises(ClientError, match="InternalServerError"):
        submit(stack, video_server, job, ledger=ledger)
    stack.clock.advance(seconds=181)
    assert submit(stack, video_server, job, redelivered=True, ledger=ledger).status is Status.UNCONFIRMED
    assert len(fake_server.request_log.creates()) == 1


def test_a_first_poll_that_could_not_be_scheduled_is_scheduled_by_the_redelivered_message(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    queue = FailingOnceQueue(stack.sqs, stack.track_queue_url)
    with pytest.raises(ClientError, match="InternalServerError"):
        submit(stack, video_server, job, track_queue=queue)
    sent = recorded(stack, job)
    assert (sent.status, stack.polls()) == (Status.QUEUED, [])

    assert submit(stack, video_server, job, redelivered=True, track_queue=queue) == sent == recorded(stack, job)
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 10)]
    assert len(fake_server.request_log.creates()) == 1


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize(("redelivered", "polls"), [(False, 0), (True, 1)])
def test_for_a_job_at_the_server_only_a_redelivered_message_schedules_a_poll(
    stack: Stack,
    fake_server: FakeVideoServer,
    video_server: VideoServerClient,
    status: Status,
    polls: int,
    *,
    redelivered: bool,
) -> None:
    job = stack.sent_job("video_1", status)
    assert submit(stack, video_server, job, redelivered=redelivered) == job == recorded(stack, job)
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 10)] * polls
    assert fake_server.request_log.entries() == []


@pytest.mark.parametrize("status", NOT_AT_SERVER)
def test_a_message_of_a_job_that_waits_or_has_ended_does_nothing(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, status: Status
) -> None:
    job = move_along(stack.jobs, stack.ready_job(), PATHS[status][1:])
    stack.calls.clear()
    assert submit(stack, video_server, job, redelivered=True) == job
    assert stack.calls.names() == ["dynamodb.GetItem"]
    assert fake_server.request_log.entries() == []


def test_a_worker_that_outlived_its_lease_still_records_what_it_bought(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()

    def expire_lease(_: object) -> None:
        stack.clock.advance(seconds=181)
        assert submit(stack, video_server, job, redelivered=True).status is Status.UNCONFIRMED

    fake_server.faults.on(faults.AFTER_ACCEPTING, expire_lease)
    done = submit(stack, video_server, job)
    assert path_of(done) == ["ready", "submitting", "unconfirmed", "queued"]
    assert (done.server.id, done.error) == (fake_server.request_log.accepted()[0].video_id, None)
    assert (len(fake_server.request_log.creates()), len(stack.polls())) == (1, 1)


def test_a_copy_that_cannot_be_read_leaves_the_job_ready(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    stack.s3.delete_object(Bucket=stack.outputs.name, Key=job.copy.key)
    with pytest.raises(ClientError, match="NoSuchKey"):
        submit(stack, video_server, job)
    assert recorded(stack, job) == job
    assert fake_server.request_log.entries() == []
