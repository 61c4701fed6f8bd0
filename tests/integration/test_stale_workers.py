"""A worker that was away for long cannot write what came of its try onto a try that began since."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from sora_ready.domain.errors import SubmissionUnconfirmed, TransitionRefused
from sora_ready.domain.job import Job, Status
from sora_ready.pipeline.unconfirmed import mark_unconfirmed

from .run_steps import recorded
from .stack_fixtures import BUDGET, PRICE, Stack, new_submission

Write = Callable[[Stack, Job], Job]

WRITES: dict[str, Write] = {
    "bought": lambda stack, job: stack.ledger.record_video(job, {"id": "video_1", "status": "queued"}),
    "refused": lambda stack, job: stack.ledger.refund(job, Status.FAILED, {"code": "http_400"}),
    "not taken": lambda stack, job: stack.ledger.refund(job, Status.READY, {"code": "http_429"}),
}


@pytest.fixture
def stale(stack: Stack) -> Job:
    """A job as a worker saw it whose lease ran out, and which a person had sent again meanwhile."""
    job = stack.claimed_job()
    stack.clock.advance(minutes=5)
    mark_unconfirmed(job, SubmissionUnconfirmed("The worker ended without a word"), stack.jobs)
    again = stack.jobs.move_job(job.id, Status.READY)
    stack.ledger.claim_job(again, new_submission(stack.clock), "alike", price=PRICE, budget=BUDGET)
    return job


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_came_of_an_older_try_is_not_written_onto_a_newer(stack: Stack, stale: Job, write: Write) -> None:
    before = recorded(stack, stale)
    assert before.submission.attempt_id != stale.submission.attempt_id

    with pytest.raises(TransitionRefused):
        write(stack, stale)

    # then the record, the day and the video are as they were
    assert recorded(stack, stale) == before
    assert stack.spent() == Decimal("0.80")
    assert stack.ledger.find_owners({"video_1"}) == {}


def test_an_older_try_cannot_put_a_newer_in_doubt(stack: Stack, stale: Job) -> None:
    before = recorded(stack, stale)

    assert mark_unconfirmed(stale, SubmissionUnconfirmed("The connection broke"), stack.jobs) == before
    assert recorded(stack, stale) == before


@pytest.mark.parametrize(("name", "status"), [("bought", "queued"), ("refused", "failed"), ("not taken", "ready")])
def test_what_came_of_the_last_try_is_still_told_after_its_lease(stack: Stack, name: str, status: str) -> None:
    # given
    job = stack.claimed_job()
    stack.clock.advance(minutes=5)
    mark_unconfirmed(job, SubmissionUnconfirmed("The worker ended without a word"), stack.jobs)

    # then
    assert WRITES[name](stack, job).status == status
    assert stack.spent() == (PRICE if name == "bought" else 0)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_try_is_told_of_once(stack: Stack, write: Write) -> None:
    job = stack.claimed_job()
    after = write(stack, job)

    for again in WRITES.values():
        with pytest.raises(TransitionRefused):
            again(stack, job)

    assert recorded(stack, job) == after
