"""One chain of messages follows a job: whatever comes twice, late or behind asks nobody anything."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import TransitionRefused, VideoServerUnavailableError
from sora_ready.domain.job import Job, ServerVideo, Status
from sora_ready.domain.polling import poll_delay_seconds

from .run_steps import recorded, sweep, track
from .stack_fixtures import Stack

JOBS = 2000
RENDER_SECONDS = 90


class Rendering(VideoServerClient):
    """A server whose videos take their time, by the stack's clock; it counts how often it is asked."""

    def __init__(self, stack: Stack, advised_ms: int | None = None) -> None:
        self.clock, self.advised_ms = stack.clock, advised_ms
        self.done_at = stack.clock.unix() + RENDER_SECONDS
        self.asked: list[str] = []

    def read_video(self, video_id: str) -> ServerVideo:
        self.asked.append(video_id)
        # What has failed needs no file.
        status = "failed" if self.clock.unix() >= self.done_at else "in_progress"
        return ServerVideo(video_id, status, progress=50, poll_after_ms=self.advised_ms)


class Away(VideoServerClient):
    def __init__(self) -> None:
        pass

    def read_video(self, video_id: str) -> ServerVideo:
        raise VideoServerUnavailableError("http_503", "The video server answered 503.")


@contextmanager
def nothing_happens(stack: Stack, server: Rendering, job: Job) -> Iterator[None]:
    asked, before = len(server.asked), recorded(stack, job)
    stack.calls.clear()
    yield
    assert (len(server.asked), stack.polls(), recorded(stack, job)) == (asked, [], before)


@pytest.fixture
def server(stack: Stack) -> Rendering:
    return Rendering(stack)


def test_a_look_is_counted_and_handed_on(stack: Stack, server: Rendering) -> None:
    job = stack.sent_job("video_1")

    first = track(stack, server, job.id, polls=0)

    assert first.polling == {
        "polls": 1,
        "since": "2026-11-12T08:00:00.000Z",
        "next_at": "2026-11-12T08:00:13.000Z",
    }
    assert first.due_at == "2026-11-12T08:35:13.000Z"
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 13)]


def test_a_message_that_comes_twice_is_one_look(stack: Stack, server: Rendering) -> None:
    job = stack.sent_job("video_1")
    track(stack, server, job.id, polls=0)

    with nothing_happens(stack, server, job):
        track(stack, server, job.id, polls=0)


@pytest.mark.parametrize("polls", [0, 1, 3, 100])
def test_a_message_behind_or_ahead_of_the_record_is_not_heeded(stack: Stack, server: Rendering, polls: int) -> None:
    job = stack.sent_job("video_1", polls=2)

    with nothing_happens(stack, server, job):
        track(stack, server, job.id, polls=polls)


def test_of_two_messages_at_once_one_hands_on(stack: Stack) -> None:
    # given another worker at the same message, quicker by the time of one answer
    job = stack.sent_job("video_1")
    other = Rendering(stack)

    class Slow(Rendering):
        def read_video(self, video_id: str) -> ServerVideo:
            track(stack, other, job.id, polls=0)
            return super().read_video(video_id)

    looked = track(stack, Slow(stack), job.id, polls=0)

    assert looked == recorded(stack, job)
    assert looked.polling.polls == 1
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 13)]


def test_a_redelivered_message_whose_look_was_counted_hands_on_without_asking(stack: Stack, server: Rendering) -> None:
    # given a worker that counted its look and died before it sent the next message
    job = stack.sent_job("video_1", polls=3)

    track(stack, server, job.id, polls=2, redelivered=True)

    assert server.asked == []
    assert stack.polls() == [({"job_id": job.id, "polls": 3}, 22)]
    assert recorded(stack, job) == job


def test_a_redelivered_message_whose_look_was_not_counted_looks(stack: Stack, server: Rendering) -> None:
    job = stack.sent_job("video_1", polls=2)

    track(stack, server, job.id, polls=2, redelivered=True)

    assert len(server.asked) == 1
    assert recorded(stack, job).polling.polls == 3


@pytest.mark.parametrize("polls", [0, 1])
def test_a_redelivered_message_that_is_further_behind_is_not_heeded(
    stack: Stack, server: Rendering, polls: int
) -> None:
    job = stack.sent_job("video_1", polls=3)

    with nothing_happens(stack, server, job):
        track(stack, server, job.id, polls=polls, redelivered=True)


