"""What an operator decides about an unconfirmed job."""

from __future__ import annotations

from dataclasses import dataclass

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.domain.errors import DecisionRejected, JobError, TransitionRefused
from sora_ready.domain.job import Job, JobConditions, ServerVideo, Status, required
from sora_ready.domain.polling import poll_delay_seconds

DECISIONS = ("send_again", "give_up", "adopt")


@dataclass(frozen=True)
class ApplyOperatorDecision:
    """Applies an operator's decision."""

    jobs: JobTable
    ledger: Ledger
    submit_queue: SubmitQueue
    track_queue: TrackQueue

    def __call__(self, job_id: str, decision: str, *, video_id: str = "") -> Job:
        """Apply a decision about an `unconfirmed` job, and return it.

        `send_again` (which may buy a second video), `give_up`, or `adopt` with the id of the server's video. Raises
        `TransitionRefused` if the job is not `unconfirmed`, `VideoClaimedError`, and `DecisionRejected`.
        """
        job, video_id = self.jobs.get_job(job_id), video_id.strip()
        if job is None or job.status is not Status.UNCONFIRMED:
            raise TransitionRefused(job_id, decision, str(job.status) if job else None)
        if decision == "adopt" and video_id:
            return self._adopt(job, video_id)
        if decision not in {"send_again", "give_up"}:
            raise DecisionRejected(
                "invalid_decision", f"{decision!r} is not send_again, give_up, or adopt with a video_id."
            )
        # Whether it made a video stays unknown, so no other unconfirmed job may adopt a video that could be this job's.
        self.ledger.record_settled_attempt(job)
        # A late response may have settled the job since it was read.
        conditions = JobConditions(
            attempt_id=required(job.submission, "submission").attempt_id, status=Status.UNCONFIRMED
        )
        if decision == "give_up":
            error = JobError("given_up", "An operator gave the job up; whether a video was made is unknown.")
            return self.jobs.move_job(job_id, Status.FAILED, conditions=conditions, error=error)
        job = self.jobs.move_job(job_id, Status.READY, conditions=conditions, error=None)
        self.submit_queue.send_job(job_id)
        return job

    def _adopt(self, job: Job, video_id: str) -> Job:
        """Give the job the server's video. Raises `DecisionRejected` if only other videos match the job."""
        known = {job.reconciliation.candidate, *job.reconciliation.candidates} - {None}
        if known and video_id not in known:
            matching = ", ".join(sorted(str(candidate) for candidate in known))
            raise DecisionRejected(
                "invalid_video_id", f"{video_id!r} is not one of the videos that may be this job's: {matching}."
            )
        job = self.ledger.record_video(job, ServerVideo(video_id, "unknown"))
        self.track_queue.send_poll(job.id, polls=0, delay_seconds=poll_delay_seconds(0))
        return job
