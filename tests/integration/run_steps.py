"""The steps as the tests run them, over one stack, and the job's record afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sora_ready.adapters.metrics import Metrics
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.adapters.video_server.messages import Frame, ServerResponse
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.job import Job, SourceObject
from sora_ready.pipeline.apply_operator_decision import ApplyOperatorDecision
from sora_ready.pipeline.normalize import Normalize
from sora_ready.pipeline.reconcile import Reconcile
from sora_ready.pipeline.submit import Submit
from sora_ready.pipeline.sweep import Sweep
from sora_ready.pipeline.track import Track

from .stack_fixtures import BUDGET, DEFAULTS, MODELS, Stack, eventually, jpeg, make_request

Connect = Callable[..., VideoServerClient]

CATALOG = load_catalog(MODELS)
REQUEST = make_request()
MP4 = b"\x00\x00\x00\x08ftyp\x00\x00\x00\x08moov\x00\x00\x00\x18mdat0123456789abcdef"


def normalize_step(stack: Stack, **fields: Any) -> Normalize:
    """Return the step over the stack, with these fields replaced."""
    step = Normalize(
        jobs=stack.jobs,
        uploads=stack.uploads,
        outputs=stack.outputs,
        catalog=CATALOG,
        defaults=DEFAULTS,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=90,
    )
    return replace(step, **fields)


def submit_step(stack: Stack, video_server: VideoServerClient, **fields: Any) -> Submit:
    """Return the step over the stack and this server, with these fields replaced."""
    step = Submit(
        jobs=stack.jobs,
        ledger=stack.ledger,
        outputs=stack.outputs,
        video_server=video_server,
        track_queue=stack.track_queue,
        lease_seconds=180,
        budget=BUDGET,
    )
    return replace(step, **fields)


def reconcile_step(stack: Stack, video_server: VideoServerClient) -> Reconcile:
    """Return the step over the stack and this server."""
    return Reconcile(stack.jobs, stack.ledger, video_server, stack.track_queue, Metrics("sora-ready"))


def track_step(stack: Stack, video_server: VideoServerClient, **fields: Any) -> Track:
    """Return the step over the stack and this server, with these fields replaced."""
    step = Track(
        jobs=stack.jobs,
        outputs=stack.outputs,
        video_server=video_server,
        track_queue=stack.track_queue,
        reconcile=reconcile_step(stack, video_server),
        max_video_bytes=10_000_000,
        deadline=timedelta(minutes=120),
    )
    return replace(step, **fields)


def resolve_step(stack: Stack) -> ApplyOperatorDecision:
    """Return the step over the stack."""
    return ApplyOperatorDecision(stack.jobs, stack.ledger, stack.submit_queue, stack.track_queue)


def normalize(stack: Stack, source: SourceObject, **fields: Any) -> Job:
    """Run the step for one event. The AWS calls are counted from here on."""
    stack.calls.clear()
    return normalize_step(stack, **fields)(source)


def submit(stack: Stack, video_server: VideoServerClient, job: Job, *, redelivered: bool = False, **fields: Any) -> Job:
    """Run the step for one event of the job's copy."""
    return submit_step(stack, video_server, **fields)(job.id, job.copy.key, redelivered=redelivered)


def track(
    stack: Stack,
    video_server: VideoServerClient,
    job_id: str,
    polls: int | None = None,
    *,
    redelivered: bool = False,
    **fields: Any,
) -> Job:
    """Run the step for one message; without `polls`, for the message that the job's record waits for."""
    if polls is None:
        job = stack.jobs.get_job(job_id)
        polls = job.polling.polls if job else 0
    return track_step(stack, video_server, **fields)(job_id, polls, redelivered=redelivered)


def sweep(stack: Stack, **fields: Any) -> dict[str, int]:
    """Run one sweep; return how many jobs of each status were resumed."""
    step = Sweep(
        jobs=stack.jobs,
        ledger=stack.ledger,
        normalize_queue=stack.normalize_queue,
        submit_queue=stack.submit_queue,
        track_queue=stack.track_queue,
        budget=BUDGET,
    )
    return replace(step, **fields)()


def create_video(video_server: VideoServerClient, prompt: str = "a calm sea") -> str:
    """Create a video at the server; return its id."""
    frame = Frame("ready.jpg", jpeg(64, 48), "image/jpeg")
    return video_server.submit_video("job", make_request(prompt=prompt), frame).video.id


def wait_until_ended(video_server: VideoServerClient, video_id: str) -> ServerResponse:
    """Wait until the server's video is completed or failed; return the server's response."""
    return eventually(
        lambda: video_server.read_video(video_id),
        lambda response: response.video.status in {"completed", "failed"},
    )


def recorded(stack: Stack, job: Job) -> Job:
    """Return the job as its record is."""
    found = stack.jobs.get_job(job.id)
    assert found is not None
    return found


def path_of(job: Job) -> list[str]:
    """Return the statuses that a job has had."""
    return [entry.status for entry in job.history]