def test_a_chain_that_broke_is_taken_up_by_the_sweep(stack: Stack, server: Rendering) -> None:
    job = stack.sent_job("video_1", polls=2)
    stack.clock.advance(minutes=35)

    assert sweep(stack) == {"queued": 1}

    assert stack.polls() == [({"job_id": job.id, "polls": 2}, 0)]
    assert track(stack, server, job.id, polls=2).status is Status.FAILED


def test_messages_of_the_sweep_do_not_make_a_second_chain(stack: Stack) -> None:
    # given a queue that is so slow that the sweep sends a message beside the chain's own, three times
    job, server = stack.sent_job("video_1"), Rendering(stack)
    server.done_at += 10**6
    messages = [0]
    for _ in range(3):
        stack.clock.advance(minutes=36)
        sweep(stack)
        messages.append(recorded(stack, job).polling.polls)
    stack.calls.clear()

    # when all of them come
    for polls in messages:
        track(stack, server, job.id, polls)

    # then one goes on
    assert (len(server.asked), len(stack.polls())) == (1, 1)


def test_a_server_that_is_away_is_asked_by_one_chain_too(stack: Stack) -> None:
    job = stack.sent_job("video_1")
    for _ in range(4):
        track(stack, Away(), job.id, polls=0)

    assert len(stack.polls()) == 1


def test_a_job_of_an_older_stack_is_followed_from_whatever_its_message_counted(stack: Stack, server: Rendering) -> None:
    # given a record from before looks were counted, and nothing that wakes it
    job = stack.sent_job("video_1")
    stack.dynamodb.update_item(
        TableName=stack.table, Key={"job_id": {"S": job.id}}, UpdateExpression="REMOVE move_along, wake, due_at"
    )

    looked = track(stack, server, job.id, polls=7)

    assert looked.polling.polls == 1
    assert stack.due_row(looked) is not None


class InMemory(JobTable):
    """A table without AWS, for more jobs than moto has the patience for."""

    def __init__(self, stack: Stack, jobs: list[Job]) -> None:
        self.now, self.records = stack.clock, {job.id: job for job in jobs}

    def get_job(self, job_id: str) -> Job | None:
        return self.records.get(job_id)

    def update_job(self, job: Job, *, only: Any = None, due_at: Any = None, **parts: Any) -> Job:
        if only and only["follow.polls"] != self.records[job.id].polling.polls:
            raise TransitionRefused(job.id, job.status, job.status)
        self.records[job.id] = replace(self.records[job.id], **parts)
        return self.records[job.id]

    def move_job(self, job_id: str, status: Status, **parts: Any) -> Job:
        self.records[job_id] = replace(self.records[job_id], status=status, **parts)
        return self.records[job_id]


class Counting(TrackQueue):
    """Keeps what is sent, with the moment that it is due."""

    def __init__(self, stack: Stack) -> None:
        self.clock = stack.clock
        self.due: list[tuple[float, str, int]] = []

    def send_poll(self, job_id: str, *, polls: int, delay_seconds: int) -> None:
        heapq.heappush(self.due, (self.clock.unix() + delay_seconds, job_id, polls))


@pytest.mark.parametrize("copies", [1, 3])
def test_thousands_of_jobs_are_asked_after_only_so_often(stack: Stack, copies: int) -> None:
    # given thousands of jobs at once, and a queue that delivers each message so many times
    model = stack.sent_job("video")
    jobs = InMemory(
        stack, [replace(model, id=f"job{number}", server={"id": f"video{number}"}) for number in range(JOBS)]
    )
    server, queue = Rendering(stack), Counting(stack)
    for job_id in jobs.records:
        queue.send_poll(job_id, polls=0, delay_seconds=10)

    # when all of them are followed to their end
    while queue.due:
        at, job_id, polls = heapq.heappop(queue.due)
        stack.clock.advance(seconds=max(0.0, at - stack.clock.unix()))
        for _ in range(copies):
            track(stack, server, job_id, polls, jobs=jobs, track_queue=queue)

    # then each was asked after no more often than one alone would be
    alone, waited = 1, float(poll_delay_seconds(0))
    while waited < RENDER_SECONDS:
        waited += poll_delay_seconds(alone)
        alone += 1
    assert {job.status for job in jobs.records.values()} == {Status.FAILED}
    assert set(Counter(server.asked).values()) == {alone}
    assert len(server.asked) == alone * JOBS
