"""A try to send a job of which no answer was recorded: looked up in the server's list, never sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.domain.errors import (
    SoraReadyError,
    SubmissionUnconfirmed,
    TransitionRefused,
    VideoClaimedError,
    VideoListUnsupported,
    VideoServerUnavailableError,
)
from sora_ready.domain.job import Job, Status, timestamp
from sora_ready.domain.polling import poll_delay_seconds
from sora_ready.domain.reconciliation import (
    RECONCILE_BACKOFF,
    REMIND_AFTER,
    REQUIRED_MATCHES,
    UNSETTLED,
    MatchResult,
    can_be_settled,
    fingerprint,
    match_videos,
    overlap,
    submission_window,
)

if TYPE_CHECKING:
    # Sweep uses this module too, and its layers do not hold the SDK.
    from sora_ready.adapters.video_server.client import VideoServerClient

logger = Logger(child=True)

NEEDS_A_PERSON = "a job needs a person"
"""What the log says, and the stack's alarm listens for."""


def mark_unconfirmed(job: Job, doubt: SoraReadyError, jobs: JobTable) -> Job:
    """Move a job whose try may or may not have started a video to `unconfirmed`, and have it looked up."""
    try:
        return jobs.move_job(
            job.id,
            Status.UNCONFIRMED,
            only={"attempt.id": job.attempt["id"]},
            error=doubt.as_record(),
            doubt={"since": timestamp(jobs.now()), "looks": 0},
        )
    except TransitionRefused:
        # Another worker settled it meanwhile.
        return jobs.get_job(job.id) or job


def expire_lease(job: Job, jobs: JobTable) -> Job:
    """Move a job whose lease ran out in silence to `unconfirmed`."""
    return mark_unconfirmed(
        job, SubmissionUnconfirmed("The worker that was sending the job ended without a word"), jobs
    )


def reconcile_job(
    job: Job, *, jobs: JobTable, ledger: Ledger, video_server: VideoServerClient, track_queue: TrackQueue
) -> Job:
    """Look for an `unconfirmed` job's video in the server's list, and return the job as it then is.

    The video is adopted when it alone can be meant, in `REQUIRED_MATCHES` looks that follow each other, after the try is over
    for good, and while no other job in doubt asked for the same. Otherwise the job stays, is looked up again, and after
    the last look a person is asked.
    """
    if timestamp(jobs.now()) < job.doubt.get("next_at", ""):
        # The same message twice is one look, not two.
        return job
    looks = job.doubt.get("looks", 0) + 1
    again, match = REMIND_AFTER, MatchResult(())
    try:
        match, why = _look(job, jobs, ledger, video_server)
    except VideoListUnsupported as silent:
        why, looks = silent.message, max(looks, len(RECONCILE_BACKOFF) + 1)
    except VideoServerUnavailableError as away:
        # Nothing was learned, so it is asked again before long.
        why, again = away.message, RECONCILE_BACKOFF[-1]
    seen = match.unique
    matches = job.doubt.get("matches", 0) + 1 if seen and seen == job.doubt.get("candidate") else int(bool(seen))
    if seen and matches >= REQUIRED_MATCHES:
        return _adopt(job, seen, jobs, ledger, track_queue)
    told = {"looks": looks, "candidate": seen, "matches": matches, "found": why}
    if looks > len(RECONCILE_BACKOFF):
        return _ask_a_person(job, jobs, match, told, again=RECONCILE_BACKOFF[0] if seen else again)
    return _note(job, jobs, jobs.now() + RECONCILE_BACKOFF[looks - 1], told)


def _look(job: Job, jobs: JobTable, ledger: Ledger, video_server: VideoServerClient) -> tuple[MatchResult, str]:
    """Return what the server's list tells of the job, and that in words."""
    if not can_be_settled(job, jobs.now()):
        return MatchResult(()), "It is too early to tell."
    ambiguous_jobs = _find_ambiguous_jobs(job, jobs, ledger)
    if ambiguous_jobs:
        return MatchResult(
            ()
        ), f"Another job in doubt asked for the same at the same time: {', '.join(ambiguous_jobs)}."
    listed = video_server.list_videos(since=submission_window(job)[0])
    alike = match_videos(job, listed, ())
    owners = ledger.find_owners((*alike.exact, *alike.ambiguous))
    claimed = {video_id for video_id, owner in owners.items() if owner != job.id}
    match = match_videos(job, listed, claimed)
    if match.unique:
        return match, f"The server's list has one video that can be meant: {match.unique}."
    if match.exact or match.ambiguous:
        seen = ", ".join((*match.exact, *match.ambiguous)[:10])
        return match, f"The server's list does not tell which video is meant: {seen}."
    return match, "The server's list has no video that says what was asked for."


