"""A day's budget: which day a moment counts for, and which of the jobs that wait it pays for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.spending import allocate_budget, budget_day, next_day, next_hour

BUDGET = Decimal("10.00")


def waiting(*prices: str) -> list[tuple[str, Decimal]]:
    """Jobs that wait, by the letters of the alphabet, the oldest first."""
    return [(chr(ord("a") + place), Decimal(price)) for place, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("moment", "day", "then"),
    [
        (datetime(2026, 11, 12, 0, 0, tzinfo=UTC), "2026-11-12", datetime(2026, 11, 13, tzinfo=UTC)),
        (datetime(2026, 11, 12, 23, 59, 59, 999_999, tzinfo=UTC), "2026-11-12", datetime(2026, 11, 13, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 28, 12, 0, tzinfo=UTC), "2028-02-28", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_day_is_a_day_of_utc_and_the_next_begins_at_midnight(moment: datetime, day: str, then: datetime) -> None:
    assert budget_day(moment) == day
    assert next_day(moment) == then


@pytest.mark.parametrize(
    ("hours", "day", "then"),
    [(9, "2026-11-11", datetime(2026, 11, 12, tzinfo=UTC)), (-8, "2026-11-12", datetime(2026, 11, 13, tzinfo=UTC))],
)
def test_a_moment_of_another_zone_counts_for_the_day_of_utc(hours: int, day: str, then: datetime) -> None:
    moment = datetime(2026, 11, 12, 8, 30, tzinfo=timezone(timedelta(hours=hours)))

    assert budget_day(moment) == day
    assert next_day(moment) == then


@pytest.mark.parametrize(
    ("minute", "second", "then"),
    [(0, 0, datetime(2026, 11, 13, tzinfo=UTC)), (59, 59, datetime(2026, 11, 13, tzinfo=UTC))],
)
def test_held_jobs_are_looked_at_on_the_hour(minute: int, second: int, then: datetime) -> None:
    assert next_hour(datetime(2026, 11, 12, 23, minute, second, tzinfo=UTC)) == then


def test_the_oldest_go_first_as_far_as_what_is_left_reaches() -> None:
    assert allocate_budget(BUDGET, Decimal("6.00"), waiting("2.00", "2.00", "2.00")) == ["a", "b"]


def test_the_last_cent_is_spent_and_no_cent_more() -> None:
    assert allocate_budget(BUDGET, Decimal("9.60"), waiting("0.40")) == ["a"]
    assert allocate_budget(BUDGET, Decimal("9.61"), waiting("0.40")) == []


def test_tenths_add_up_exactly() -> None:
    # In binary floating point three times 0.1 is more than 0.3.
    assert allocate_budget(Decimal("0.3"), Decimal(0), waiting("0.1", "0.1", "0.1", "0.1")) == ["a", "b", "c"]


def test_a_dear_job_is_not_overtaken_by_a_cheap_one() -> None:
    assert allocate_budget(BUDGET, Decimal("7.00"), waiting("5.00", "0.10")) == []


def test_a_job_that_no_whole_day_pays_for_holds_up_no_other() -> None:
    assert allocate_budget(BUDGET, Decimal(0), waiting("10.01", "5.00")) == ["b"]


def test_a_budget_of_nothing_pays_for_nothing_not_even_for_what_is_free() -> None:
    assert allocate_budget(Decimal(0), Decimal(0), waiting("0", "0.10")) == []


def test_what_is_free_goes_on_where_the_day_is_spent() -> None:
    assert allocate_budget(BUDGET, BUDGET, waiting("0")) == ["a"]


def test_a_day_overspent_under_a_larger_budget_pays_for_nothing() -> None:
    assert allocate_budget(BUDGET, Decimal("40.00"), waiting("0.10")) == []


def test_nobody_waits() -> None:
    assert allocate_budget(BUDGET, Decimal(0), []) == []


PRICES = st.decimals(min_value=0, max_value=20, places=2)


@given(budget=PRICES, spent=PRICES, prices=st.lists(PRICES, max_size=12))
def test_what_is_chosen_never_costs_more_than_what_is_left(
    budget: Decimal, spent: Decimal, prices: list[Decimal]
) -> None:
    jobs = [(str(place), price) for place, price in enumerate(prices)]

    chosen = allocate_budget(budget, spent, jobs)

    assert sum((dict(jobs)[job_id] for job_id in chosen), Decimal(0)) <= max(budget - spent, Decimal(0))
    assert chosen == sorted(chosen, key=int)
