"""The steps as they are called directly, and state machines that wait, as the tests use both."""

from __future__ import annotations

from typing import Any

from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Job
from sora_ready.entrypoints.invocations import parse_normalize_invocation, parse_submit_invocation
from sora_ready.pipeline.normalize_on_demand import normalize_on_demand
from sora_ready.pipeline.submit_on_demand import submit_on_demand

from .run_steps import CATALOG
from .stack_fixtures import BUDGET, DEFAULTS, UPLOAD_BUCKET, Stack

KEY = "beach.jpg"


def call_normalize(stack: Stack, **event: Any) -> Job:
    """Call the step for what lies under `beach.jpg`, unless the event says otherwise."""
    place = {} if "job_id" in event else {"bucket": UPLOAD_BUCKET, "key": KEY}
    return normalize_on_demand(
        parse_normalize_invocation(place | event),
        jobs=stack.jobs,
        uploads=stack.uploads,
        outputs=stack.outputs,
        catalog=CATALOG,
        defaults=DEFAULTS,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=90,
    )


def call_submit(stack: Stack, video_server: VideoServerClient, event: dict[str, Any], **other: Any) -> Job:
    """Call the step with this event."""
    options: dict[str, Any] = {"lease_seconds": 180, "budget": BUDGET} | other
    return submit_on_demand(
        parse_submit_invocation(event),
        jobs=stack.jobs,
        ledger=stack.ledger,
        outputs=stack.outputs,
        track_queue=stack.track_queue,
        video_server=video_server,
        **options,
    )
