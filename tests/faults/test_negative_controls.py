"""Each safeguard is removed in turn, and the invariants must notice: otherwise they would prove nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import openai
import pytest

from local.fake_video_server import Fault, faults
from sora_ready.adapters import job_table
from sora_ready.adapters.job_items import JobUpdate
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain import reconciliation
from sora_ready.domain.errors import BudgetSpent, SoraReadyError, SubmissionNotAcceptedError
from sora_ready.domain.job import Job, Polling, Status, Submission
from sora_ready.domain.spending import next_day
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import DELIVERIES, KillCase, NewStack, list_boundaries, picture, run_case
from tests.faults.simulated_stack import SimulatedStack
from tests.faults.unconfirmed_jobs import ACCEPTED_THEN_DROPPED, DROPPED, NO_FAULT


def violations_of_kills_and_pauses(new_stack: NewStack, boundaries: tuple[str, ...]) -> list[str]:
    """Kill a worker, and pause one, at each boundary under each delivery; return the violations."""
    violations = []
    for delivery in DELIVERIES:
        for boundary in boundaries:
            for minutes in (0, 2):
                case = KillCase((boundary,), delivery)
                violations += find_violations(run_case(new_stack, case, pause_minutes=minutes))
    return violations


def invariant_numbers(violations: list[str]) -> set[str]:
    return {violation.partition(":")[0] for violation in violations}


def violations_of_equal_uploads(stack: SimulatedStack, first: Fault, second: Fault) -> list[str]:
    """Upload two pictures with equal requests, whose submissions meet a fault each; return the violations."""
    stack.fake_server.faults.plan(first, second)
    for number in range(2):
        stack.upload(f"{number}.jpg", picture(), "a calm sea")
    stack.run()
    return find_violations(stack)


@pytest.mark.parametrize("fault", [faults.drop_connection(), faults.status(500), faults.status(409)])
def test_retries_by_the_sdk_are_noticed(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    monkeypatch.setattr(openai.OpenAI, "_sleep_for_retry", lambda *_, **__: None)
    stack = new_stack()
    retrying = VideoServerClient(stack.client._client.with_options(max_retries=2))
    monkeypatch.setattr(stack.video_server, "_client", retrying)
    stack.fake_server.faults.plan(faults.accept_then(fault))
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    assert "I1" in invariant_numbers(find_violations(stack))


def test_the_production_client_neither_retries_nor_follows_redirects(new_stack: NewStack) -> None:
    client = new_stack().client._client
    assert (client.max_retries, client._client.follow_redirects) == (0, False)


def test_an_unconditional_claim_is_noticed(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def allow_any_status(*arguments: Any) -> JobUpdate:
        update = JobUpdate(*arguments)
        return replace(update, allowed=set(Status)) if update.status is Status.SUBMITTING else update

    monkeypatch.setattr(job_table, "JobUpdate", allow_any_status)
    violations = violations_of_kills_and_pauses(new_stack, ("submit:s3.GetObject#1",))
    assert {"I1", "I6"} <= invariant_numbers(violations)


def test_a_resubmission_after_an_expired_lease_is_noticed(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def resubmit(job: Job, error: Any, jobs: Any) -> Job:
        moved: Job = jobs.move_job(job.id, Status.READY, error=error.to_job_error())
        return moved

    for module in ("submit", "unconfirmed"):
        monkeypatch.setattr(f"sora_ready.pipeline.{module}.mark_unconfirmed", resubmit)
    boundaries = ("submit:submit_video#1", "submit:dynamodb.TransactWriteItems#1")
    assert "I1" in invariant_numbers(violations_of_kills_and_pauses(new_stack, boundaries))


def test_a_budget_taken_outside_the_claim_transaction_is_noticed(
    new_stack: NewStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim_in_two_writes(self: Ledger, job: Job, submission: Submission, *, budget: Decimal) -> Job:
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

    def violations_with_a_pause_at(boundary: str) -> list[str]:
        # The budget covers one of the two jobs.
        stack = new_stack((boundary,), budget=Decimal("0.40"), pause_minutes=1)
        for number in range(2):
            stack.upload(f"{number}.jpg", picture(), f"picture {number}")
        stack.run(hours=2)
        return find_violations(stack, idle=False)

    passed = list_boundaries(new_stack, KillCase(()))
    boundaries = [boundary for boundary in passed if boundary.startswith("submit:")]
    # With the safeguard no pause makes a day exceed its budget, without it one does.
    assert not [violation for boundary in boundaries for violation in violations_with_a_pause_at(boundary)]
    monkeypatch.setattr(Ledger, "claim_job", claim_in_two_writes)
    violations = [violation for boundary in boundaries for violation in violations_with_a_pause_at(boundary)]
    assert "I7" in invariant_numbers(violations)


def test_adopting_the_newest_of_several_matches_is_noticed(
    new_stack: NewStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [(ACCEPTED_THEN_DROPPED, DROPPED), (DROPPED, ACCEPTED_THEN_DROPPED)]
    assert not [violation for order in orders for violation in violations_of_equal_uploads(new_stack(), *order)]
    monkeypatch.setattr("sora_ready.pipeline.reconcile.Reconcile._find_ambiguous_jobs", lambda *_: [])
    newest = property(lambda match: next(iter(match.exact), None))
    monkeypatch.setattr(reconciliation.MatchResult, "unique", newest)
    # The guess is right in one of the two orders.
    violations = [violation for order in orders for violation in violations_of_equal_uploads(new_stack(), *order)]
    assert "I3" in invariant_numbers(violations)


def test_a_video_recorded_without_a_claim_is_noticed(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not violations_of_equal_uploads(new_stack(), NO_FAULT, DROPPED)

    def record_without_claim(self: Ledger, job: Job, video: Any) -> Job:
        return self._jobs.move_job(job.id, Status.QUEUED, server=video, polling=Polling(), error=None)

    monkeypatch.setattr(Ledger, "record_video", record_without_claim)
    assert "I3" in invariant_numbers(violations_of_equal_uploads(new_stack(), NO_FAULT, DROPPED))


def test_an_unconfirmed_submission_treated_as_not_accepted_is_noticed(
    new_stack: NewStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = new_stack()
    stack.fake_server.faults.plan(faults.accept_then(faults.status(502)))

    def treat_errors_as_not_accepted(*arguments: Any) -> Any:
        try:
            return stack.client.submit_video(*arguments)
        except SoraReadyError as error:
            raise SubmissionNotAcceptedError("no", error.message) from error

    monkeypatch.setattr(stack.video_server, "submit_video", treat_errors_as_not_accepted)
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    assert "I1" in invariant_numbers(find_violations(stack))


def test_a_job_that_nothing_resumes_is_noticed(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sora_ready.pipeline.sweep.Sweep._resume", lambda *_: None)
    monkeypatch.setattr("tests.faults.simulated_stack.job_id_of_ready_key", lambda _: None)
    assert invariant_numbers(find_violations(run_case(new_stack, KillCase(())))) == {"I2"}


def test_other_bytes_than_the_server_has_are_noticed(new_stack: NewStack) -> None:
    stack = run_case(new_stack, KillCase(()))
    key = stack.job(stack.sources[0]).video.key
    body = stack.aws["s3"].get_object(Bucket="outputs", Key=key)["Body"].read()
    stack.aws["s3"].put_object(Bucket="outputs", Key=key, Body=body + b"!")
    assert invariant_numbers(find_violations(stack)) == {"I4"}


def test_a_rejected_picture_that_was_sent_is_noticed(new_stack: NewStack) -> None:
    stack = run_case(new_stack, KillCase(()))
    stack.aws["dynamodb"].update_item(
        TableName=stack.table,
        Key={"job_id": {"S": stack.job(stack.sources[0]).id}},
        UpdateExpression="SET #status = :to",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":to": {"S": "rejected"}},
    )
    assert {"I5", "I6"} <= invariant_numbers(find_violations(stack))
