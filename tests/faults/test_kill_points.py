"""A worker that dies at any boundary, however messages travel: paid for once, and nothing vanishes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.faults.kill_cases import DELIVERIES, Case, NewStack, boundaries, judge, live

# Longer than anything waits, shorter than a lease; and beyond the lease and the looks that follow it.
SHORT_MINUTES, LONG_MINUTES = 2, 45


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_one_kill_anywhere(new_stack: NewStack, delivery: str, record_property: Callable[..., None]) -> None:
    # Given every boundary that an undisturbed life passes,
    points = boundaries(new_stack, Case((), delivery))
    assert {point.partition(":")[0] for point in points} >= {"normalize", "submit", "track"}
    # when a worker dies at one of them, each in a stack of its own,
    cases = [Case((point,), delivery) for point in points]
    wrong = [said for case in cases for said in judge(live(new_stack, case), case)]
    # then every invariant holds.
    assert not wrong, "\n".join(wrong)
    record_property("counted", {"lives with one kill": {delivery: len(cases)}})


def test_one_kill_anywhere_over_moto(new_stack: NewStack, record_property: Callable[..., None]) -> None:
    cases = [Case((point,)) for point in boundaries(new_stack, Case(()))]
    wrong = [said for case in cases for said in judge(live(new_stack, case, moto=True), case)]
    assert not wrong, "\n".join(wrong)
    record_property("counted", {"lives with one kill": {"over moto": len(cases)}})


@pytest.mark.parametrize("delivery", ["once", "twice"])
@pytest.mark.parametrize("minutes", [SHORT_MINUTES, LONG_MINUTES])
def test_one_worker_that_stops_and_goes_on(
    new_stack: NewStack, delivery: str, minutes: int, record_property: Callable[..., None]
) -> None:
    # Given a worker that is stopped at a boundary while the others, and the sweep, go on without it,
    def stop_at(point: str) -> list[str]:
        case = Case((point,), delivery)
        stack = live(new_stack, case, stop_minutes=minutes)
        # when it goes on as if nothing had been, then every invariant holds.
        return judge(stack, case)

    points = boundaries(new_stack, Case((), delivery))
    wrong = [f"stopped for {minutes} min: {said}" for point in points for said in stop_at(point)]
    assert not wrong, "\n".join(wrong)
    record_property("counted", {"lives with a worker that stops": {f"{minutes} min, {delivery}": len(points)}})


def test_a_worker_that_is_slow_within_its_lease_is_not_doubted(new_stack: NewStack) -> None:
    # Given messages that come twice, and a worker that takes two minutes of its three,
    for point in boundaries(new_stack, Case((), "twice")):
        stack = live(new_stack, Case((point,), "twice"), stop_minutes=SHORT_MINUTES)
        # then nobody takes its try for lost.
        assert "unconfirmed" not in [entry.status for entry in stack.job(stack.sources[0]).history], point


def test_messages_that_come_twice_have_the_server_asked_no_more_often(new_stack: NewStack) -> None:
    once, twice = (live(new_stack, Case((), delivery)).paid.request_log.entries() for delivery in ("once", "twice"))
    assert [entry.method for entry in twice] == [entry.method for entry in once]


def test_a_case_is_made_again_by_its_name(new_stack: NewStack) -> None:
    case = Case.read("submit:submit_video#1 + sweep:start#2 @ late")
    assert str(case) == "submit:submit_video#1 + sweep:start#2 @ late"
    first, second = (live(new_stack, case).points for _ in range(2))
    assert first.passed == second.passed
    assert sorted(first.struck) == sorted(case.points)


def test_the_named_case(new_stack: NewStack) -> None:
    case = Case.read(os.environ.get("FAULT_CASE", "submit:submit_video#1 @ once"))
    assert not judge(live(new_stack, case), case)
