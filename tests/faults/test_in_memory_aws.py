"""The in-memory AWS, which most fault tests run over, responds as moto does."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sora_ready.domain.errors import JobError, SoraReadyError
from sora_ready.domain.job import (
    Decoding,
    Invocation,
    Job,
    JobConditions,
    Polling,
    Reconciliation,
    ServerVideo,
    SourceObject,
    Status,
    Submission,
    SweepPartition,
)
from sora_ready.domain.reconciliation import fingerprint
from tests.faults.kill_cases import KillCase, NewStack, list_boundaries, run_case
from tests.faults.simulated_stack import SimulatedStack
from tests.integration.stack_fixtures import make_request


@pytest.mark.parametrize(
    "name",
    [
        "submit:submit_video#1 @ once",
        "submit:submit_video#1 + track:list_videos#2 @ twice",
        "normalize:dynamodb.PutItem#1 @ late",
        "track:download_video#1 + sweep:dynamodb.Query#2 @ mixed",
    ],
)
def test_a_case_leaves_the_same_records_as_over_moto(
    new_stack: NewStack, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Attempt ids and the server's video ids are random; here they are counted.
    ids = itertools.count()
    monkeypatch.setattr("sora_ready.pipeline.submit.uuid4", lambda: UUID(int=next(ids)))
    monkeypatch.setattr("secrets.token_hex", lambda _: f"{next(ids):032x}")

    def read_records(*, moto: bool) -> Any:
        nonlocal ids
        ids = itertools.count()
        stack = run_case(new_stack, KillCase.from_name(name), moto=moto)
        return (
            [stack.job(source) for source in stack.sources],
            stack.kill_points.passed,
            stack.ledger.read_spent("2026-11-12"),
        )

    assert read_records(moto=False) == read_records(moto=True)


def test_a_run_passes_the_same_boundaries_as_over_moto(new_stack: NewStack) -> None:
    over_moto = run_case(new_stack, KillCase(()), moto=True)
    assert over_moto.kill_points.passed == list_boundaries(new_stack, KillCase(()))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_calls_have_the_same_results_as_over_moto(new_stack: NewStack, seed: int) -> None:
    generator = random.Random(seed)
    calls = [(generator.choice(list(_CALLS)), generator.randrange(2), generator.randrange(11)) for _ in range(150)]
    in_memory, moto = new_stack(), new_stack(moto=True)
    for stack in (in_memory, moto):
        # A refund is only called for a day that has spent something.
        stack.jobs.put_job(_job(0))
        _claim(stack, _job(0), 1)
    for number, call in enumerate(calls):
        assert _run_call(in_memory, *call) == _run_call(moto, *call), f"call {number}: {call}"


def _run_call(stack: SimulatedStack, call: str, number: int, choice: int) -> Any:
    """Return the result of a call about one of two jobs, or its error. `choice` varies the call's arguments."""
    stack.clock.advance(minutes=choice)
    try:
        return _CALLS[call](stack, _job(number), choice)
    except SoraReadyError as error:
        return type(error).__name__, error.to_job_error()


def _job(number: int) -> Job:
    source = SourceObject("uploads", f"{number}.jpg", "etag", None, "1")
    return Job(
        f"job-{number}", Status.READY, source, "2026", "2026", request=make_request(), submission=_submission("1")
    )


def _submission(attempt_id: str) -> Submission:
    start, end = "2026-11-12T08:00:00.000Z", "2026-11-12T09:00:00.000Z"
    return Submission(attempt_id, start, end, Decimal("0.40"), "2026-11-12")


def _claim(stack: SimulatedStack, job: Job, choice: int) -> Job:
    return stack.ledger.claim_job(job, _submission(str(choice % 2)), budget=Decimal("0.70"))


def _update(stack: SimulatedStack, job: Job, choice: int) -> Job:
    job = stack.jobs.get_job(job.id) or job
    conditions: list[JobConditions] = [
        {},
        {"attempt_id": "1"},
        {"invocation": Invocation()},
        {"polls": 0},
        {"decoding": job.decoding},
    ]
    decoding = Decoding((str(choice),)) if choice % 2 else Decoding()
    polling = Polling(choice)
    return stack.jobs.update_job(job, conditions=conditions[choice % 5], polling=polling, decoding=decoding, error=None)


_CALLS: dict[str, Callable[[SimulatedStack, Job, int], Any]] = {
    "put": lambda stack, job, choice: stack.jobs.put_job(job if choice % 3 else replace(job, status=Status.RECEIVED)),
    "move": lambda stack, job, choice: stack.jobs.move_job(
        job.id, list(Status)[choice], reconciliation=Reconciliation(checks=choice)
    ),
    "update": _update,
    "park": lambda stack, job, _: stack.jobs.park_job(job, error=JobError("parked", "")),
    "claim": _claim,
    "record": lambda stack, job, choice: stack.ledger.record_video(job, ServerVideo(f"video-{choice % 2}", "queued")),
    "refund": lambda stack, job, choice: stack.ledger.refund(
        job, Status.READY, JobError("later", ""), due_at=stack.clock() + timedelta(hours=choice)
    ),
    "owners": lambda stack, _job, _choice: stack.ledger.find_owners(["video-0", "video-1", "video-2"]),
    "due": lambda stack, _job, choice: [stack.jobs.find_due(partition, choice + 1) for partition in SweepPartition],
    "by_source": lambda stack, job, _: list(stack.jobs.find_by_source(job.source)),
    "open": lambda stack, _job, _choice: stack.jobs.find_open(fingerprint(make_request())),
    "get": lambda stack, job, _: (stack.jobs.get_job(job.id), stack.ledger.read_spent("2026-11-12")),
}