def _find_ambiguous_jobs(job: Job, jobs: JobTable, ledger: Ledger) -> list[str]:
    """Return the other jobs whose videos, if they have any, could not be told from this one's."""
    ambiguous_jobs = []
    for row in jobs.find_open(fingerprint(job.request)):
        if row.job_id == job.id:
            continue
        other = jobs.get_job(row.job_id)
        if other and other.status in UNSETTLED and overlap(job, other):
            ambiguous_jobs.append(other.id)
    # Read last: a try is kept before its job is no longer in doubt.
    kept = [one for one in ledger.settled_attempts(fingerprint(job.request)) if overlap(job, replace(job, attempt=one))]
    return sorted({*ambiguous_jobs, *(one["job_id"] for one in kept)} - {job.id})


def _adopt(job: Job, video_id: str, jobs: JobTable, ledger: Ledger, track_queue: TrackQueue) -> Job:
    try:
        job = ledger.record_video(job, {"id": video_id, "status": "unknown"})
    except (TransitionRefused, VideoClaimedError):
        # Somebody else was quicker, with this job or with this video: the next look sees it.
        return jobs.get_job(job.id) or job
    logger.info("a video in doubt was found", job_id=job.id, server_id=video_id)
    track_queue.send_poll(job.id, polls=0, delay_seconds=poll_delay_seconds(0))
    return job


def _ask_a_person(
    job: Job, jobs: JobTable, match: MatchResult, told: Mapping[str, Any], *, again: timedelta = REMIND_AFTER
) -> Job:
    # An alarm listens for this line; it is said again each day until somebody decides.
    logger.error(NEEDS_A_PERSON, job_id=job.id, status=str(job.status))
    decide = "Look for it at the server, then decide: send it again, give it up, or name the server's video."
    error = dict(job.error) | {"hint": f"{told['found']} {decide}"}
    candidates = [*match.exact, *match.ambiguous][:10]
    return _note(job, jobs, jobs.now() + again, {**told, "candidates": candidates}, error=error)


def _check_named(job: Job, video_id: str) -> None:
    """Raise `ValueError` where looks at the server's list found videos that can be the job's, and this is none."""
    told = [job.doubt.get("candidate"), *job.doubt.get("candidates", [])]
    known = [found for found in told if found]
    if known and video_id not in known:
        raise ValueError(f"{video_id!r} is none of the videos that can be this job's: {', '.join(known)}")


def _note(job: Job, jobs: JobTable, next_at: datetime, told: Mapping[str, Any], **parts: Any) -> Job:
    """Write down what a look told, and when the next one is; only one of several messages alike gets to do so."""
    only = {"attempt.id": job.attempt["id"], "doubt.looks": job.doubt.get("looks", 0)}
    doubt = dict(job.doubt) | dict(told) | {"next_at": timestamp(next_at)}
    try:
        return jobs.update_job(job, only=only, due_at=next_at, doubt=doubt, **parts)
    except TransitionRefused:
        return jobs.get_job(job.id) or job


def resolve_job(
    job_id: str,
    decision: str,
    *,
    video_id: str = "",
    jobs: JobTable,
    ledger: Ledger,
    submit_queue: SubmitQueue,
    track_queue: TrackQueue,
) -> Job:
    """Do what a person decided about an `unconfirmed` job, and return it.

    `send_again` (which may buy a second video), `give_up`, or `adopt` with the id of the server's video. Raises
    `TransitionRefused` where the job is not `unconfirmed`, `VideoClaimedError`, and `ValueError` for another decision.
    """
    job, video_id = jobs.get_job(job_id), video_id.strip()
    if job is None or job.status is not Status.UNCONFIRMED:
        raise TransitionRefused(job_id, decision, str(job.status) if job else None)
    # A late answer may have settled the job since it was read.
    only = {"attempt.id": job.attempt["id"], "status": str(Status.UNCONFIRMED)}
    if decision in {"send_again", "give_up"}:
        # Whether it made a video stays unknown, so that others in doubt must not take one that may be its.
        ledger.record_settled_attempt(job, fingerprint(job.request))
    if decision == "send_again":
        job = jobs.move_job(job_id, Status.READY, only=only, error={})
        submit_queue.send_job(job_id)
        return job
    if decision == "give_up":
        told = {"code": "given_up", "message": "A person gave the job up; whether a video was made is not known."}
        return jobs.move_job(job_id, Status.FAILED, only=only, error=told)
    if decision == "adopt" and video_id:
        _check_named(job, video_id)
        job = ledger.record_video(job, {"id": video_id, "status": "unknown"})
        track_queue.send_poll(job_id, polls=0, delay_seconds=poll_delay_seconds(0))
        return job
    raise ValueError(f"{decision!r} is not send_again, give_up, or adopt with a video_id")
