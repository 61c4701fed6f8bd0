"""Each guard taken away in turn: the harness must see what comes of it, else it would see nothing at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import openai
import pytest

from local.fake_video_server import faults
from sora_ready.adapters import ledger
from sora_ready.adapters.job_items import JobUpdate
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain import reconciliation
from sora_ready.domain.errors import BudgetSpent, SoraReadyError, SubmissionNotAcceptedError
from sora_ready.domain.job import Job, Polling, Status, Submission
from sora_ready.domain.spending import next_day
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import DELIVERIES, Case, NewStack, boundaries, live, picture
from tests.faults.simulated_stack import SimulatedStack


def see(new_stack: NewStack, points: tuple[str, ...] = ()) -> list[str]:
    """Live all single kills, and a worker that stops, in each delivery; return the violations."""
    said = []
    for delivery in DELIVERIES:
        for point in points or boundaries(new_stack, Case((), delivery)):
            for minutes in (0, 2):
                said += find_violations(live(new_stack, Case((point,), delivery), stop_minutes=minutes))
    return said


def numbers(said: list[str]) -> set[str]:
    return {what.partition(":")[0] for what in said}


def two_alike(stack: SimulatedStack, first: Any, second: Any) -> list[str]:
    stack.paid.faults.plan(first, second)
    for number in range(2):
        stack.drop(f"{number}.jpg", picture(), "a calm sea")
    stack.run()
    return find_violations(stack)


@pytest.mark.parametrize("answer", [faults.drop_connection(), faults.status(500), faults.status(409)])
def test_the_sdk_repeats_by_itself(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    monkeypatch.setattr(openai.OpenAI, "_sleep_for_retry", lambda *_, **__: None)
    stack = new_stack()
    repeating = VideoServerClient(stack.video_server._client.with_options(max_retries=2))
    monkeypatch.setattr(stack.server, "_api", repeating)
    stack.paid.faults.plan(faults.accept_then(answer))
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    assert "I1" in numbers(find_violations(stack))


def test_the_production_client_does_not_repeat(new_stack: NewStack) -> None:
    client = new_stack().video_server._client
    assert (client.max_retries, client._client.follow_redirects) == (0, False)


def test_the_claim_is_unconditional(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def allow_any(*arguments: Any) -> JobUpdate:
        update = JobUpdate(*arguments)
        return replace(update, allowed=set(Status)) if update.status is Status.SUBMITTING else update

    monkeypatch.setattr(ledger, "JobUpdate", allow_any)
    assert {"I1", "I6"} <= numbers(see(new_stack, ("submit:s3.GetObject#1",)))


def test_a_lease_that_ran_out_sends_again(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def resend(job: Job, error: Any, jobs: Any) -> Job:
        moved: Job = jobs.move_job(job.id, Status.READY, error=error.to_job_error())
        return moved

    for module in ("submit", "unconfirmed"):
        monkeypatch.setattr(f"sora_ready.pipeline.{module}.mark_unconfirmed", resend)
    assert "I1" in numbers(see(new_stack, ("submit:submit_video#1", "submit:dynamodb.TransactWriteItems#1")))


def test_the_budget_is_taken_outside_the_transaction(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def claim(self: Ledger, job: Job, submission: Submission, *, budget: Decimal) -> Job:
        now, price = self._jobs.now(), submission.price_usd
        day = submission.budget_day
        spent = self.read_spent(day)
        if spent + price > budget:
            raise BudgetSpent(price, budget, next_day(now))
        job = self._jobs.move_job(job.id, Status.SUBMITTING, submission=submission)
        update = "SET spent_usd = if_not_exists(spent_usd, :zero) + :usd"
        values: Any = {":zero": {"N": "0"}, ":usd": {"N": str(price)}}
        key: Any = {"entry": {"S": f"day#{day}"}}
        self._client.update_item(
            TableName=self._table, Key=key, UpdateExpression=update, ExpressionAttributeValues=values
        )
        return job

    def drop_two(point: str) -> list[str]:
        stack = new_stack((point,), budget=Decimal("0.40"), stop_minutes=1)
        for number in range(2):
            stack.drop(f"{number}.jpg", picture(), f"picture {number}")
        stack.run(hours=2)
        return find_violations(stack, drained=False)

    points = [point for point in boundaries(new_stack, Case(())) if point.startswith("submit:")]
    # As it is, no worker that stops anywhere makes a day cost too much;
    assert not [said for point in points for said in drop_two(point)]
    # with the money taken apart from the claim, one does.
    monkeypatch.setattr(Ledger, "claim_job", claim)
    assert "I7" in numbers([said for point in points for said in drop_two(point)])


def test_doubt_guesses_the_newest(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, lost = faults.accept_then_drop_connection(), faults.drop_connection()
    answers = [(taken, lost), (lost, taken)]
    assert not [said for pair in answers for said in two_alike(new_stack(), *pair)]
    monkeypatch.setattr("sora_ready.pipeline.reconcile.Reconcile._find_ambiguous_jobs", lambda *_: [])
    newest = property(lambda match: next(iter(match.exact), None))
    monkeypatch.setattr(reconciliation.MatchResult, "unique", newest)
    # Guessing is right for one of the two.
    assert "I3" in numbers([said for pair in answers for said in two_alike(new_stack(), *pair)])


def test_a_video_is_recorded_without_a_claim(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = (faults.none(), faults.drop_connection())
    assert not two_alike(new_stack(), *answers)

    def record(self: Ledger, job: Job, video: Any) -> Job:
        return self._jobs.move_job(job.id, Status.QUEUED, server=video, polling=Polling(), error=None)

    monkeypatch.setattr(Ledger, "record_video", record)
    assert "I3" in numbers(two_alike(new_stack(), *answers))


def test_an_answer_that_may_have_begun_counts_as_a_no(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = new_stack()
    stack.paid.faults.plan(faults.accept_then(faults.status(502)))

    def submit_carelessly(*given: Any) -> Any:
        try:
            return stack.video_server.submit_video(*given)
        except SoraReadyError as error:
            raise SubmissionNotAcceptedError("no", error.message) from error

    monkeypatch.setattr(stack.server, "submit_video", submit_carelessly)
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    assert "I1" in numbers(find_violations(stack))


def test_a_job_that_nothing_wakes_is_seen(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sora_ready.pipeline.sweep.Sweep._resume", lambda *_: None)
    monkeypatch.setattr("tests.faults.simulated_stack.job_id_of_ready_key", lambda _: None)
    assert numbers(find_violations(live(new_stack, Case(())))) == {"I2"}


def test_other_bytes_are_seen(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = live(new_stack, Case(()))
    key = stack.job(stack.sources[0]).video.key
    body = stack.aws["s3"].get_object(Bucket="outputs", Key=key)["Body"].read()
    stack.aws["s3"].put_object(Bucket="outputs", Key=key, Body=body + b"!")
    assert numbers(find_violations(stack)) == {"I4"}


def test_a_rejected_picture_that_was_sent_is_seen(new_stack: NewStack) -> None:
    stack = live(new_stack, Case(()))
    job = stack.job(stack.sources[0])
    item = {"job_id": {"S": job.id}}
    stack.aws["dynamodb"].update_item(
        TableName=stack.table,
        Key=item,
        UpdateExpression="SET #status = :to",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":to": {"S": "rejected"}},
    )
    assert {"I5", "I6"} <= numbers(find_violations(stack))
