"""One chain of messages polls a job: duplicate, late and stale messages poll nothing."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

import pytest

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.adapters.video_server.messages import ServerResponse
from sora_ready.domain.errors import TransitionRefused, VideoServerUnavailableError
from sora_ready.domain.job import Job, JobChanges, JobConditions, Polling, ServerVideo, Status
from sora_ready.domain.polling import poll_delay_seconds

from .run_steps import recorded, sweep, track
from .stack_fixtures import Stack

JOBS = 2000
RENDER_SECONDS = 90


class RenderingServer(VideoServerClient):
    """A server that renders by the stack's clock, and counts the polls. Its videos fail: that needs no file."""

    def __init__(self, stack: Stack, advised_ms: int | None = None) -> None:
        self.clock, self.advised_ms = stack.clock, advised_ms
        self.done_at = stack.clock.unix() + RENDER_SECONDS
        self.polled: list[str] = []

    def read_video(self, video_id: str) -> ServerResponse:
        self.polled.append(video_id)
        status = "failed" if self.clock.unix() >= self.done_at else "in_progress"
        return ServerResponse(ServerVideo(video_id, status, progress=50), poll_after_ms=self.advised_ms)


class UnavailableServer(VideoServerClient):
    def __init__(self) -> None:
        pass

    def read_video(self, video_id: str) -> ServerResponse:
        raise VideoServerUnavailableError("http_503", "The video server answered 503.")


@contextmanager
def nothing_happens(stack: Stack, server: RenderingServer, job: Job) -> Iterator[None]:
    """Assert that the block polls nothing, sends nothing and writes nothing."""
    polled, before = len(server.polled), recorded(stack, job)
    stack.calls.clear()
    yield
    assert (len(server.polled), stack.polls(), recorded(stack, job)) == (polled, [], before)


@pytest.fixture
def server(stack: Stack) -> RenderingServer:
    return RenderingServer(stack)


def test_a_poll_is_counted_and_the_next_one_scheduled(stack: Stack, server: RenderingServer) -> None:
    job = stack.sent_job("video_1")

    first = track(stack, server, job.id, polls=0)

    assert first.polling == Polling(1, since="2026-11-12T08:00:00.000Z", next_at="2026-11-12T08:00:13.000Z")
    assert first.due_at == "2026-11-12T08:35:13.000Z"
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 13)]


def test_a_message_that_comes_twice_is_one_poll(stack: Stack, server: RenderingServer) -> None:
    job = stack.sent_job("video_1")
    track(stack, server, job.id, polls=0)

    with nothing_happens(stack, server, job):
        track(stack, server, job.id, polls=0)


@pytest.mark.parametrize("polls", [0, 1, 3, 100])
def test_a_message_behind_or_ahead_of_the_record_is_ignored(stack: Stack, server: RenderingServer, polls: int) -> None:
    job = stack.sent_job("video_1", polls=2)

    with nothing_happens(stack, server, job):
        track(stack, server, job.id, polls=polls)


def test_of_two_equal_messages_at_once_one_schedules_the_next_poll(stack: Stack) -> None:
    # given another worker with the same message, faster by one response of the server
    job = stack.sent_job("video_1")
    other = RenderingServer(stack)

    class SlowServer(RenderingServer):
        def read_video(self, video_id: str) -> ServerResponse:
            track(stack, other, job.id, polls=0)
            return super().read_video(video_id)

    polled = track(stack, SlowServer(stack), job.id, polls=0)

    assert polled == recorded(stack, job)
    assert polled.polling.polls == 1
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 13)]


def test_a_redelivered_message_whose_poll_was_counted_only_sends_the_next_message(
    stack: Stack, server: RenderingServer
) -> None:
    # given a worker that counted its poll and crashed before it sent the next message
    job = stack.sent_job("video_1", polls=3)

    track(stack, server, job.id, polls=2, redelivered=True)

    assert server.polled == []
    assert stack.polls() == [({"job_id": job.id, "polls": 3}, 22)]
    assert recorded(stack, job) == job


def test_a_redelivered_message_whose_poll_was_not_counted_polls(stack: Stack, server: RenderingServer) -> None:
    job = stack.sent_job("video_1", polls=2)

    track(stack, server, job.id, polls=2, redelivered=True)

    assert len(server.polled) == 1
    assert recorded(stack, job).polling.polls == 3


@pytest.mark.parametrize("polls", [0, 1])
def test_a_redelivered_message_that_is_further_behind_is_ignored(
    stack: Stack, server: RenderingServer, polls: int
) -> None:
    job = stack.sent_job("video_1", polls=3)

    with nothing_happens(stack, server, job):
        track(stack, server, job.id, polls=polls, redelivered=True)


