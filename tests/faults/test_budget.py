"""The daily budget: jobs that it does not cover are held, say until when, and are sent later, the oldest first."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from local.fake_video_server import faults
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.simulated_stack import SimulatedStack, utc_day


def upload_each_minute(stack: SimulatedStack, count: int, **options: str) -> None:
    """Upload pictures, a minute apart."""
    for number in range(count):
        stack.upload(f"{len(stack.sources)}.jpg", picture(), f"picture {number}", **options)
        stack.run(hours=1 / 60)
        stack.clock.advance(minutes=1)


def statuses(stack: SimulatedStack) -> list[str]:
    return [str(stack.job(source).status) for source in stack.sources]


def keys_sent_on(stack: SimulatedStack, day: str) -> list[str]:
    """Return the keys of the pictures that the server accepted on a day, in order."""
    keys = {stack.job(source).id: source.key for source in stack.sources}
    return [keys[str(entry.idempotency_key)] for entry in stack.accepted() if utc_day(entry.time) == day]


def run_until(stack: SimulatedStack, moment: str) -> None:
    stack.run(hours=(datetime.fromisoformat(moment) - stack.clock()).total_seconds() / 3600)


def test_jobs_beyond_a_day_of_budget_are_held_and_sent_on_the_next_days(new_stack: NewStack) -> None:
    # Given a dollar a day, when five jobs of $0.40 come
    stack = new_stack(budget=Decimal(1))
    upload_each_minute(stack, 5)
    run_until(stack, "2026-11-12T10:00:00Z")
    # Then two are sent; the others are held, and say until when and what an operator can do
    assert statuses(stack) == ["completed"] * 2 + ["held"] * 3
    held = stack.job(stack.sources[2])
    assert held.error.code == "budget_spent"
    assert held.error.facts["until"] == "2026-11-13T00:00Z"
    assert "2026-11-13T00:00Z" in held.error.hint
    assert "DailyBudgetUsd" in held.error.hint
    # A minute before midnight, UTC, they are still held
    run_until(stack, "2026-11-12T23:59:00Z")
    assert statuses(stack) == ["completed"] * 2 + ["held"] * 3
    assert len(stack.accepted()) == 2
    # On the next day two are sent, and one on the day after, the oldest first
    run_until(stack, "2026-11-13T12:00:00Z")
    assert statuses(stack) == ["completed"] * 4 + ["held"]
    assert stack.job(stack.sources[4]).error.facts["until"] == "2026-11-14T00:00Z"
    run_until(stack, "2026-11-14T12:00:00Z")
    assert statuses(stack) == ["completed"] * 5
    assert keys_sent_on(stack, "2026-11-13") == ["2.jpg", "3.jpg"]
    assert keys_sent_on(stack, "2026-11-14") == ["4.jpg"]
    assert not find_violations(stack)


def test_the_oldest_held_job_is_sent_first_at_whatever_minute_it_was_held(new_stack: NewStack) -> None:
    # Given two held jobs, the older of them held late in its hour
    stack = new_stack(budget=Decimal("0.40"))
    upload_each_minute(stack, 1)
    stack.clock.advance(minutes=50)
    upload_each_minute(stack, 1)
    stack.clock.advance(minutes=15)
    upload_each_minute(stack, 1)
    # Then the older one is sent on the first of the next two days
    run_until(stack, "2026-11-13T12:00:00Z")
    assert keys_sent_on(stack, "2026-11-13") == ["1.jpg"]
    run_until(stack, "2026-11-14T12:00:00Z")
    assert keys_sent_on(stack, "2026-11-14") == ["2.jpg"]


def test_a_budget_of_zero_pauses_all_spending(new_stack: NewStack) -> None:
    stack = new_stack(budget=Decimal(0))
    upload_each_minute(stack, 2)
    run_until(stack, "2026-11-15T08:00:00Z")
    assert statuses(stack) == ["held"] * 2
    assert stack.job(stack.sources[0]).error.message == "Spending is paused: the daily budget is 0."
    assert not stack.fake_server.request_log.creates()


def test_a_raised_budget_releases_held_jobs_within_an_hour(new_stack: NewStack) -> None:
    stack = new_stack(budget=Decimal(0))
    upload_each_minute(stack, 3)
    run_until(stack, "2026-11-12T09:17:00Z")
    stack.budget = Decimal(1)
    run_until(stack, "2026-11-12T10:25:00Z")
    assert statuses(stack) == ["completed"] * 2 + ["held"]
    assert all(entry.time < datetime.fromisoformat("2026-11-12T10:17Z").timestamp() for entry in stack.accepted())
    assert not find_violations(stack, idle=False)


def test_a_job_that_costs_more_than_a_day_says_so_and_blocks_no_other_job(new_stack: NewStack) -> None:
    # Given a job of $1.20 on a dollar a day, and after it cheaper ones, one too many for the day
    stack = new_stack(budget=Decimal(1))
    upload_each_minute(stack, 1, model="expensive")
    upload_each_minute(stack, 3)
    run_until(stack, "2026-11-13T12:00:00Z")
    # Then it is held and says what an operator can do, and the cheaper ones are sent
    assert statuses(stack) == ["held"] + ["completed"] * 3
    expensive = stack.job(stack.sources[0])
    assert expensive.error.message == "The job costs $1.20, more than a whole day's budget of $1."
    assert "Raise the parameter DailyBudgetUsd" in expensive.error.hint
    # When the budget is raised, it is sent
    stack.budget = Decimal("1.20")
    run_until(stack, "2026-11-14T12:00:00Z")
    assert statuses(stack) == ["completed"] * 4
    assert not find_violations(stack)


def test_an_expensive_job_is_not_overtaken_forever_by_cheap_ones(new_stack: NewStack) -> None:
    # Given held jobs of $0.40, $1.20 and $0.40, and $1.50 a day
    stack = new_stack(budget=Decimal(0))
    upload_each_minute(stack, 1)
    upload_each_minute(stack, 1, model="expensive")
    upload_each_minute(stack, 1)
    run_until(stack, "2026-11-12T23:30:00Z")
    stack.budget = Decimal("1.50")
    # Then the second waits for the next day, and the third is sent after it
    run_until(stack, "2026-11-15T12:00:00Z")
    assert [keys_sent_on(stack, f"2026-11-{day}") for day in (12, 13, 14)] == [["0.jpg"], ["1.jpg"], ["2.jpg"]]
    assert not find_violations(stack)


def test_a_paused_sweep_releases_no_held_job_twice(new_stack: NewStack) -> None:
    # Given held jobs whose day has come, and a server that accepts two submissions and drops the connection
    def run_until_midnight(*kill_points: str, minutes: float = 0) -> SimulatedStack:
        stack = new_stack(kill_points, budget=Decimal("0.80"), pause_minutes=minutes)
        upload_each_minute(stack, 4)
        run_until(stack, "2026-11-12T23:59:00Z")
        stack.fake_server.faults.plan(*[faults.accept_then_drop_connection()] * 2)
        return stack

    stack = run_until_midnight()
    before = len(stack.kill_points.passed)
    run_until(stack, "2026-11-13T00:12:00Z")
    boundaries = [boundary for boundary in stack.kill_points.passed[before:] if boundary.startswith("sweep:")]
    assert len(boundaries) > 8
    for boundary in boundaries:
        for minutes in (1, 6):
            # When a sweep is paused at any boundary, others run meanwhile, and it continues
            stack = run_until_midnight(boundary, minutes=minutes)
            run_until(stack, "2026-11-13T12:00:00Z")
            # Then each job is sent once
            assert not find_violations(stack), f"{boundary}, {minutes} min"
            assert len(stack.accepted()) == 4
