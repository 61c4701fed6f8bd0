"""Two threads that meet at the same moment for the same job, or for the last money of a day: one of them sends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.adapters.video_server import ServerResponse
from sora_ready.domain.errors import SoraReadyError
from sora_ready.domain.job import ServerVideo
from sora_ready.pipeline.submit import Submit
from tests.faults.kill_cases import NewStack, picture
from tests.faults.simulated_stack import SimulatedStack
from tests.integration.stack_fixtures import OneAtATime

ROUNDS = 200


class Counting:
    """A video server that only counts, from any thread."""

    def __init__(self) -> None:
        self.posts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def submit_video(self, job_id: str, *_: Any) -> ServerResponse:
        with self._lock:
            self.posts[job_id] += 1
            return ServerResponse(ServerVideo(f"at_server_{job_id}", "queued"))


def make_ready(stack: SimulatedStack, count: int) -> list[str]:
    """Bring pictures to `ready`, and return their jobs' ids."""
    jobs = []
    for number in range(count):
        source = stack.drop(f"{number}.jpg", picture(), f"picture {number}")
        stack.deliver(stack.messages[-1])
        jobs.append(stack.job(source).id)
    stack.messages.clear()
    return jobs


def send(stack: SimulatedStack, server: Counting, job_id: str, barrier: threading.Barrier) -> None:
    """Submit a job once all others are about to."""
    fake_server: Any = server
    queue: Any = stack
    submit = Submit(stack.jobs, stack.ledger, stack.outputs, fake_server, queue, 180, stack.budget)
    barrier.wait()
    with suppress(SoraReadyError):
        submit(job_id)


def race(stack: SimulatedStack, server: Counting, job_ids: list[str]) -> None:
    """Have each job in the list submitted by a thread of its own, all at once."""
    barrier = threading.Barrier(len(job_ids))
    threads = [threading.Thread(target=send, args=(stack, server, job_id, barrier)) for job_id in job_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("moto", "rounds"), [(False, ROUNDS), (True, 5)])
def test_two_threads_send_a_job_once(
    new_stack: NewStack, moto: bool, rounds: int, record_property: Callable[..., None]
) -> None:
    # Given jobs that are ready,
    stack = new_stack(moto=moto, budget=Decimal(1000))
    jobs = make_ready(stack, rounds)
    _make_atomic(stack)
    server = Counting()
    # when two threads submit each of them at the same moment,
    for job_id in jobs:
        race(stack, server, [job_id, job_id])
    # then each was sent, and once.
    assert server.posts == dict.fromkeys(jobs, 1)
    assert {stack.job(source).status for source in stack.sources} == {"queued"}
    record_property("counted", {"races for one job": {"over moto" if moto else "over a dictionary": rounds}})


def test_threads_that_race_for_the_last_dollar_do_not_overspend(new_stack: NewStack) -> None:
    for _ in range(25):
        # Given money for two of four jobs,
        stack = new_stack(budget=Decimal(1))
        jobs = make_ready(stack, 4)
        server = Counting()
        # when all are submitted at the same moment,
        race(stack, server, jobs)
        # then two went, and the others wait for the next day.
        assert sum(server.posts.values()) == 2
        assert sorted(str(stack.job(source).status) for source in stack.sources) == ["held"] * 2 + ["queued"] * 2
        assert stack.ledger.read_spent("2026-11-12") == Decimal("0.80")


def _make_atomic(stack: SimulatedStack) -> None:
    # moto's tables know no order between threads; one call to DynamoDB is one step, and what is between calls is free.
    client: Any = OneAtATime(stack.aws["dynamodb"])
    stack.jobs._client = stack.ledger._client = client
