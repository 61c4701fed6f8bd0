"""What a job costs."""

from __future__ import annotations

from decimal import Decimal

from sora_ready.domain.catalog import Model
from sora_ready.domain.frame import Size


def price_job(model: Model, size: Size, seconds: int) -> Decimal | None:
    """Return what the server charges for one such video in US dollars, None where the catalogue has no price."""
    per_second = model.usd_per_second.get(size)
    return None if per_second is None else per_second * seconds
