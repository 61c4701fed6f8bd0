"""The ready copy → one request to the video server, and its answer in the job record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import MAX_POSTPONE_SECONDS, SubmitQueue, TrackQueue
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.doubt import fingerprint
from sora_ready.domain.errors import (
    BudgetSpent,
    JobInHandError,
    JobNotRecordedError,
    SubmissionNotTaken,
    SubmissionRefused,
    SubmissionUnconfirmed,
    TransitionRefused,
    VideoClaimedError,
)
from sora_ready.domain.job import AT_THE_SERVER, WAKE_AFTER, Job, ServerVideo, Status, timestamp
from sora_ready.domain.rhythm import next_poll_seconds
from sora_ready.pipeline.doubt import doubt_job, doubt_silence

logger = Logger(child=True)

RETRY_SECONDS = 30
RECORD_SECONDS = 2


def submit_job(
    job_id: str,
    copy_key: str | None,
    *,
    redelivered: bool,
    jobs: JobTable,
    ledger: Ledger,
    outputs: OutputBucket,
    video_api: VideoApi,
    track_queue: TrackQueue,
    lease_seconds: int,
    budget: Decimal,
) -> Job:
    """Send the frame of a `ready` job to the server, once, and return the job as it then is.

    Only the worker that moved the job from `ready` to `submitting` sends, and that move takes the job's price from the
    day's `budget` (US dollars); where that is spent, the job is `held`. `copy_key` is the copy that the message
    announces, None where it only names the job. `redelivered` says that this message came before and did not get to its
    end. Raises `SubmissionNotTaken` (the job is `ready` again), `JobInHandError` and `JobNotRecordedError`: each ends
    well when the same message comes back later.
    """
    job = jobs.get_job(job_id)
    if job is None or job.status is Status.RECEIVED:
        # The copy's event was quicker than the record that names the copy.
        raise JobNotRecordedError(job_id)
    if copy_key is not None and job.copy.get("key") != copy_key:
        # A copy that lost: another delivery of the upload's event, under other tags, was recorded first.
        return job
    if job.status is not Status.READY or job.waits_for_call:
        return _take_up_again(job, redelivered=redelivered, jobs=jobs, track_queue=track_queue)
    # Read before the job is claimed: a failure here leaves it ready, with nothing in doubt.
    frame = outputs.read_ready_copy(job.copy["key"])
    try:
        job = _claim_job(job, jobs, ledger, lease_seconds, budget)
    except BudgetSpent as spent:
        return jobs.hold_job(job, error=spent.as_record())
    except TransitionRefused:
        raise JobInHandError(job_id, lease_seconds) from None
    try:
        video = video_api.submit_video(
            job_id, job.request, (_file_name(job.copy["key"]), frame, job.copy["content_type"])
        )
    except SubmissionRefused as refusal:
        return ledger.take_back(job, Status.FAILED, refusal.as_record())
    except SubmissionNotTaken as refusal:
        # Beyond the longest time that the message, which comes back, may stay away.
        wake_at = jobs.now() + timedelta(seconds=MAX_POSTPONE_SECONDS) + WAKE_AFTER[Status.READY]
        ledger.take_back(job, Status.READY, refusal.as_record(), wake_at=wake_at)
        raise
    except SubmissionUnconfirmed as doubt:
        return doubt_job(job, doubt, jobs)
    return _record_video(job, video, jobs, ledger, track_queue)


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


@contextmanager
def postpone_failure(submit_queue: SubmitQueue, receipt_handle: str, receives: int) -> Iterator[None]:
    """Have the message come back later where the block fails, which it then does all the same."""
    try:
        yield
    except Exception as error:
        submit_queue.postpone(receipt_handle, seconds_until_retry(error, receives))
        raise


def _claim_job(job: Job, jobs: JobTable, ledger: Ledger, lease_seconds: int, budget: Decimal) -> Job:
    now = jobs.now()
    attempt = {
        "id": str(uuid4()),
        "started_at": timestamp(now),
        "lease_until": timestamp(now + timedelta(seconds=lease_seconds)),
    }
    price = Decimal(job.request["price_usd"])
    try:
        return ledger.claim_job(job, attempt, fingerprint(job.request), price=price, budget=budget)
    except (BotoCoreError, ClientError):
        # A write that was answered by silence may have been done. Nothing was sent, so a try that stands there is ours.
        written = jobs.get_job(job.id)
        if written and written.status is Status.SUBMITTING and written.attempt.get("id") == attempt["id"]:
            return written
        raise


def _record_video(job: Job, video: ServerVideo, jobs: JobTable, ledger: Ledger, track_queue: TrackQueue) -> Job:
    logger.info("the server took the job", job_id=job.id, server_id=video.id)
    try:
        job = ledger.record_video(job, video.as_record())
    except VideoClaimedError as claimed:
        return doubt_job(job, claimed, jobs)
    except Exception:
        # Then the log is the only place that knows what was bought, at whatever level it is kept.
        logger.error("a video was bought and could not be recorded", job_id=job.id, server_id=video.id)
        raise
    track_queue.send_poll(job.id, polls=0, delay_seconds=next_poll_seconds(0, video.poll_after_ms))
    return job


def _take_up_again(job: Job, *, redelivered: bool, jobs: JobTable, track_queue: TrackQueue) -> Job:
    """Finish what an earlier delivery of the same message may have left undone; nothing is ever sent again here."""
    if job.status is Status.SUBMITTING:
        left = (datetime.fromisoformat(job.attempt["lease_until"]) - jobs.now()).total_seconds()
        if left > 0:
            raise JobInHandError(job.id, math.ceil(left) + 1)
        return doubt_silence(job, jobs)
    if job.status in AT_THE_SERVER and (redelivered or job.wake_at is None):
        # The message to follow the video may be what was not sent. One too many does no harm.
        track_queue.send_poll(job.id, polls=job.follow.get("polls", 0), delay_seconds=next_poll_seconds(0))
    return job


def _file_name(key: str) -> str:
    return key.rsplit("/", 1)[-1]
