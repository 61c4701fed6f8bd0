"""What a job costs, and what a day may cost.

A day is a day of UTC. Its budget is taken before a frame is sent, in the transaction that lets it be sent, and given
back only on proof that the server made nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sora_ready.domain.catalog import Model
from sora_ready.domain.frame import Size


def price_job(model: Model, size: Size, seconds: int) -> Decimal | None:
    """Return what the server charges for one such video in US dollars, None where the catalog has no price."""
    per_second = model.usd_per_second.get(size)
    return None if per_second is None else per_second * seconds


@dataclass(frozen=True, slots=True)
class Charge:
    """What one try to send costs, in US dollars, and the day whose budget it is taken from (`2026-11-22`)."""

    usd: Decimal
    day: str


def budget_day(moment: datetime) -> str:
    """Return the day that a moment's spending counts for."""
    return moment.astimezone(UTC).date().isoformat()


def next_day(moment: datetime) -> datetime:
    """Return when the next day's budget begins."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def next_hour(moment: datetime) -> datetime:
    """Return when a held job that no whole day's budget pays for is looked at again."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def allocate_budget(budget: Decimal, spent: Decimal, waiting: Iterable[tuple[str, Decimal]]) -> list[str]:
    """Return which of the `waiting` (id, price), in their order, what is left of the day's budget pays for.

    The first that does not fit ends it, so that a dear job is not overtaken for ever by cheap ones; no more are read
    then. One that no whole day pays for is passed over. A budget of 0 pays for nothing, not even for what costs
    nothing: it means stop.
    """
    left = budget - spent
    chosen: list[str] = []
    for job_id, price in waiting:
        if not budget:
            break
        if price > budget:
            continue
        if price > left:
            break
        left -= price
        chosen.append(job_id)
    return chosen
