"""A day's budget: which day a moment belongs to, and which of the held jobs the budget pays for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.spending import allocate_budget, budget_day, next_day, next_hour

BUDGET = Decimal("10.00")


def held(*prices: str) -> list[tuple[str, Decimal]]:
    """Held jobs at these prices, named a, b, c …, the oldest first."""
    return [(chr(ord("a") + index), Decimal(price)) for index, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("moment", "day", "next_begins"),
    [
        (datetime(2026, 11, 12, 0, 0, tzinfo=UTC), "2026-11-12", datetime(2026, 11, 13, tzinfo=UTC)),
        (datetime(2026, 11, 12, 23, 59, 59, 999_999, tzinfo=UTC), "2026-11-12", datetime(2026, 11, 13, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 28, 12, 0, tzinfo=UTC), "2028-02-28", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_budget_day_is_a_utc_day_and_the_next_begins_at_midnight(
    moment: datetime, day: str, next_begins: datetime
) -> None:
    assert budget_day(moment) == day
    assert next_day(moment) == next_begins


@pytest.mark.parametrize(
    ("hours", "day", "next_begins"),
    [(9, "2026-11-11", datetime(2026, 11, 12, tzinfo=UTC)), (-8, "2026-11-12", datetime(2026, 11, 13, tzinfo=UTC))],
)
def test_a_time_in_another_zone_belongs_to_its_utc_day(hours: int, day: str, next_begins: datetime) -> None:
    moment = datetime(2026, 11, 12, 8, 30, tzinfo=timezone(timedelta(hours=hours)))

    assert budget_day(moment) == day
    assert next_day(moment) == next_begins


@pytest.mark.parametrize(
    ("minute", "second", "next_begins"),
    [(0, 0, datetime(2026, 11, 13, tzinfo=UTC)), (59, 59, datetime(2026, 11, 13, tzinfo=UTC))],
)
def test_the_next_hour_begins_on_the_hour(minute: int, second: int, next_begins: datetime) -> None:
    assert next_hour(datetime(2026, 11, 12, 23, minute, second, tzinfo=UTC)) == next_begins


def test_the_oldest_jobs_are_chosen_first_until_the_budget_is_spent() -> None:
    assert allocate_budget(BUDGET, Decimal("6.00"), held("2.00", "2.00", "2.00")) == ["a", "b"]


def test_the_budget_is_spent_to_the_last_cent_and_never_exceeded() -> None:
    assert allocate_budget(BUDGET, Decimal("9.60"), held("0.40")) == ["a"]
    assert allocate_budget(BUDGET, Decimal("9.61"), held("0.40")) == []


def test_prices_add_up_exactly() -> None:
    # In binary floating point, 3 × 0.1 is more than 0.3.
    assert allocate_budget(Decimal("0.3"), Decimal(0), held("0.1", "0.1", "0.1", "0.1")) == ["a", "b", "c"]


def test_a_cheap_job_does_not_overtake_an_expensive_one() -> None:
    assert allocate_budget(BUDGET, Decimal("7.00"), held("5.00", "0.10")) == []


def test_a_job_that_costs_more_than_a_whole_day_is_skipped() -> None:
    assert allocate_budget(BUDGET, Decimal(0), held("10.01", "5.00")) == ["b"]


def test_a_budget_of_zero_pays_for_nothing_not_even_a_free_job() -> None:
    assert allocate_budget(Decimal(0), Decimal(0), held("0", "0.10")) == []


def test_a_free_job_is_chosen_when_the_budget_is_spent() -> None:
    assert allocate_budget(BUDGET, BUDGET, held("0")) == ["a"]


def test_a_day_overspent_under_an_earlier_larger_budget_pays_for_nothing() -> None:
    assert allocate_budget(BUDGET, Decimal("40.00"), held("0.10")) == []


def test_without_held_jobs_nothing_is_chosen() -> None:
    assert allocate_budget(BUDGET, Decimal(0), []) == []


PRICES = st.decimals(min_value=0, max_value=20, places=2)


@given(budget=PRICES, spent=PRICES, prices=st.lists(PRICES, max_size=12))
def test_the_chosen_jobs_never_cost_more_than_the_rest_of_the_budget(
    budget: Decimal, spent: Decimal, prices: list[Decimal]
) -> None:
    jobs = [(str(index), price) for index, price in enumerate(prices)]

    chosen = allocate_budget(budget, spent, jobs)

    assert sum((dict(jobs)[job_id] for job_id in chosen), Decimal(0)) <= max(budget - spent, Decimal(0))
    assert chosen == sorted(chosen, key=int)
