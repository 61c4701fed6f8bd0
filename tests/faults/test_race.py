"""Two threads that meet at the same moment for the same job, or for the last money of a day: one of them sends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.domain.errors import SoraReadyError
from sora_ready.domain.job import ServerVideo
from sora_ready.pipeline.submit import submit_job
from tests.faults.kill_cases import NewWorld, picture
from tests.faults.simulated_stack import SimulatedStack
from tests.integration.stack_fixtures import OneAtATime

ROUNDS = 200


class Counting:
    """A video server that only counts, from any thread."""

    def __init__(self) -> None:
        self.posts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def submit_video(self, job_id: str, *_: Any) -> ServerVideo:
        with self._lock:
            self.posts[job_id] += 1
            return ServerVideo(f"at_server_{job_id}", "queued")


def make_ready(world: SimulatedStack, count: int) -> list[str]:
    """Bring pictures to `ready`, and return their jobs' ids."""
    jobs = []
    for number in range(count):
        source = world.drop(f"{number}.jpg", picture(), f"picture {number}")
        world.deliver(world.messages[-1])
        jobs.append(world.look(source).id)
    world.messages.clear()
    return jobs


def send(world: SimulatedStack, server: Counting, job_id: str, barrier: threading.Barrier) -> None:
    """Submit a job once all others are about to."""
    parts: Any = {"outputs": world.outputs, "video_server": server, "track_queue": world, "budget": world.budget}
    barrier.wait()
    with suppress(SoraReadyError):
        submit_job(job_id, None, redelivered=False, jobs=world.jobs, ledger=world.ledger, lease_seconds=180, **parts)


def race(world: SimulatedStack, server: Counting, job_ids: list[str]) -> None:
    """Have each job in the list submitted by a thread of its own, all at once."""
    barrier = threading.Barrier(len(job_ids))
    threads = [threading.Thread(target=send, args=(world, server, job_id, barrier)) for job_id in job_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("moto", "rounds"), [(False, ROUNDS), (True, 5)])
def test_two_threads_send_a_job_once(
    new_world: NewWorld, moto: bool, rounds: int, record_property: Callable[..., None]
) -> None:
    # Given jobs that are ready,
    world = new_world(moto=moto, budget=Decimal(1000))
    jobs = make_ready(world, rounds)
    _make_atomic(world)
    server = Counting()
    # when two threads submit each of them at the same moment,
    for job_id in jobs:
        race(world, server, [job_id, job_id])
    # then each was sent, and once.
    assert server.posts == dict.fromkeys(jobs, 1)
    assert {world.look(source).status for source in world.sources} == {"queued"}
    record_property("counted", {"races for one job": {"over moto" if moto else "over a dictionary": rounds}})


def test_threads_that_race_for_the_last_dollar_do_not_overspend(new_world: NewWorld) -> None:
    for _ in range(25):
        # Given money for two of four jobs,
        world = new_world(budget=Decimal(1))
        jobs = make_ready(world, 4)
        server = Counting()
        # when all are submitted at the same moment,
        race(world, server, jobs)
        # then two went, and the others wait for the next day.
        assert sum(server.posts.values()) == 2
        assert sorted(str(world.look(source).status) for source in world.sources) == ["held"] * 2 + ["queued"] * 2
        assert world.ledger.read_spent("2026-11-12") == Decimal("0.80")


def _make_atomic(world: SimulatedStack) -> None:
    # moto's tables know no order between threads; one call to DynamoDB is one step, and what is between calls is free.
    client = OneAtATime(world.aws["dynamodb"])
    world.jobs._client = world.ledger._client = client
