"""A worker is killed or paused at any boundary, under any delivery: nothing is bought twice, and no upload is lost."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.faults.kill_cases import DELIVERIES, KillCase, NewStack, case_violations, list_boundaries, run_case

# Shorter than the lease; and longer than the lease and the checks that follow it.
SHORT_PAUSE_MINUTES, LONG_PAUSE_MINUTES = 2, 45


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_one_killed_worker_breaks_no_invariant(
    new_stack: NewStack, delivery: str, record_property: Callable[..., None]
) -> None:
    boundaries = list_boundaries(new_stack, KillCase((), delivery))
    assert {boundary.partition(":")[0] for boundary in boundaries} >= {"normalize", "submit", "track"}
    cases = [KillCase((boundary,), delivery) for boundary in boundaries]
    violations = [violation for case in cases for violation in case_violations(run_case(new_stack, case), case)]
    assert not violations, "\n".join(violations)
    record_property("counted", {"runs with one kill": {delivery: len(cases)}})


def test_one_killed_worker_breaks_no_invariant_over_moto(
    new_stack: NewStack, record_property: Callable[..., None]
) -> None:
    cases = [KillCase((boundary,)) for boundary in list_boundaries(new_stack, KillCase(()))]
    violations = [
        violation for case in cases for violation in case_violations(run_case(new_stack, case, moto=True), case)
    ]
    assert not violations, "\n".join(violations)
    record_property("counted", {"runs with one kill": {"over moto": len(cases)}})


@pytest.mark.parametrize("delivery", ["once", "twice"])
@pytest.mark.parametrize("minutes", [SHORT_PAUSE_MINUTES, LONG_PAUSE_MINUTES])
def test_one_paused_worker_breaks_no_invariant(
    new_stack: NewStack, delivery: str, minutes: int, record_property: Callable[..., None]
) -> None:
    def pause_at(boundary: str) -> list[str]:
        # While the worker is paused, the other workers and the sweep run.
        case = KillCase((boundary,), delivery)
        return case_violations(run_case(new_stack, case, pause_minutes=minutes), case)

    boundaries = list_boundaries(new_stack, KillCase((), delivery))
    violations = [f"paused for {minutes} min: {each}" for boundary in boundaries for each in pause_at(boundary)]
    assert not violations, "\n".join(violations)
    record_property("counted", {"runs with a paused worker": {f"{minutes} min, {delivery}": len(boundaries)}})


def test_a_job_whose_worker_is_slow_within_its_lease_is_never_unconfirmed(new_stack: NewStack) -> None:
    for boundary in list_boundaries(new_stack, KillCase((), "twice")):
        # The worker takes two of its lease's three minutes, while another gets the same message.
        stack = run_case(new_stack, KillCase((boundary,), "twice"), pause_minutes=SHORT_PAUSE_MINUTES)
        assert "unconfirmed" not in [entry.status for entry in stack.job(stack.sources[0]).history], boundary


def test_duplicate_messages_cause_no_more_requests_to_the_server(new_stack: NewStack) -> None:
    once, twice = (
        run_case(new_stack, KillCase((), delivery)).fake_server.request_log.entries() for delivery in ("once", "twice")
    )
    assert [entry.method for entry in twice] == [entry.method for entry in once]


def test_a_case_can_be_repeated_by_its_name(new_stack: NewStack) -> None:
    case = KillCase.from_name("submit:submit_video#1 + sweep:start#2 @ late")
    assert str(case) == "submit:submit_video#1 + sweep:start#2 @ late"
    first, second = (run_case(new_stack, case).kill_points for _ in range(2))
    assert first.passed == second.passed
    assert sorted(first.triggered) == sorted(case.kill_points)


def test_the_named_case_breaks_no_invariant(new_stack: NewStack) -> None:
    case = KillCase.from_name(os.environ.get("FAULT_CASE", "submit:submit_video#1 @ once"))
    assert not case_violations(run_case(new_stack, case), case)
