"""Woken by the jobs table's stream: each change of a job's status becomes an event, its end an answer to who waits."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.entrypoints.settings import PublishSettings
from sora_ready.pipeline.publish import publish_status_changes


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Publish and answer; from the first change on with which that could not be done, the stream sends them again."""
    failed = publish_status_changes(event["Records"], **wire())
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


@cache
def wire() -> dict[str, Any]:
    """Connect the step to this stack, once for each execution environment."""
    settings = PublishSettings.from_environment()
    return {
        "bus": EventBus(boto3.client("events"), settings.event_bus),
        "tasks": TaskTokens(boto3.client("stepfunctions")),
        "stack": settings.stack_name,
    }
