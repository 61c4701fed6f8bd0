"""The steps as the tests run them, over one stack, and what a job's record says afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.job import Job, ServerVideo, SourceObject
from sora_ready.pipeline.normalize import normalize_upload
from sora_ready.pipeline.submit import submit_job
from sora_ready.pipeline.sweep import Sweep
from sora_ready.pipeline.track import track_job

from .stack_fixtures import BUDGET, DEFAULTS, MODELS, Stack, eventually, jpeg

Connect = Callable[..., VideoServerClient]

CATALOG = load_catalog(MODELS)
REQUEST = {"prompt": "a calm sea", "model": "tiny", "size": "64x48", "seconds": 4}
MP4 = b"\x00\x00\x00\x08ftyp\x00\x00\x00\x08moov\x00\x00\x00\x18mdat0123456789abcdef"


def normalize(stack: Stack, source: SourceObject, **other: Any) -> Job:
    """Run the step for one announcement; the AWS calls counted afterwards are its own."""
    stack.calls.clear()
    options: dict[str, Any] = {
        "jobs": stack.jobs,
        "uploads": stack.uploads,
        "outputs": stack.outputs,
        "catalog": CATALOG,
        "defaults": DEFAULTS,
        "max_source_bytes": 1_000_000,
        "decode_timeout_seconds": 90,
    }
    return normalize_upload(source, **(options | other))


def submit(stack: Stack, video_server: VideoServerClient, job: Job, *, redelivered: bool = False, **other: Any) -> Job:
    """Run the step for one message that announces the job's copy."""
    options: dict[str, Any] = {
        "jobs": stack.jobs,
        "ledger": stack.ledger,
        "outputs": stack.outputs,
        "track_queue": stack.track_queue,
        "lease_seconds": 180,
        "budget": BUDGET,
    }
    return submit_job(job.id, job.copy["key"], redelivered=redelivered, video_server=video_server, **(options | other))


def track(
    stack: Stack,
    video_server: VideoServerClient,
    job_id: str,
    polls: int | None = None,
    *,
    redelivered: bool = False,
    **other: Any,
) -> Job:
    """Run the step for one message; without `polls`, for the one that the job's record waits for."""
    if polls is None:
        job = stack.jobs.get_job(job_id)
        polls = job.follow.get("polls", 0) if job else 0
    options: dict[str, Any] = {
        "jobs": stack.jobs,
        "ledger": stack.ledger,
        "outputs": stack.outputs,
        "track_queue": stack.track_queue,
        "max_video_bytes": 10_000_000,
        "deadline_minutes": 120,
    }
    return track_job(job_id, polls, redelivered=redelivered, video_server=video_server, **(options | other))


def sweep(stack: Stack, **other: Any) -> dict[str, int]:
    """Run one sweep; return how many jobs of each status were resumed."""
    options: dict[str, Any] = {
        "jobs": stack.jobs,
        "ledger": stack.ledger,
        "normalize_queue": stack.normalize_queue,
        "submit_queue": stack.submit_queue,
        "track_queue": stack.track_queue,
        "budget": BUDGET,
    }
    return Sweep(**(options | other)).resume_jobs()


def order(video_server: VideoServerClient, prompt: str = "a calm sea") -> str:
    """Have the server make a video; return its id."""
    return video_server.submit_video("job", REQUEST | {"prompt": prompt}, ("ready.jpg", jpeg(64, 48), "image/jpeg")).id


def ended(video_server: VideoServerClient, video_id: str) -> ServerVideo:
    return eventually(lambda: video_server.read_video(video_id), lambda video: video.status in {"completed", "failed"})


def recorded(stack: Stack, job: Job) -> Job:
    """The job as its record stands."""
    found = stack.jobs.get_job(job.id)
    assert found is not None
    return found


def path_of(job: Job) -> list[str]:
    """The statuses that a job went through."""
    return [entry["status"] for entry in job.history]
