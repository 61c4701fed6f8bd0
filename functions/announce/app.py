"""Woken by the jobs table's stream: each change of a job's status becomes an event."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.settings import AnnounceSettings
from sora_ready.pipeline.announce import announce_changes


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Publish the changes; from the first that could not be published on, the stream sends them again."""
    failed = announce_changes(event["Records"], wire())
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


@cache
def wire() -> EventBus:
    """Connect the step to this stack, once for each execution environment."""
    return EventBus(boto3.client("events"), AnnounceSettings.from_environment().event_bus)
