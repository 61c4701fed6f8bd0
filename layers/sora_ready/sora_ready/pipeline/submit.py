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
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import (
    BudgetSpent,
    JobLeasedError,
    JobNotReadyError,
    SubmissionNotAcceptedError,
    SubmissionRefused,
    SubmissionUnconfirmed,
    TransitionRefused,
    VideoClaimedError,
)
from sora_ready.domain.job import AT_THE_SERVER, DUE_AFTER, Job, ServerVideo, Status, timestamp
from sora_ready.domain.polling import poll_delay_seconds
from sora_ready.domain.reconciliation import fingerprint
from sora_ready.pipeline.reconcile import expire_lease, mark_unconfirmed

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
    video_server: VideoServerClient,
    track_queue: TrackQueue,
    lease_seconds: int,
    budget: Decimal,
) -> Job:
    """Send the frame of a `ready` job to the server, once, and return the job as it then is.

    Only the worker that moved the job from `ready` to `submitting` sends, and that move takes the job's price from the
    day's `budget` (US dollars); where that is spent, the job is `held`. `copy_key` is the copy that the message
    announces, None where it only names the job. `redelivered` says that this message came before and did not get to its
    end. Raises `SubmissionNotAcceptedError` (the job is `ready` again), `JobLeasedError` and `JobNotReadyError`: each ends
    well when the same message comes back later.
    """
    job = jobs.get_job(job_id)
    if job is None or job.status is Status.RECEIVED:
        # The copy's event was quicker than the record that names the copy.
        raise JobNotReadyError(job_id)
    if copy_key is not None and job.copy.get("key") != copy_key:
        # A copy that lost: another delivery of the upload's event, under other tags, was recorded first.
        return job
    if job.status is not Status.READY or job.waits_for_call:
        return _resume(job, redelivered=redelivered, jobs=jobs, track_queue=track_queue)
    # Read before the job is claimed: a failure here leaves it ready, with nothing in doubt.
    frame = outputs.read_ready_copy(job.copy["key"])
    try:
        job = _claim_job(job, jobs, ledger, lease_seconds, budget)
    except BudgetSpent as spent:
        return jobs.hold_job(job, error=spent.as_record())
    except TransitionRefused:
        raise JobLeasedError(job_id, lease_seconds) from None
    try:
        video = video_server.submit_video(
            job_id, job.request, (_file_name(job.copy["key"]), frame, job.copy["content_type"])
        )
    except SubmissionRefused as refusal:
        return ledger.refund(job, Status.FAILED, refusal.as_record())
    except SubmissionNotAcceptedError as refusal:
        # Beyond the longest time that the message, which comes back, may stay away.
        due_at = jobs.now() + timedelta(seconds=MAX_POSTPONE_SECONDS) + DUE_AFTER[Status.READY]
        ledger.refund(job, Status.READY, refusal.as_record(), due_at=due_at)
        raise
    except SubmissionUnconfirmed as doubt:
        return mark_unconfirmed(job, doubt, jobs)
    return _record_video(job, video, jobs, ledger, track_queue)


def seconds_until_retry(error: Exception, receives: int) -> int:
    """Return how long a message that failed for the `receives`-th time stays away: ever longer, or as long as asked."""
    if isinstance(error, JobLeasedError):
        return error.retry_after_seconds
    # A copy's event may be quicker than its record, by a moment.
    first = RECORD_SECONDS if isinstance(error, JobNotReadyError) else RETRY_SECONDS
    growing = first << min(receives - 1, 5)
    # A server that asks for one second, again and again, must not use up the message's tries within a minute.
    asked = error.retry_after_seconds if isinstance(error, SubmissionNotAcceptedError) else None
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
        return mark_unconfirmed(job, claimed, jobs)
    except Exception:
        # Then the log is the only place that knows what was bought, at whatever level it is kept.
        logger.error("a video was bought and could not be recorded", job_id=job.id, server_id=video.id)
        raise
    track_queue.send_poll(job.id, polls=0, delay_seconds=poll_delay_seconds(0, video.poll_after_ms))
    return job


def _resume(job: Job, *, redelivered: bool, jobs: JobTable, track_queue: TrackQueue) -> Job:
    """Finish what an earlier delivery of the same message may have left undone; nothing is ever sent again here."""
    if job.status is Status.SUBMITTING:
        left = (datetime.fromisoformat(job.attempt["lease_until"]) - jobs.now()).total_seconds()
        if left > 0:
            raise JobLeasedError(job.id, math.ceil(left) + 1)
        return expire_lease(job, jobs)
    if job.status in AT_THE_SERVER and (redelivered or job.due_at is None):
        # The message to follow the video may be what was not sent. One too many does no harm.
        track_queue.send_poll(job.id, polls=job.follow.get("polls", 0), delay_seconds=poll_delay_seconds(0))
    return job


def _file_name(key: str) -> str:
    return key.rsplit("/", 1)[-1]
