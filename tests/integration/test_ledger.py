"""Spending and claims are written together with the job, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.adapters.ledger import MAX_PAUSE_SECONDS, WRITE_ATTEMPTS, Ledger
from sora_ready.domain.errors import BudgetSpent, JobError, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, ServerVideo, Status

from .run_steps import path_of, recorded
from .stack_fixtures import Stack, new_submission

OTHER = "other.jpg"
VIDEO = ServerVideo("video_at_server", "queued")
REFUSAL = JobError("http_400", "no")
THROTTLED_CALLS = ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"]
"""Codes that refuse a transaction as a whole, without a reason for each of its writes."""
RETRYABLE = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", *THROTTLED_CALLS]
"""Codes that refuse a transaction for now."""


def claim(stack: Stack, job: Job, price: str, budget: str, ledger: Ledger | None = None) -> Job:
    submission = new_submission(stack.clock, Decimal(price))
    return (ledger or stack.ledger).claim_job(job, submission, budget=Decimal(budget))


class RefusingClient:
    """A client whose first transactions are refused: for one of their writes, or as a whole."""

    def __init__(self, client: Any, refusals: int, code: str = "TransactionConflict") -> None:
        self._client = client
        self._left = refusals
        self._code = code
        self.attempts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        self.attempts += 1
        if self._left:
            self._left -= 1
            refusal: Any = {"Error": {"Code": self._code}}
            if self._code not in THROTTLED_CALLS:
                reasons = [{"Code": "None"}, {"Code": self._code}]
                refusal = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(refusal, "TransactWriteItems")
        return self._client.transact_write_items(**arguments)


# ---------------------------------------------------------------- a day's budget


def test_a_claim_takes_the_price_from_the_day_and_records_it_in_the_job(stack: Stack) -> None:
    # when
    job = claim(stack, stack.ready_job(), "0.40", "25")

    # then
    assert job == recorded(stack, job)
    assert path_of(job) == ["ready", "submitting"]
    assert (job.submission.price_usd, job.submission.budget_day) == (Decimal("0.40"), "2026-11-12")
    assert stack.spent() == Decimal("0.40")
    # and the job is due once the lease has expired
    assert job.submission.lease_until == "2026-11-12T08:03:00.000Z"
    assert job.due_at == "2026-11-12T08:03:30.000Z"


def test_prices_add_up_to_the_cent(stack: Stack) -> None:
    # given three tenths, which are not 0.3 in binary floating point
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        claim(stack, stack.ready_job(name), "0.1", "0.3")

    # then exactly the whole budget is spent
    assert stack.spent() == Decimal("0.3")
    with pytest.raises(BudgetSpent):
        claim(stack, stack.ready_job("d.jpg"), "0.01", "0.3")


@pytest.mark.parametrize(("price", "fits"), [("0.59", True), ("0.60", True), ("0.6001", False), ("0.61", False)])
def test_the_last_cent_may_be_spent_and_no_more(stack: Stack, price: str, *, fits: bool) -> None:
    # given 0.60 left of 1.00
    claim(stack, stack.ready_job(OTHER), "0.40", "1.00")
    job = stack.ready_job()

    # when
    if fits:
        claim(stack, job, price, "1.00")
    else:
        with pytest.raises(BudgetSpent):
            claim(stack, job, price, "1.00")

    # then job and spending are written together or not at all
    assert stack.spent() == Decimal("0.40") + (Decimal(price) if fits else 0)
    assert recorded(stack, job).status is (Status.SUBMITTING if fits else Status.READY)
    assert fits or recorded(stack, job) == job


@pytest.mark.parametrize(
    ("price", "budget", "reason"),
    [("0.40", "0", "paused"), ("0", "0", "paused"), ("0.40", "0.39", "a whole day")],
)
def test_a_job_that_no_whole_day_covers_is_refused_without_a_call(
    stack: Stack, price: str, budget: str, reason: str
) -> None:
    job = stack.ready_job()
    stack.calls.clear()

    with pytest.raises(BudgetSpent, match=reason):
        claim(stack, job, price, budget)

    assert stack.calls.names() == []


def test_a_free_job_is_claimed_although_the_day_is_spent(stack: Stack) -> None:
    claim(stack, stack.ready_job(OTHER), "1", "1")

    assert claim(stack, stack.ready_job(), "0", "1").status is Status.SUBMITTING


def test_the_next_day_has_a_budget_of_its_own(stack: Stack) -> None:
    stack.clock.moment = datetime(2026, 11, 12, 23, 59, 59, tzinfo=UTC)
    claim(stack, stack.ready_job(OTHER), "1", "1")
    stack.clock.advance(seconds=1)

    job = claim(stack, stack.ready_job(), "1", "1")

    assert job.submission.budget_day == "2026-11-13"
    assert (stack.spent("2026-11-12"), stack.spent("2026-11-13")) == (Decimal(1), Decimal(1))


def test_a_job_is_claimed_once_and_paid_for_once(stack: Stack) -> None:
    job = stack.ready_job()
    first = claim(stack, job, "0.40", "25")

    with pytest.raises(TransitionRefused) as refusal:
        claim(stack, job, "0.40", "25")

    assert refusal.value.current == "submitting"
    assert stack.spent() == Decimal("0.40")
    assert recorded(stack, job) == first


def test_a_job_that_is_not_ready_is_refused_for_its_status_even_if_the_day_is_spent(stack: Stack) -> None:
    job = stack.ready_job()
    claim(stack, job, "1", "1")

    with pytest.raises(TransitionRefused):
        claim(stack, job, "1", "1")


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED])
def test_a_submission_that_started_nothing_is_refunded(stack: Stack, status: Status) -> None:
    job = stack.claimed_job()
    assert stack.spent() == Decimal("0.40")

    refunded = stack.ledger.refund(job, status, REFUSAL)

    assert (refunded.status, refunded.error) == (status, REFUSAL)
    assert stack.spent() == 0


def test_nothing_is_refunded_twice(stack: Stack) -> None:
    # given another job that the same day paid for
    stack.claimed_job(OTHER)
    job = stack.claimed_job()
    stack.ledger.refund(job, Status.READY, REFUSAL)

    # when
    for status in (Status.READY, Status.FAILED):
        with pytest.raises(TransitionRefused):
            stack.ledger.refund(job, status, REFUSAL)

    # then
    assert stack.spent() == Decimal("0.40")


def test_a_refund_after_midnight_goes_to_the_day_that_paid(stack: Stack) -> None:
    stack.clock.moment = datetime(2026, 11, 12, 23, 59, 59, tzinfo=UTC)
    job = stack.claimed_job()
    stack.clock.advance(seconds=5)

    stack.ledger.refund(job, Status.READY, REFUSAL)

    assert (stack.spent("2026-11-12"), stack.spent("2026-11-13")) == (Decimal(0), Decimal(0))


# ---------------------------------------------------------------- which job a video belongs to


def test_a_video_is_claimed_with_the_record_that_names_it(stack: Stack) -> None:
    job = stack.ledger.record_video(stack.claimed_job(), VIDEO)

    assert job == recorded(stack, job)
    assert (job.status, job.server, job.polling.polls) == (Status.QUEUED, VIDEO, 0)
    assert stack.ledger.find_owners({"video_at_server", "video_of_nobody"}) == {"video_at_server": job.id}
    assert stack.spent() == Decimal("0.40")


def test_a_video_is_never_given_to_a_second_job(stack: Stack) -> None:
    first = stack.ledger.record_video(stack.claimed_job(), VIDEO)
    second = stack.claimed_job(OTHER)

    with pytest.raises(VideoClaimedError):
        stack.ledger.record_video(second, VIDEO)

    assert recorded(stack, second) == second
    assert stack.ledger.find_owners({"video_at_server"}) == {"video_at_server": first.id}


def test_owners_are_found_of_more_videos_than_one_call_takes(stack: Stack) -> None:
    job = stack.ledger.record_video(stack.claimed_job(), VIDEO)
    stack.calls.clear()

    owners = stack.ledger.find_owners({"video_at_server", *(f"video_{number}" for number in range(250))})

    assert owners == {"video_at_server": job.id}
    assert stack.calls.names() == ["dynamodb.BatchGetItem"] * 3


def test_the_owners_of_no_videos_cost_no_call(stack: Stack) -> None:
    stack.calls.clear()

    assert stack.ledger.find_owners(set()) == {}
    assert stack.calls.names() == []


# ---------------------------------------------------------------- conflicts and throttling


@pytest.mark.parametrize("refusals", [1, 2, WRITE_ATTEMPTS - 1])
@pytest.mark.parametrize("code", RETRYABLE)
def test_a_write_that_was_refused_for_now_is_repeated(stack: Stack, code: str, refusals: int) -> None:
    pauses: list[float] = []
    client = RefusingClient(stack.dynamodb, refusals, code)
    ledger = Ledger(client, stack.ledger_table, stack.jobs, pause=pauses.append)  # type: ignore[arg-type] # a fake client

    job = claim(stack, stack.ready_job(), "0.40", "25", ledger)

    assert job.status is Status.SUBMITTING
    assert stack.spent() == Decimal("0.40")
    assert (client.attempts, len(pauses)) == (refusals + 1, refusals)
    assert all(0 < pause <= MAX_PAUSE_SECONDS for pause in pauses)


@pytest.mark.parametrize("code", RETRYABLE)
def test_a_video_that_was_bought_is_recorded_as_soon_as_the_table_accepts_writes(stack: Stack, code: str) -> None:
    # given a purchase, and a table that refuses writes for a while
    bought = stack.claimed_job()
    pauses: list[float] = []
    client = RefusingClient(stack.dynamodb, WRITE_ATTEMPTS - 1, code)
    ledger = Ledger(client, stack.ledger_table, stack.jobs, pause=pauses.append)  # type: ignore[arg-type] # a fake client

    # when
    job = ledger.record_video(bought, VIDEO)

    # then the job is queued with its video
    assert (recorded(stack, job).status, job.server) == (Status.QUEUED, VIDEO)
    assert stack.ledger.find_owners({"video_at_server"}) == {"video_at_server": job.id}
    # and the pauses grow, within the time that a submission has left after a slow server
    growing = pauses[:7]
    assert growing == sorted(growing)
    assert 8 < sum(pauses) < 20


@pytest.mark.parametrize(
    ("code", "attempts"), [*((code, WRITE_ATTEMPTS) for code in RETRYABLE), ("ValidationError", 1), ("AccessDenied", 1)]
)
def test_a_write_that_fails_for_good_raises_and_writes_nothing(stack: Stack, code: str, attempts: int) -> None:
    client = RefusingClient(stack.dynamodb, 1000, code)
    ledger = Ledger(client, stack.ledger_table, stack.jobs, pause=lambda _: None)  # type: ignore[arg-type] # a fake client
    job, bought = stack.ready_job(), stack.claimed_job(OTHER)
    error_code = code if code in THROTTLED_CALLS else "TransactionCanceledException"

    with pytest.raises(ClientError, match=error_code):
        claim(stack, job, "0.40", "25", ledger)
    assert client.attempts == attempts
    with pytest.raises(ClientError, match=error_code):
        ledger.record_video(bought, VIDEO)

    assert client.attempts == 2 * attempts
    assert (recorded(stack, job), recorded(stack, bought), stack.spent()) == (job, bought, Decimal("0.40"))
