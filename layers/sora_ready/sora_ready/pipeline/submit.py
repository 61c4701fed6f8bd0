"""The ready copy → one request to the video server, and its answer in the job record."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from uuid import uuid4

from aws_lambda_powertools import Logger

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.errors import (
    JobInHandError,
    JobNotRecordedError,
    SubmissionNotTaken,
    SubmissionRefused,
    SubmissionUnconfirmed,
    TransitionRefused,
)
from sora_ready.domain.job import AT_THE_SERVER, Job, Status, timestamp
from sora_ready.pipeline.track import next_poll_seconds

logger = Logger(child=True)

RETRY_SECONDS = 30
RECORD_SECONDS = 2


def submit_job(
    job_id: str,
    copy_key: str,
    *,
    redelivered: bool,
    jobs: JobTable,
    outputs: OutputBucket,
    video_api: VideoApi,
    track_queue: TrackQueue,
    lease_seconds: int,
) -> Job:
    """Send the frame of a `ready` job to the server, once, and return the job as it then is.

    Only the worker that moved the job from `ready` to `submitting` sends. `redelivered` says that this message came
    before and did not get to its end. Raises `SubmissionNotTaken` (the job is `ready` again), `JobInHandError` and
    `JobNotRecordedError`: each ends well when the same message comes back later.
    """
    job = jobs.get_job(job_id)
    if job is None or job.status is Status.RECEIVED:
        # The copy's event was quicker than the record that names the copy.
        raise JobNotRecordedError(job_id)
    if job.copy.get("key") != copy_key:
        # A copy that lost: another delivery of the upload's event, under other tags, was recorded first.
        return job
    if job.status is not Status.READY:
        return _take_up_again(job, redelivered=redelivered, jobs=jobs, track_queue=track_queue)
    # Read before the job is claimed: a failure here leaves it ready, with nothing in doubt.
    frame = outputs.read_ready_copy(copy_key)
    try:
        job = _claim_job(jobs, job_id, lease_seconds)
    except TransitionRefused:
        raise JobInHandError(job_id, lease_seconds) from None
    try:
        video = video_api.submit_video(job_id, job.request, (_file_name(copy_key), frame, job.copy["content_type"]))
    except SubmissionRefused as refusal:
        return jobs.move_job(job_id, Status.FAILED, error=refusal.as_record())
    except SubmissionNotTaken as refusal:
        jobs.move_job(job_id, Status.READY, error=refusal.as_record())
        raise
    except SubmissionUnconfirmed as doubt:
        return jobs.move_job(job_id, Status.UNCONFIRMED, error=doubt.as_record())
    logger.info("the server took the job", job_id=job_id, server_id=video.id)
    try:
        job = jobs.move_job(job_id, Status.QUEUED, server=video.as_record(), error={})
    except Exception:
        # Then the log is the only place that knows what was bought, at whatever level it is kept.
        logger.error("a video was bought and could not be recorded", job_id=job_id, server_id=video.id)
        raise
    track_queue.send_poll(job_id, polls=0, delay_seconds=next_poll_seconds(0, video.poll_after_ms))
    return job


def seconds_until_retry(error: Exception, receives: int) -> int:
    """Return how long a message that failed for the `receives`-th time stays away: ever longer, or as long as asked."""
    if isinstance(error, JobInHandError):
        return error.retry_after_seconds
    # A copy's event may be quicker than its record, by a moment.
    first = RECORD_SECONDS if isinstance(error, JobNotRecordedError) else RETRY_SECONDS
    growing = first << min(receives - 1, 5)
    # A server that asks for one second, again and again, must not use up the message's tries within a minute.
    asked = error.retry_after_seconds if isinstance(error, SubmissionNotTaken) else None
    return max(growing, asked or 0)


def _take_up_again(job: Job, *, redelivered: bool, jobs: JobTable, track_queue: TrackQueue) -> Job:
    """Finish what an earlier delivery of the same message may have left undone; nothing is ever sent again here."""
    if job.status is Status.SUBMITTING:
        left = (datetime.fromisoformat(job.attempt["lease_until"]) - jobs.now()).total_seconds()
        if left > 0:
            raise JobInHandError(job.id, math.ceil(left) + 1)
        doubt = SubmissionUnconfirmed("The worker that was sending the job ended without a word")
        return jobs.move_job(job.id, Status.UNCONFIRMED, error=doubt.as_record())
    if redelivered and job.status in AT_THE_SERVER:
        # The message to follow the video may be what was not sent. One too many does no harm.
        track_queue.send_poll(job.id, polls=0, delay_seconds=next_poll_seconds(0))
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
