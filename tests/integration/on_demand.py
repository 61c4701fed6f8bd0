"""The steps as direct invocations run them."""

from __future__ import annotations

from typing import Any

from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Job
from sora_ready.entrypoints.invocations import parse_normalize_invocation, parse_submit_invocation
from sora_ready.pipeline.normalize_on_demand import NormalizeOnDemand
from sora_ready.pipeline.submit_on_demand import SubmitOnDemand

from .run_steps import normalize_step, submit_step
from .stack_fixtures import UPLOAD_BUCKET, Stack

KEY = "beach.jpg"


def invoke_normalize(stack: Stack, **event: Any) -> Job:
    """Run the step for the object `beach.jpg`, unless the event names a job."""
    source = {} if "job_id" in event else {"bucket": UPLOAD_BUCKET, "key": KEY}
    return NormalizeOnDemand(normalize_step(stack))(parse_normalize_invocation(source | event))


def invoke_submit(stack: Stack, video_server: VideoServerClient, event: dict[str, Any], **fields: Any) -> Job:
    """Run the step with this event."""
    return SubmitOnDemand(submit_step(stack, video_server, **fields))(parse_submit_invocation(event))
