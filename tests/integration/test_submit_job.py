"""A ready copy is sent to the video server once, and its job's record has the response."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import JobLeasedError, JobNotReadyError
from sora_ready.domain.job import Job, Status

from .canned_server import CannedResponse, canned_server
from .run_steps import Connect, path_of, recorded, submit
from .stack_fixtures import OUTPUT_BUCKET, OneAtATime, Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PROMPT = 'A "calm" sea, slow zoom; it\'s 100% real: 海浪 🎬\nSecond line.'


def test_a_ready_job_is_sent_in_one_request_of_the_videos_api(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job(prompt=PROMPT)
    frame = stack.s3.get_object(Bucket=OUTPUT_BUCKET, Key=job.copy.key)["Body"].read()
    submit(stack, video_server, job)
    (entry,) = fake_server.request_log.creates()
    assert (entry.status, entry.idempotency_key) == (200, job.id)
    assert entry.prompt == PROMPT
    assert (entry.model, entry.size, entry.seconds) == ("tiny", "64x48", "4")
    assert (entry.image_name, entry.image_type) == (job.copy.key.removeprefix("ready/"), "image/jpeg")
    assert entry.image_sha256 == hashlib.sha256(frame).hexdigest()


def test_the_record_has_the_servers_id_and_the_submission(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    done = submit(stack, video_server, job)
    (entry,) = fake_server.request_log.accepted()
    assert done == recorded(stack, job)
    assert (done.status, done.server.id, done.server.status) == (Status.QUEUED, entry.video_id, "queued")
    assert path_of(done) == ["ready", "submitting", "queued"]
    assert done.submission.started_at == "2026-11-12T08:00:00.000Z"
    assert done.submission.lease_until == "2026-11-12T08:03:00.000Z"
    assert done.error is None


def test_the_first_poll_is_scheduled_when_the_server_advises(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.ready_job()
    submit(stack, video_server, job)
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 7)]


def test_a_second_delivery_sends_nothing(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    first = submit(stack, video_server, job)
    assert submit(stack, video_server, job) == first
    assert len(fake_server.request_log.creates()) == 1
    assert len(stack.polls()) == 1
    assert recorded(stack, job) == first


def test_a_copy_whose_job_is_not_recorded_yet_is_not_sent(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    unknown = replace(job, id="video_" + "0" * 32)
    with pytest.raises(JobNotReadyError):
        submit(stack, video_server, unknown)
    assert fake_server.request_log.creates() == []
    assert stack.polls() == []


def test_a_response_with_nothing_but_an_id_is_accepted(stack: Stack, connect: Connect) -> None:
    with canned_server(CannedResponse.of_json({"id": "video_gen_7"})) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert (job.status, job.server.id) == (Status.QUEUED, "video_gen_7")
    assert [delay for _, delay in stack.polls()] == [10]


def test_a_job_that_the_days_budget_does_not_cover_is_held_and_not_sent(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    held = submit(stack, video_server, job, budget=Decimal("0.39"))
    assert held == recorded(stack, job)
    assert (held.status, held.error.code, held.error.facts["price_usd"]) == (Status.HELD, "budget_spent", "0.40")
    assert (fake_server.request_log.entries(), stack.polls(), stack.spent()) == ([], [], 0)
    # and the same message again changes nothing
    assert submit(stack, video_server, job, redelivered=True) == held


def test_a_refused_job_costs_nothing(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    submit(stack, video_server, stack.ready_job(prompt="moderation-block"))
    assert (len(fake_server.request_log.creates()), stack.spent()) == (1, 0)


@pytest.mark.parametrize("race", range(10))
def test_of_two_deliveries_at_once_one_sends(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, race: int
) -> None:
    job = stack.ready_job()
    one_at_a_time: Any = OneAtATime(stack.dynamodb)
    jobs = JobTable(one_at_a_time, stack.table, now=stack.clock)
    shared = replace(stack, jobs=jobs, ledger=Ledger(one_at_a_time, stack.ledger_table, jobs))
    start, other_failed = threading.Barrier(2), threading.Event()
    outcomes: list[Job | JobLeasedError] = []

    def wait_for_the_other(_: object) -> None:
        assert other_failed.wait(30)

    def work() -> None:
        start.wait(30)
        try:
            outcomes.append(submit(shared, video_server, job))
        except JobLeasedError as error:
            outcomes.append(error)
            other_failed.set()

    fake_server.faults.on(faults.BEFORE_ACCEPTING, wait_for_the_other)
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    loser, winner = outcomes
    assert isinstance(loser, JobLeasedError)
    # Until the lease expires, by the clock of the worker that holds it.
    assert loser.retry_after_seconds in {180, 181}
    assert winner == recorded(stack, job)
    assert path_of(recorded(stack, job)) == ["ready", "submitting", "queued"]
    assert [entry.idempotency_key for entry in fake_server.request_log.creates()] == [job.id]
    assert len(stack.polls()) == 1