def test_the_sweep_resumes_a_broken_chain(stack: Stack, server: RenderingServer) -> None:
    job = stack.sent_job("video_1", polls=2)
    stack.clock.advance(minutes=35)

    assert sweep(stack) == {"queued": 1}

    assert stack.polls() == [({"job_id": job.id, "polls": 2}, 0)]
    assert track(stack, server, job.id, polls=2).status is Status.FAILED


def test_messages_of_the_sweep_do_not_start_a_second_chain(stack: Stack) -> None:
    # given a queue so slow that the sweep sends a message beside the chain's own, three times
    job, server = stack.sent_job("video_1"), RenderingServer(stack)
    server.done_at += 10**6
    messages = [0]
    for _ in range(3):
        stack.clock.advance(minutes=36)
        sweep(stack)
        messages.append(recorded(stack, job).polling.polls)
    stack.calls.clear()

    # when all of them are delivered
    for polls in messages:
        track(stack, server, job.id, polls)

    # then one continues
    assert (len(server.polled), len(stack.polls())) == (1, 1)


def test_an_unavailable_server_is_polled_by_one_chain_too(stack: Stack) -> None:
    job = stack.sent_job("video_1")
    for _ in range(4):
        track(stack, UnavailableServer(), job.id, polls=0)

    assert len(stack.polls()) == 1


def test_a_job_that_is_never_due_is_polled_whatever_the_messages_count(stack: Stack, server: RenderingServer) -> None:
    # given a record without counted polls, which nothing else resumes
    job = stack.sent_job("video_1")
    stack.dynamodb.update_item(
        TableName=stack.table, Key={"job_id": {"S": job.id}}, UpdateExpression="REMOVE polling, due_partition, due_at"
    )

    polled = track(stack, server, job.id, polls=7)

    assert polled.polling.polls == 1
    assert stack.due_row(polled) is not None


class InMemoryTable(JobTable):
    """A table in memory: moto would be too slow for so many jobs."""

    def __init__(self, stack: Stack, jobs: list[Job]) -> None:
        self.now, self.records = stack.clock, {job.id: job for job in jobs}

    def get_job(self, job_id: str) -> Job | None:
        return self.records.get(job_id)

    def update_job(
        self,
        job: Job,
        *,
        due_at: datetime | None = None,
        conditions: JobConditions | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job:
        if conditions and conditions["polls"] != self.records[job.id].polling.polls:
            raise TransitionRefused(job.id, job.status, job.status)
        return self._replace(job.id, job.status, changes)

    def move_job(
        self,
        job_id: str,
        status: Status,
        *,
        due_at: datetime | None = None,
        conditions: JobConditions | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job:
        return self._replace(job_id, status, changes)

    def _replace(self, job_id: str, status: Status, changes: Any) -> Job:
        self.records[job_id] = replace(self.records[job_id], status=status, **changes)
        return self.records[job_id]


class InMemoryQueue(TrackQueue):
    """Keeps the messages, with the moment at which each is visible."""

    def __init__(self, stack: Stack) -> None:
        self.clock = stack.clock
        self.due: list[tuple[float, str, int]] = []

    def send_poll(self, job_id: str, *, polls: int, delay_seconds: int) -> None:
        heapq.heappush(self.due, (self.clock.unix() + delay_seconds, job_id, polls))


@pytest.mark.parametrize("copies", [1, 3])
def test_each_of_thousands_of_jobs_is_polled_no_more_often_than_one_alone(stack: Stack, copies: int) -> None:
    # given thousands of jobs at once, and a queue that delivers each message so many times
    model = stack.sent_job("video")
    jobs = InMemoryTable(
        stack,
        [replace(model, id=f"job{number}", server=ServerVideo(f"video{number}", "queued")) for number in range(JOBS)],
    )
    server, queue = RenderingServer(stack), InMemoryQueue(stack)
    for job_id in jobs.records:
        queue.send_poll(job_id, polls=0, delay_seconds=10)

    # when all of them are polled until they end
    while queue.due:
        at, job_id, polls = heapq.heappop(queue.due)
        stack.clock.advance(seconds=max(0.0, at - stack.clock.unix()))
        for _ in range(copies):
            track(stack, server, job_id, polls, jobs=jobs, track_queue=queue)

    # then each was polled as often as one alone would be
    alone, waited = 1, float(poll_delay_seconds(0))
    while waited < RENDER_SECONDS:
        waited += poll_delay_seconds(alone)
        alone += 1
    assert {job.status for job in jobs.records.values()} == {Status.FAILED}
    assert set(Counter(server.polled).values()) == {alone}
    assert len(server.polled) == alone * JOBS
