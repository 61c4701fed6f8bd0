"""The ready copy → one request to the video server, and its response in the job record."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import MAX_POSTPONE_SECONDS, TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.adapters.video_server.messages import Frame, ServerResponse
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
from sora_ready.domain.job import AT_SERVER, DUE_AFTER, Job, Status, Submission, required, timestamp
from sora_ready.domain.polling import poll_delay_seconds
from sora_ready.domain.spending import budget_day
from sora_ready.pipeline.unconfirmed import expire_lease, mark_unconfirmed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submit:
    """Sends a job's frame to the server, once. `budget` is in US dollars a day."""

    jobs: JobTable
    ledger: Ledger
    outputs: OutputBucket
    video_server: VideoServerClient
    track_queue: TrackQueue
    lease_seconds: int
    budget: Decimal

    def __call__(self, job_id: str, copy_key: str | None = None, *, redelivered: bool = False) -> Job:
        """Send the frame of a `ready` job and return the job.

        Only the worker that moved the job from `ready` to `submitting` sends, and that move takes the job's price from
        the day's budget; if the budget doesn't cover it, the job is `held`. `copy_key` is the copy that the message is
        about, None if it names only the job. `redelivered` means that an earlier delivery of the message may have
        failed half-way.

        Raises `SubmissionNotAcceptedError` (the job is `ready` again), `JobLeasedError` and `JobNotReadyError`: the
        same message succeeds later.
        """
        job = self.jobs.get_job(job_id)
        if job is None or job.status is Status.RECEIVED:
            # The copy's event was faster than the record that names the copy.
            raise JobNotReadyError(job_id)
        if copy_key is not None and (job.copy is None or job.copy.key != copy_key):
            # Another delivery of the upload's event, with other tags, was recorded first.
            return job
        if job.status is not Status.READY or job.awaits_submit_invocation:
            return self._resume(job, redelivered=redelivered)
        copy = required(job.copy, "copy")
        # Read before the job is claimed: a failure here leaves it ready.
        frame = Frame(copy.key.rsplit("/", 1)[-1], self.outputs.read_ready_copy(copy.key), copy.content_type)
        try:
            job = self._claim(job)
        except BudgetSpent as spent:
            return self.jobs.hold_job(job, error=spent.to_job_error())
        except TransitionRefused:
            raise JobLeasedError(job_id, self.lease_seconds) from None
        return self._send(job, frame)

    def _claim(self, job: Job) -> Job:
        now = self.jobs.now()
        submission = Submission(
            attempt_id=str(uuid4()),
            started_at=timestamp(now),
            lease_until=timestamp(now + timedelta(seconds=self.lease_seconds)),
            price_usd=required(job.request, "request").price_usd,
            budget_day=budget_day(now),
        )
        return self.ledger.claim_job(job, submission, budget=self.budget)

    def _send(self, job: Job, frame: Frame) -> Job:
        try:
            response = self.video_server.submit_video(job.id, required(job.request, "request"), frame)
        except SubmissionRefused as refusal:
            return self.ledger.refund(job, Status.FAILED, refusal.to_job_error())
        except SubmissionNotAcceptedError as refusal:
            # Later than the message, which is retried, may stay away.
            due_at = self.jobs.now() + timedelta(seconds=MAX_POSTPONE_SECONDS) + DUE_AFTER[Status.READY]
            self.ledger.refund(job, Status.READY, refusal.to_job_error(), due_at=due_at)
            raise
        except SubmissionUnconfirmed as unconfirmed:
            return mark_unconfirmed(job, unconfirmed, self.jobs)
        return self._record_video(job, response)

    def _record_video(self, job: Job, response: ServerResponse) -> Job:
        ids = {"job_id": job.id, "server_video_id": response.video.id}
        logger.info("video accepted by the server", extra=ids)
        try:
            job = self.ledger.record_video(job, response.video)
        except VideoClaimedError as claimed:
            return mark_unconfirmed(job, claimed, self.jobs)
        except Exception:
            # Only the log knows now what was bought, so it is an error at every log level.
            logger.error("video bought but not recorded", extra=ids)
            raise
        self.track_queue.send_poll(job.id, polls=0, delay_seconds=poll_delay_seconds(0, response.poll_after_ms))
        return job

    def _resume(self, job: Job, *, redelivered: bool) -> Job:
        """Finish what an earlier delivery of the same message may have left undone. Nothing is sent to the server."""
        if job.status is Status.SUBMITTING:
            lease_until = datetime.fromisoformat(required(job.submission, "submission").lease_until)
            left = (lease_until - self.jobs.now()).total_seconds()
            if left > 0:
                raise JobLeasedError(job.id, math.ceil(left) + 1)
            return expire_lease(job, self.jobs)
        if job.status in AT_SERVER and (redelivered or job.due_at is None):
            # The poll message may not have been sent. One too many does no harm.
            self.track_queue.send_poll(job.id, polls=job.polling.polls, delay_seconds=poll_delay_seconds(0))
        return job
