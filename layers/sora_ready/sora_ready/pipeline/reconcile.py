"""An unconfirmed submission is looked up in the server's list of videos. Nothing is ever sent again here."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.metrics import Metrics
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import (
    TransitionRefused,
    VideoClaimedError,
    VideoListUnsupported,
    VideoServerUnavailableError,
)
from sora_ready.domain.job import (
    REMIND_AFTER,
    UNSETTLED,
    Job,
    JobChanges,
    JobConditions,
    Reconciliation,
    ServerVideo,
    required,
    timestamp,
)
from sora_ready.domain.polling import poll_delay_seconds
from sora_ready.domain.reconciliation import (
    RECONCILE_BACKOFF,
    REQUIRED_MATCHES,
    MatchResult,
    can_be_settled,
    fingerprint,
    match_videos,
    submission_window,
    windows_overlap,
)

logger = logging.getLogger(__name__)

ADVICE = "Look for it at the server, then decide: send it again, give it up, or adopt one of the server's videos."


@dataclass(frozen=True)
class Reconcile:
    """Looks for an `unconfirmed` job's video in the server's list."""

    jobs: JobTable
    ledger: Ledger
    video_server: VideoServerClient
    track_queue: TrackQueue
    metrics: Metrics

    def __call__(self, job: Job) -> Job:
        """Check the list once, and return the job.

        The video is adopted if it is the only match in `REQUIRED_MATCHES` checks in a row, after the submission is over
        for good, and no other unsettled job asked for the same. Otherwise the job is checked again later; after the
        last check an operator is alerted.
        """
        before = job.reconciliation
        if timestamp(self.jobs.now()) < (before.next_at or ""):
            # The same message twice is one check, not two.
            return job
        checks, match, remind_after = before.checks + 1, MatchResult(), REMIND_AFTER
        try:
            match, finding = self._check(job)
        except VideoListUnsupported as unsupported:
            finding, checks = unsupported.message, max(checks, len(RECONCILE_BACKOFF) + 1)
        except VideoServerUnavailableError as unavailable:
            # Nothing was learned, so the next check comes soon.
            finding, remind_after = unavailable.message, RECONCILE_BACKOFF[-1]
        video_id = match.unique
        matches = before.matches + 1 if video_id and video_id == before.candidate else int(bool(video_id))
        if video_id and matches >= REQUIRED_MATCHES:
            return self._adopt(job, video_id)
        after = replace(before, checks=checks, candidate=video_id, matches=matches, finding=finding)
        if checks > len(RECONCILE_BACKOFF):
            after = replace(after, candidates=match.candidates)
            return self._alert_operator(job, after, RECONCILE_BACKOFF[0] if video_id else remind_after)
        return self._record(job, after, RECONCILE_BACKOFF[checks - 1], JobChanges())

    def _check(self, job: Job) -> tuple[MatchResult, str]:
        """Return what the server's list says about the job, and that in words."""
        submission = required(job.submission, "submission")
        if not can_be_settled(submission, self.jobs.now()):
            return MatchResult(), "It is too early to tell."
        if ambiguous_jobs := self._find_ambiguous_jobs(job):
            others = ", ".join(ambiguous_jobs)
            return MatchResult(), f"Another unsettled job asked for the same at the same time: {others}."
        listed = self.video_server.list_videos(since=submission_window(submission)[0])
        every_match = match_videos(job, listed)
        owners = self.ledger.find_owners((*every_match.exact, *every_match.ambiguous))
        match = match_videos(job, listed, {video_id for video_id, owner in owners.items() if owner != job.id})
        if match.unique:
            return match, f"The server's list has one video that matches: {match.unique}."
        if match.candidates:
            return match, f"Several videos of the server's list may match: {', '.join(match.candidates)}."
        return match, "The server's list has no video that matches."

    def _find_ambiguous_jobs(self, job: Job) -> list[str]:
        """Return the other jobs whose videos, if they have any, cannot be distinguished from this one's."""
        submission = required(job.submission, "submission")
        request_fingerprint = fingerprint(required(job.request, "request"))
        ambiguous_jobs = set()
        for row in self.jobs.find_open(request_fingerprint):
            other = self.jobs.get_job(row.job_id) if row.job_id != job.id else None
            unsettled = other.submission if other and other.status in UNSETTLED else None
            if unsettled and windows_overlap(submission, unsettled):
                ambiguous_jobs.add(row.job_id)
        # Read last: an attempt is recorded as settled before its job leaves `unconfirmed`.
        settled = self.ledger.settled_attempts(request_fingerprint)
        ambiguous_jobs |= {attempt.job_id for attempt in settled if windows_overlap(submission, attempt)}
        return sorted(ambiguous_jobs - {job.id})

    def _adopt(self, job: Job, video_id: str) -> Job:
        try:
            job = self.ledger.record_video(job, ServerVideo(video_id, "unknown"))
        except (TransitionRefused, VideoClaimedError):
            # Another worker was faster, with this job or with this video; the next check sees it.
            return self.jobs.get_job(job.id) or job
        logger.info("unconfirmed video found", extra={"job_id": job.id, "server_video_id": video_id})
        self.track_queue.send_poll(job.id, polls=0, delay_seconds=poll_delay_seconds(0))
        return job

    def _alert_operator(self, job: Job, after: Reconciliation, next_check: timedelta) -> Job:
        logger.error("unconfirmed job needs an operator", extra={"job_id": job.id, "finding": after.finding})
        self.metrics.count_job_needs_operator()
        error = required(job.error, "error")
        hint = f"{after.finding} {ADVICE}"
        return self._record(job, after, next_check, JobChanges(error=replace(error, hint=hint)))

    def _record(self, job: Job, after: Reconciliation, delay: timedelta, changes: JobChanges) -> Job:
        """Record a check and when the next one is due. Of several equal messages only one gets to do so."""
        next_at = self.jobs.now() + delay
        reconciliation = replace(after, next_at=timestamp(next_at))
        changes = JobChanges(**changes, reconciliation=reconciliation)
        conditions = JobConditions(
            attempt_id=required(job.submission, "submission").attempt_id, checks=job.reconciliation.checks
        )
        return self.jobs.write_or_reload(
            job, lambda: self.jobs.update_job(job, due_at=next_at, conditions=conditions, **changes)
        )
