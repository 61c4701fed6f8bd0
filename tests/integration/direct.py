"""The steps as they are called directly, and state machines that wait, as the tests use both."""

from __future__ import annotations

from typing import Any

from sora_ready.adapters.direct_calls import read_normalize_call, read_submit_call
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.job import Job
from sora_ready.pipeline.direct_normalize import normalize_directly
from sora_ready.pipeline.direct_submit import submit_directly

from .steps import CATALOG
from .support import BUDGET, DEFAULTS, UPLOAD_BUCKET, Stack

KEY = "beach.jpg"


def call_normalize(stack: Stack, **event: Any) -> Job:
    """Call the step for what lies under `beach.jpg`, unless the event says otherwise."""
    place = {} if "job_id" in event else {"bucket": UPLOAD_BUCKET, "key": KEY}
    return normalize_directly(
        read_normalize_call(place | event),
        jobs=stack.jobs,
        uploads=stack.uploads,
        outputs=stack.outputs,
        catalog=CATALOG,
        defaults=DEFAULTS,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=90,
    )


def call_submit(stack: Stack, video_api: VideoApi, event: dict[str, Any], **other: Any) -> Job:
    """Call the step with this event."""
    options: dict[str, Any] = {"lease_seconds": 180, "budget": BUDGET} | other
    return submit_directly(
        read_submit_call(event),
        jobs=stack.jobs,
        ledger=stack.ledger,
        outputs=stack.outputs,
        track_queue=stack.track_queue,
        video_api=video_api,
        **options,
    )
