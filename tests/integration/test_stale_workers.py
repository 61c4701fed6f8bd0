"""A worker that was suspended cannot write the outcome of its submission onto a newer one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from sora_ready.domain.errors import JobError, SubmissionUnconfirmed, TransitionRefused
from sora_ready.domain.job import Job, ServerVideo, Status
from sora_ready.pipeline.unconfirmed import mark_unconfirmed

from .run_steps import recorded
from .stack_fixtures import BUDGET, PRICE, Stack, new_submission

Write = Callable[[Stack, Job], Job]

WRITES: dict[str, Write] = {
    "bought": lambda stack, job: stack.ledger.record_video(job, ServerVideo("video_1", "queued")),
    "refused": lambda stack, job: stack.ledger.refund(job, Status.FAILED, JobError("http_400", "no")),
    "not accepted": lambda stack, job: stack.ledger.refund(job, Status.READY, JobError("http_429", "wait")),
}


@pytest.fixture
def stale(stack: Stack) -> Job:
    """A job as a worker read it whose lease has expired, and which an operator has sent again meanwhile."""
    job = stack.claimed_job()
    stack.clock.advance(minutes=5)
    mark_unconfirmed(job, SubmissionUnconfirmed("The worker died"), stack.jobs)
    again = stack.jobs.move_job(job.id, Status.READY)
    stack.ledger.claim_job(again, new_submission(stack.clock), budget=BUDGET)
    return job


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_outcome_of_an_older_submission_is_not_written_onto_a_newer_one(
    stack: Stack, stale: Job, write: Write
) -> None:
    before = recorded(stack, stale)
    assert before.submission.attempt_id != stale.submission.attempt_id

    with pytest.raises(TransitionRefused):
        write(stack, stale)

    # then the record, the spending and the claims are as they were
    assert recorded(stack, stale) == before
    assert stack.spent() == Decimal("0.80")
    assert stack.ledger.find_owners({"video_1"}) == {}


def test_an_older_submission_cannot_make_a_newer_one_unconfirmed(stack: Stack, stale: Job) -> None:
    before = recorded(stack, stale)

    assert mark_unconfirmed(stale, SubmissionUnconfirmed("The connection broke"), stack.jobs) == before
    assert recorded(stack, stale) == before


@pytest.mark.parametrize(("name", "status"), [("bought", "queued"), ("refused", "failed"), ("not accepted", "ready")])
def test_the_outcome_of_the_last_submission_is_still_recorded_after_its_lease(
    stack: Stack, name: str, status: str
) -> None:
    # given
    job = stack.claimed_job()
    stack.clock.advance(minutes=5)
    mark_unconfirmed(job, SubmissionUnconfirmed("The worker died"), stack.jobs)

    # then
    assert WRITES[name](stack, job).status == status
    assert stack.spent() == (PRICE if name == "bought" else 0)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_outcome_is_recorded_once(stack: Stack, write: Write) -> None:
    job = stack.claimed_job()
    after = write(stack, job)

    for again in WRITES.values():
        with pytest.raises(TransitionRefused):
            again(stack, job)

    assert recorded(stack, job) == after
