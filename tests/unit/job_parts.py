"""Parts of a job for the unit tests, valid as they are."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sora_ready.domain.job import JobRequest

REQUEST = JobRequest(
    model="sora-2",
    size="1280x720",
    requested_size="auto",
    seconds=4,
    mode="cover",
    focus="0.5 0.5",
    crop="0 0 1 1",
    background="black",
    format="jpeg",
    quality=95,
    prompt="a calm sea",
    price_usd=Decimal("0.40"),
)


def make_request(**changes: Any) -> JobRequest:
    return replace(REQUEST, **changes)
