"""What was spent and what was bought is written together with the job, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.adapters.ledger import LONGEST_PAUSE, WRITE_TRIES, Ledger
from sora_ready.domain.errors import BudgetSpent, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, Status

from .run_steps import path_of, recorded
from .stack_fixtures import Stack, new_submission

OTHER = "other.jpg"
VIDEO = {"id": "video_at_server", "status": "queued"}
REFUSAL = {"code": "http_400", "message": "no"}
ALL_AT_ONCE = ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"]
"""What refuses a transaction as a whole, before any of its writes is looked at."""
COMES_RIGHT = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", *ALL_AT_ONCE]
"""What refuses a transaction for now."""


def claim(stack: Stack, job: Job, price: str, budget: str, ledger: Ledger | None = None) -> Job:
    attempt = new_submission(stack.clock)
    return (ledger or stack.ledger).claim_job(job, attempt, "alike", price=Decimal(price), budget=Decimal(budget))


class Refusing:
    """A client whose first transactions are refused: for a reason that cancels one of its writes, or all at once."""

    def __init__(self, client: Any, refusals: int, code: str = "TransactionConflict") -> None:
        self._client = client
        self._left = refusals
        self._code = code
        self.tried = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        self.tried += 1
        if self._left:
            self._left -= 1
            refusal: Any = {"Error": {"Code": self._code}}
            if self._code not in ALL_AT_ONCE:
                reasons = [{"Code": "None"}, {"Code": self._code}]
                refusal = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(refusal, "TransactWriteItems")
        return self._client.transact_write_items(**arguments)


# ---------------------------------------------------------------- a day's budget


def test_a_claim_takes_the_price_and_says_so_in_the_job(stack: Stack) -> None:
    # when
    job = claim(stack, stack.ready_job(), "0.40", "25")

    # then
    assert job == recorded(stack, job)
    assert path_of(job) == ["ready", "submitting"]
    assert (job.submission.price_usd, job.submission.budget_day) == ("0.40", "2026-11-12")
    assert stack.spent() == Decimal("0.40")
    # and it is looked at again once the lease is over
    assert job.submission.lease_until == "2026-11-12T08:03:00.000Z"
    assert job.due_at == "2026-11-12T08:03:30.000Z"


def test_prices_add_up_to_the_cent(stack: Stack) -> None:
    # given tenths, of which three are no 0.3 in binary floating point
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        claim(stack, stack.ready_job(name), "0.1", "0.3")

    # then the day is spent, exactly
    assert stack.spent() == Decimal("0.3")
    with pytest.raises(BudgetSpent):
        claim(stack, stack.ready_job("d.jpg"), "0.01", "0.3")


@pytest.mark.parametrize(("price", "fits"), [("0.59", True), ("0.60", True), ("0.6001", False), ("0.61", False)])
def test_the_last_cent_may_be_spent_and_no_more(stack: Stack, price: str, *, fits: bool) -> None:
    # given a day on which 0.60 of 1.00 are left
    claim(stack, stack.ready_job(OTHER), "0.40", "1.00")
    job = stack.ready_job()

    # when
    if fits:
        claim(stack, job, price, "1.00")
    else:
        with pytest.raises(BudgetSpent):
            claim(stack, job, price, "1.00")

    # then neither is written without the other
    assert stack.spent() == Decimal("0.40") + (Decimal(price) if fits else 0)
    assert recorded(stack, job).status is (Status.SUBMITTING if fits else Status.READY)
    assert fits or recorded(stack, job) == job


@pytest.mark.parametrize(
    ("price", "budget", "told"),
    [("0.40", "0", "paused"), ("0", "0", "paused"), ("0.40", "0.39", "a whole day")],
)
def test_what_no_day_pays_for_is_refused_unasked(stack: Stack, price: str, budget: str, told: str) -> None:
    job = stack.ready_job()
    stack.calls.clear()

    with pytest.raises(BudgetSpent, match=told):
        claim(stack, job, price, budget)

    assert stack.calls.names() == []


def test_a_job_that_is_free_goes_on_where_the_day_is_spent(stack: Stack) -> None:
    claim(stack, stack.ready_job(OTHER), "1", "1")

    assert claim(stack, stack.ready_job(), "0", "1").status is Status.SUBMITTING


def test_the_next_day_has_a_budget_of_its_own(stack: Stack) -> None:
    stack.clock.moment = datetime(2026, 11, 12, 23, 59, 59, tzinfo=UTC)
    claim(stack, stack.ready_job(OTHER), "1", "1")
    stack.clock.advance(seconds=1)

    job = claim(stack, stack.ready_job(), "1", "1")

    assert job.submission.budget_day == "2026-11-13"
    assert (stack.spent("2026-11-12"), stack.spent("2026-11-13")) == (1, 1)


def test_a_job_is_claimed_once_and_paid_for_once(stack: Stack) -> None:
    job = stack.ready_job()
    first = claim(stack, job, "0.40", "25")

    with pytest.raises(TransitionRefused) as refusal:
        claim(stack, job, "0.40", "25")

    assert refusal.value.current == "submitting"
    assert stack.spent() == Decimal("0.40")
    assert recorded(stack, job) == first


def test_a_job_that_is_not_ready_is_refused_as_such_where_the_day_is_spent_too(stack: Stack) -> None:
    job = stack.ready_job()
    claim(stack, job, "1", "1")

    with pytest.raises(TransitionRefused):
        claim(stack, job, "1", "1")


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED])
def test_what_came_to_nothing_is_given_back(stack: Stack, status: Status) -> None:
    job = stack.claimed_job()
    assert stack.spent() == Decimal("0.40")

    back = stack.ledger.refund(job, status, REFUSAL)

    assert (back.status, back.error) == (status, REFUSAL)
    assert stack.spent() == 0


def test_nothing_is_given_back_twice(stack: Stack) -> None:
    # given a day on which another job was paid for too
    stack.claimed_job(OTHER)
    job = stack.claimed_job()
    stack.ledger.refund(job, Status.READY, REFUSAL)

    # when
    for status in (Status.READY, Status.FAILED):
        with pytest.raises(TransitionRefused):
            stack.ledger.refund(job, status, REFUSAL)

    # then
    assert stack.spent() == Decimal("0.40")


def test_what_is_given_back_after_midnight_belongs_to_the_day_it_came_from(stack: Stack) -> None:
    stack.clock.moment = datetime(2026, 11, 12, 23, 59, 59, tzinfo=UTC)
    job = stack.claimed_job()
    stack.clock.advance(seconds=5)

    stack.ledger.refund(job, Status.READY, REFUSAL)

    assert (stack.spent("2026-11-12"), stack.spent("2026-11-13")) == (0, 0)


# ---------------------------------------------------------------- whose a video is


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


def test_owners_are_found_among_more_videos_than_one_call_takes(stack: Stack) -> None:
    job = stack.ledger.record_video(stack.claimed_job(), VIDEO)
    stack.calls.clear()

    owners = stack.ledger.find_owners({"video_at_server", *(f"video_{number}" for number in range(250))})

    assert owners == {"video_at_server": job.id}
    assert stack.calls.names() == ["dynamodb.BatchGetItem"] * 3


def test_no_videos_have_no_owners_and_cost_no_call(stack: Stack) -> None:
    stack.calls.clear()

    assert stack.ledger.find_owners(set()) == {}
    assert stack.calls.names() == []


# ---------------------------------------------------------------- two writers at once, or too many


@pytest.mark.parametrize("refusals", [1, 2, WRITE_TRIES - 1])
@pytest.mark.parametrize("code", COMES_RIGHT)
def test_a_write_that_was_refused_for_now_is_tried_again(stack: Stack, code: str, refusals: int) -> None:
    client, pauses = Refusing(stack.dynamodb, refusals, code), []
    ledger = Ledger(client, stack.ledger_table, stack.jobs, pause=pauses.append)  # type: ignore[arg-type]

    job = claim(stack, stack.ready_job(), "0.40", "25", ledger)

    assert job.status is Status.SUBMITTING
    assert stack.spent() == Decimal("0.40")
    assert (client.tried, len(pauses)) == (refusals + 1, refusals)
    assert all(0 < pause <= LONGEST_PAUSE for pause in pauses)


@pytest.mark.parametrize("code", COMES_RIGHT)
def test_a_video_that_was_bought_is_recorded_once_the_table_is_no_longer_throttled(stack: Stack, code: str) -> None:
    # given a purchase, and a table that takes nothing for a while
    bought = stack.claimed_job()
    client, pauses = Refusing(stack.dynamodb, WRITE_TRIES - 1, code), []
    ledger = Ledger(client, stack.ledger_table, stack.jobs, pause=pauses.append)  # type: ignore[arg-type]

    # when
    job = ledger.record_video(bought, VIDEO)

    # then nothing is in doubt
    assert (recorded(stack, job).status, job.server) == (Status.QUEUED, VIDEO)
    assert stack.ledger.find_owners({"video_at_server"}) == {"video_at_server": job.id}
    # and it was given ever more time, within what a submission has left when the server was slow
    growing = pauses[:7]
    assert growing == sorted(growing)
    assert 8 < sum(pauses) < 20


@pytest.mark.parametrize(
    ("code", "tries"), [*((code, WRITE_TRIES) for code in COMES_RIGHT), ("ValidationError", 1), ("AccessDenied", 1)]
)
def test_a_write_that_cannot_be_done_says_so_and_leaves_nothing(stack: Stack, code: str, tries: int) -> None:
    client = Refusing(stack.dynamodb, 1000, code)
    ledger = Ledger(client, stack.ledger_table, stack.jobs, pause=lambda _: None)  # type: ignore[arg-type]
    job, bought = stack.ready_job(), stack.claimed_job(OTHER)
    told = code if code in ALL_AT_ONCE else "TransactionCanceledException"

    with pytest.raises(ClientError, match=told):
        claim(stack, job, "0.40", "25", ledger)
    assert client.tried == tries
    with pytest.raises(ClientError, match=told):
        ledger.record_video(bought, VIDEO)

    assert client.tried == 2 * tries
    assert (recorded(stack, job), recorded(stack, bought), stack.spent()) == (job, bought, Decimal("0.40"))
