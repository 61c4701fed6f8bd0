"""The ready copy → one request to the video server, and its answer in the job record."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.errors import (
    JobNotRecordedError,
    SubmissionNotTaken,
    SubmissionRefused,
    SubmissionUnconfirmed,
    TransitionRefused,
)
from sora_ready.domain.job import Job, Status, timestamp
from sora_ready.pipeline.track import next_poll_seconds


def submit_job(
    job_id: str,
    copy_key: str,
    *,
    jobs: JobTable,
    outputs: OutputBucket,
    video_api: VideoApi,
    track_queue: TrackQueue,
    lease_seconds: int,
) -> Job | None:
    """Send the frame of a `ready` job to the server, once, and return the job; None where another worker has it.

    Only the worker that moved the job from `ready` to `submitting` sends. Raises `SubmissionNotTaken` (the job is
    `ready` again) and `JobNotRecordedError`: both end well when the same message comes back later.
    """
    # Read before the job is claimed: a failure here leaves it ready, with nothing in doubt.
    frame = outputs.read_ready_copy(copy_key)
    try:
        job = _claim_job(jobs, job_id, lease_seconds)
    except TransitionRefused as refusal:
        if refusal.current is None:
            raise JobNotRecordedError(job_id) from None
        return None
    try:
        video = video_api.submit_video(job_id, job.request, (_file_name(copy_key), frame, job.copy["content_type"]))
    except SubmissionRefused as refusal:
        return jobs.move_job(job_id, Status.FAILED, error=refusal.as_record())
    except SubmissionNotTaken as refusal:
        jobs.move_job(job_id, Status.READY, error=refusal.as_record())
        raise
    except SubmissionUnconfirmed as doubt:
        return jobs.move_job(job_id, Status.UNCONFIRMED, error=doubt.as_record())
    job = jobs.move_job(job_id, Status.QUEUED, server=video.as_record(), error={})
    track_queue.send_poll(job_id, polls=0, delay_seconds=next_poll_seconds(0, video.poll_after_ms))
    return job


def _claim_job(jobs: JobTable, job_id: str, lease_seconds: int) -> Job:
    now = jobs.now()
    attempt = {
        "id": str(uuid4()),
        "started_at": timestamp(now),
        "lease_until": timestamp(now + timedelta(seconds=lease_seconds)),
    }
    return jobs.move_job(job_id, Status.SUBMITTING, attempt=attempt)


def _file_name(key: str) -> str:
    return key.rsplit("/", 1)[-1]
