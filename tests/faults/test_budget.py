"""A day's budget: what it does not pay for waits, says until when, and goes on by itself, the oldest first."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from local.fake_video_server import faults
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.simulated_stack import SimulatedStack


def drop_some(stack: SimulatedStack, count: int, **options: str) -> None:
    """Drop pictures, a minute after each other."""
    for number in range(count):
        stack.drop(f"{len(stack.sources)}.jpg", picture(), f"picture {number}", **options)
        stack.run(hours=1 / 60)
        stack.clock.advance(minutes=1)


def statuses(stack: SimulatedStack) -> list[str]:
    return [str(stack.job(source).status) for source in stack.sources]


def sent_on(stack: SimulatedStack, day: str) -> list[str]:
    """The keys of the pictures that the server was sent on a day, in its order."""
    keys = {stack.job(source).id: source.key for source in stack.sources}
    return [keys[str(entry.idempotency_key)] for entry in stack.accepted() if stack.day_of(entry.time) == day]


def run_until(stack: SimulatedStack, moment: str) -> None:
    stack.run(hours=(datetime.fromisoformat(moment) - stack.clock()).total_seconds() / 3600)


def test_five_jobs_of_forty_cents_on_a_dollar_a_day(new_stack: NewStack) -> None:
    # Given a dollar a day, when five jobs of $0.40 come,
    stack = new_stack(budget=Decimal(1))
    drop_some(stack, 5)
    run_until(stack, "2026-11-12T10:00:00Z")
    # then two run, and three are held and say until when, and what can be done.
    assert statuses(stack) == ["completed"] * 2 + ["held"] * 3
    held = stack.job(stack.sources[2])
    assert held.error.code == "budget_spent"
    assert held.error.facts["until"] == "2026-11-13T00:00Z"
    assert "2026-11-13T00:00Z" in held.error.hint
    assert "DailyBudgetUsd" in held.error.hint
    # When a minute is missing to midnight, UTC, then they are still held.
    run_until(stack, "2026-11-12T23:59:00Z")
    assert statuses(stack) == ["completed"] * 2 + ["held"] * 3
    assert len(stack.accepted()) == 2
    # When the next days come, then two go on, and one on the day after, the oldest first.
    run_until(stack, "2026-11-13T12:00:00Z")
    assert statuses(stack) == ["completed"] * 4 + ["held"]
    assert stack.job(stack.sources[4]).error.facts["until"] == "2026-11-14T00:00Z"
    run_until(stack, "2026-11-14T12:00:00Z")
    assert statuses(stack) == ["completed"] * 5
    assert sent_on(stack, "2026-11-13") == ["2.jpg", "3.jpg"]
    assert sent_on(stack, "2026-11-14") == ["4.jpg"]
    assert not find_violations(stack)


def test_the_oldest_goes_first_however_late_in_the_hour_it_was_held(new_stack: NewStack) -> None:
    # Given jobs that were held at different minutes of the hour, the oldest late in it,
    stack = new_stack(budget=Decimal("0.40"))
    drop_some(stack, 1)
    stack.clock.advance(minutes=50)
    drop_some(stack, 1)
    stack.clock.advance(minutes=15)
    drop_some(stack, 1)
    # when two days have passed, then the older had the first.
    run_until(stack, "2026-11-13T12:00:00Z")
    assert sent_on(stack, "2026-11-13") == ["1.jpg"]
    run_until(stack, "2026-11-14T12:00:00Z")
    assert sent_on(stack, "2026-11-14") == ["2.jpg"]


def test_a_budget_of_nothing_stops_all_spending(new_stack: NewStack) -> None:
    stack = new_stack(budget=Decimal(0))
    drop_some(stack, 2)
    run_until(stack, "2026-11-15T08:00:00Z")
    assert statuses(stack) == ["held"] * 2
    assert stack.job(stack.sources[0]).error.message == "Spending is paused: the daily budget is 0."
    assert not stack.paid.request_log.creates()


def test_a_budget_that_is_raised_frees_the_held_within_an_hour(new_stack: NewStack) -> None:
    stack = new_stack(budget=Decimal(0))
    drop_some(stack, 3)
    run_until(stack, "2026-11-12T09:17:00Z")
    stack.budget = Decimal(1)
    run_until(stack, "2026-11-12T10:25:00Z")
    assert statuses(stack) == ["completed"] * 2 + ["held"]
    assert all(entry.time < datetime.fromisoformat("2026-11-12T10:17Z").timestamp() for entry in stack.accepted())
    assert not find_violations(stack, drained=False)


def test_a_job_dearer_than_a_day_says_so_and_holds_up_nobody(new_stack: NewStack) -> None:
    # Given a job of $1.20 on a dollar a day, and cheaper ones after it, one too many for the day,
    stack = new_stack(budget=Decimal(1))
    drop_some(stack, 1, model="expensive")
    drop_some(stack, 3)
    run_until(stack, "2026-11-13T12:00:00Z")
    # then it is held and says what would help, while the cheaper ones go on.
    assert statuses(stack) == ["held"] + ["completed"] * 3
    expensive = stack.job(stack.sources[0])
    assert expensive.error.message == "The job costs $1.20, more than a whole day's budget of $1."
    assert "Raise the parameter DailyBudgetUsd" in expensive.error.hint
    # And when the budget is raised, it goes.
    stack.budget = Decimal("1.20")
    run_until(stack, "2026-11-14T12:00:00Z")
    assert statuses(stack) == ["completed"] * 4
    assert not find_violations(stack)


def test_a_dear_job_is_not_overtaken_for_ever_by_cheap_ones(new_stack: NewStack) -> None:
    # Given held jobs of $0.40, $1.20 and $0.40, and $1.50 a day,
    stack = new_stack(budget=Decimal(0))
    drop_some(stack, 1)
    drop_some(stack, 1, model="expensive")
    drop_some(stack, 1)
    run_until(stack, "2026-11-12T23:30:00Z")
    stack.budget = Decimal("1.50")
    # then what does not fit beside the first waits, and so does what came after it.
    run_until(stack, "2026-11-15T12:00:00Z")
    assert [sent_on(stack, f"2026-11-{day}") for day in (12, 13, 14)] == [["0.jpg"], ["1.jpg"], ["2.jpg"]]
    assert not find_violations(stack)


def test_a_sweep_that_stops_does_not_free_a_job_twice(new_stack: NewStack) -> None:
    # Given held jobs whose day has come, and a server that takes what it is sent and hangs up,
    def live_until_midnight(*points: str, minutes: float = 0) -> SimulatedStack:
        stack = new_stack(points, budget=Decimal("0.80"), stop_minutes=minutes)
        drop_some(stack, 4)
        run_until(stack, "2026-11-12T23:59:00Z")
        stack.paid.faults.plan(*[faults.accept_then_drop_connection()] * 2)
        return stack

    stack = live_until_midnight()
    before = len(stack.points.passed)
    run_until(stack, "2026-11-13T00:12:00Z")
    points = [point for point in stack.points.passed[before:] if point.startswith("sweep:")]
    assert len(points) > 8
    for point in points:
        # when a sweep stops at any of its boundaries, another does its work, and it goes on,
        for minutes in (1, 6):
            stack = live_until_midnight(point, minutes=minutes)
            run_until(stack, "2026-11-13T12:00:00Z")
            # then each is sent once.
            assert not find_violations(stack), f"{point}, {minutes} min"
            assert len(stack.accepted()) == 4
