"""The tables in a dictionary, which most of these tests run over, answer as moto's do."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sora_ready.domain.errors import SoraReadyError
from sora_ready.domain.job import Job, SourceObject, Status, SweepPartition
from tests.faults.kill_cases import Case, NewWorld, boundaries, live
from tests.faults.simulated_stack import SimulatedStack


@pytest.mark.parametrize(
    "case",
    [
        "submit:submit_video#1 @ once",
        "submit:submit_video#1 + track:list_videos#2 @ twice",
        "normalize:dynamodb.PutItem#1 @ late",
        "track:download_video#1 + sweep:dynamodb.Query#2 @ mixed",
    ],
)
def test_a_life_leaves_the_same_records(new_world: NewWorld, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = itertools.count()
    monkeypatch.setattr("sora_ready.pipeline.submit.uuid4", lambda: UUID(int=next(ids)))
    # The server's ids are drawn by lot.
    monkeypatch.setattr("secrets.token_hex", lambda _: f"{next(ids):032x}")

    def records(*, moto: bool) -> Any:
        nonlocal ids
        ids = itertools.count()
        world = live(new_world, Case.read(case), moto=moto)
        return (
            [world.look(source) for source in world.sources],
            world.points.passed,
            world.ledger.read_spent("2026-11-12"),
        )

    assert records(moto=False) == records(moto=True)


def test_both_pass_the_same_boundaries(new_world: NewWorld) -> None:
    lived = live(new_world, Case(()), moto=True)
    assert lived.points.passed == boundaries(new_world, Case(()))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_calls_are_answered_alike(new_world: NewWorld, seed: int) -> None:
    dice = random.Random(seed)
    calls = [(dice.choice(list(_CALLS)), dice.randrange(2), dice.randrange(11)) for _ in range(150)]
    small, moto = new_world(), new_world(moto=True)
    for world in (small, moto):
        # What gives money back is called only for a day that has spent some.
        world.jobs.put_job(_job(world, 0))
        _claim(world, _job(world, 0), 1)
    for number, call in enumerate(calls):
        assert _answer(small, *call) == _answer(moto, *call), f"call {number}: {call}"


def _answer(world: SimulatedStack, call: str, number: int, choice: int) -> Any:
    world.clock.advance(minutes=choice)
    try:
        return _CALLS[call](world, _job(world, number), choice)
    except SoraReadyError as error:
        return type(error).__name__, error.to_record()


def _job(world: SimulatedStack, number: int) -> Job:
    source = SourceObject("uploads", f"{number}.jpg", "etag", None, "1")
    request = {"model": "tiny", "size": "64x48", "seconds": 1, "prompt": "a calm sea", "price_usd": "0.40"}
    attempt = {"id": "1", "usd": "0.40", "day": "2026-11-12", "lease_until": "2026-11-12T09:00:00.000Z"}
    return Job(f"job-{number}", Status.READY, source, "2026", "2026", request=request, attempt=attempt)


def _claim(world: SimulatedStack, job: Job, choice: int) -> Job:
    attempt = {
        "id": str(choice % 2),
        "lease_until": "2026-11-12T09:00:00.000Z",
        "started_at": "2026-11-12T08:00:00.000Z",
    }
    return world.ledger.claim_job(job, attempt, "fingerprint", price=Decimal("0.40"), budget=Decimal("0.70"))


def _note(world: SimulatedStack, job: Job, choice: int) -> Job:
    job = world.jobs.get_job(job.id) or job
    only: Any = [None, {"attempt.id": "1"}, {"attempt": None}, {"follow.polls": 0}, {"attempt": dict(job.submission)}][
        choice % 5
    ]
    return world.jobs.update_job(job, only=only, follow={"polls": choice, "share": 0.5}, error={})


_CALLS: dict[str, Callable[[SimulatedStack, Job, int], Any]] = {
    "put": lambda world, job, choice: world.jobs.put_job(
        job if choice % 3 else Job.from_record(job.to_record() | {"status": "received"})
    ),
    "move": lambda world, job, choice: world.jobs.move_job(job.id, list(Status)[choice], doubt={"looks": choice}),
    "note": _note,
    "leave": lambda world, job, _: world.jobs.park_job(job, error={"code": "left"}),
    "claim": _claim,
    "record": lambda world, job, choice: world.ledger.record_video(job, {"id": f"video-{choice % 2}"}),
    "refund": lambda world, job, choice: world.ledger.refund(
        job, Status.READY, {"code": "later"}, due_at=world.clock() + timedelta(hours=choice)
    ),
    "owners": lambda world, _job, _choice: world.ledger.find_owners(["video-0", "video-1", "video-2"]),
    "due": lambda world, _job, choice: [world.jobs.find_due(line, choice + 1) for line in SweepPartition],
    "by_source": lambda world, job, _: list(world.jobs.find_by_source(job.source)),
    "open": lambda world, _job, _choice: world.jobs.find_open("fingerprint"),
    "get": lambda world, job, _: (world.jobs.get_job(job.id), world.ledger.read_spent("2026-11-12")),
}
