"""Triggered by the jobs table's stream: each change of a job's status becomes an event, its end a task's output."""

from __future__ import annotations

from functools import cache

import boto3

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.logs import LambdaContext, LambdaEvent, bind_context
from sora_ready.entrypoints.settings import PublishSettings
from sora_ready.entrypoints.table_stream import read_changes
from sora_ready.pipeline.publish import Publish

settings = cache(PublishSettings.from_environment)


def handler(event: LambdaEvent, context: LambdaContext) -> JsonObject:
    """Publish the changes. The stream sends them again from the first one that failed."""
    bind_context(context, settings().stack_name)
    changes, unreadable = read_changes(event)
    failed = build_step()(changes) or unreadable
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


@cache
def build_step() -> Publish:
    """Connect the step to this stack, once for each execution environment."""
    return Publish(
        bus=EventBus(boto3.client("events"), settings().event_bus),
        task_tokens=TaskTokens(boto3.client("stepfunctions")),
        stack=settings().stack_name,
    )
