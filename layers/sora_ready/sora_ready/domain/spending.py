"""What a job costs, and what a day may cost.

A day is a day of UTC. A job's price is taken from the day's budget in the transaction that lets it be sent, and is
refunded only on proof that the server started no video.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sora_ready.domain.catalog import Model
from sora_ready.domain.frame import Size


def price_job(model: Model, size: Size, seconds: int) -> Decimal | None:
    """Return what the server charges for one such video in US dollars, None where the catalog has no price."""
    per_second = model.usd_per_second.get(size)
    return None if per_second is None else per_second * seconds


def budget_day(moment: datetime) -> str:
    """Return the day whose budget pays at this moment, such as `2026-11-22`."""
    return moment.astimezone(UTC).date().isoformat()


def next_day(moment: datetime) -> datetime:
    """Return when the next day's budget begins."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def next_hour(moment: datetime) -> datetime:
    """Return when a held job that costs more than a whole day's budget is checked again."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def allocate_budget(budget: Decimal, spent: Decimal, held: Iterable[tuple[str, Decimal]]) -> list[str]:
    """Return which of the `held` jobs (id, price), in their order, the rest of the day's budget pays for.

    The first that does not fit ends it, so that cheap jobs never overtake an expensive one for good; no more are read
    then. A job that costs more than a whole day's budget is skipped. A budget of 0 pays for nothing, not even for free
    jobs: it means stop.
    """
    left = budget - spent
    chosen: list[str] = []
    for job_id, price in held if budget else ():
        if price > budget:
            continue
        if price > left:
            break
        left -= price
        chosen.append(job_id)
    return chosen
