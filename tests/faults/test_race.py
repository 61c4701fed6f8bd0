"""Threads that submit the same job, or need the rest of a day's budget, at the same moment: the job is sent once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.adapters.video_server.messages import ServerResponse
from sora_ready.domain.errors import SoraReadyError
from sora_ready.domain.job import ServerVideo
from sora_ready.pipeline.submit import Submit
from tests.faults.kill_cases import NewStack, picture
from tests.faults.simulated_stack import SimulatedStack
from tests.integration.stack_fixtures import OneAtATime

ROUNDS = 200


class CountingServer:
    """A video server that accepts every submission and counts them, from any thread."""

    def __init__(self) -> None:
        self.submissions: Counter[str] = Counter()
        self._lock = threading.Lock()

    def submit_video(self, job_id: str, *_: Any) -> ServerResponse:
        with self._lock:
            self.submissions[job_id] += 1
            return ServerResponse(ServerVideo(f"at_server_{job_id}", "queued"))


def make_ready_jobs(stack: SimulatedStack, count: int) -> list[str]:
    """Upload and normalize pictures; return their job ids."""
    job_ids = []
    for number in range(count):
        source = stack.upload(f"{number}.jpg", picture(), f"picture {number}")
        stack.deliver(stack.messages[-1])
        job_ids.append(stack.job(source).id)
    stack.messages.clear()
    return job_ids


def submit_at_barrier(stack: SimulatedStack, server: CountingServer, job_id: str, barrier: threading.Barrier) -> None:
    """Submit a job once all threads have reached the barrier."""
    fake_server: Any = server
    submit = Submit(stack.jobs, stack.ledger, stack.outputs, fake_server, stack.queues, 180, stack.budget)
    barrier.wait()
    with suppress(SoraReadyError):
        submit(job_id)


def submit_concurrently(stack: SimulatedStack, server: CountingServer, job_ids: list[str]) -> None:
    """Submit each job of the list in a thread of its own, all at once."""
    barrier = threading.Barrier(len(job_ids))
    threads = [threading.Thread(target=submit_at_barrier, args=(stack, server, job_id, barrier)) for job_id in job_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("moto", "rounds"), [(False, ROUNDS), (True, 5)])
def test_a_job_that_two_threads_submit_at_once_is_sent_once(
    new_stack: NewStack, moto: bool, rounds: int, record_property: Callable[..., None]
) -> None:
    stack = new_stack(moto=moto, budget=Decimal(1000))
    job_ids = make_ready_jobs(stack, rounds)
    _serialize_calls(stack)
    server = CountingServer()
    for job_id in job_ids:
        submit_concurrently(stack, server, [job_id, job_id])
    assert server.submissions == dict.fromkeys(job_ids, 1)
    assert {stack.job(source).status for source in stack.sources} == {"queued"}
    record_property("counted", {"races for one job": {"over moto" if moto else "in memory": rounds}})


def test_threads_that_race_for_the_rest_of_the_budget_do_not_overspend(new_stack: NewStack) -> None:
    for _ in range(25):
        # Given a budget for two of four jobs
        stack = new_stack(budget=Decimal(1))
        job_ids = make_ready_jobs(stack, 4)
        server = CountingServer()
        # When all are submitted at the same moment
        submit_concurrently(stack, server, job_ids)
        # Then two are sent, and the others are held
        assert sum(server.submissions.values()) == 2
        assert sorted(str(stack.job(source).status) for source in stack.sources) == ["held"] * 2 + ["queued"] * 2
        assert stack.ledger.read_spent("2026-11-12") == Decimal("0.80")


def _serialize_calls(stack: SimulatedStack) -> None:
    # A call to moto is not atomic, as one to DynamoDB is. Between two calls the threads still interleave freely.
    client: Any = OneAtATime(stack.aws["dynamodb"])
    stack.jobs._client = stack.ledger._client = client
