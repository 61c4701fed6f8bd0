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
from sora_ready.domain.doubt import (
    IN_DOUBT,
    LOOK_AFTER,
    REMIND_AFTER,
    SIGHTINGS,
    Finding,
    find_window,
    fingerprint,
    match_videos,
    may_be_settled,
    overlap,
)
from sora_ready.domain.errors import (
    SoraReadyError,
    SubmissionUnconfirmed,
    TransitionRefused,
    VideoApiUnavailableError,
    VideoClaimedError,
    VideoListUnsupported,
)
from sora_ready.domain.job import Job, Status, timestamp
from sora_ready.domain.rhythm import next_poll_seconds

if TYPE_CHECKING:
    # Sweep uses this module too, and its layers do not hold the SDK.
    from sora_ready.adapters.video_api import VideoApi

logger = Logger(child=True)

NEEDS_A_PERSON = "a job needs a person"
"""What the log says, and the stack's alarm listens for."""


def doubt_job(job: Job, doubt: SoraReadyError, jobs: JobTable) -> Job:
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


def doubt_silence(job: Job, jobs: JobTable) -> Job:
    """Move a job whose lease ran out in silence to `unconfirmed`."""
    return doubt_job(job, SubmissionUnconfirmed("The worker that was sending the job ended without a word"), jobs)


def reconcile_job(job: Job, *, jobs: JobTable, ledger: Ledger, video_api: VideoApi, track_queue: TrackQueue) -> Job:
    """Look for an `unconfirmed` job's video in the server's list, and return the job as it then is.

    The video is adopted when it alone can be meant, in `SIGHTINGS` looks that follow each other, after the try is over
    for good, and while no other job in doubt asked for the same. Otherwise the job stays, is looked up again, and after
    the last look a person is asked.
    """
    if timestamp(jobs.now()) < job.doubt.get("next_at", ""):
        # The same message twice is one look, not two.
        return job
    looks = job.doubt.get("looks", 0) + 1
    again, finding = REMIND_AFTER, Finding(())
    try:
        finding, why = _look(job, jobs, ledger, video_api)
    except VideoListUnsupported as silent:
        why, looks = silent.message, max(looks, len(LOOK_AFTER) + 1)
    except VideoApiUnavailableError as away:
        # Nothing was learnt, so it is asked again before long.
        why, again = away.message, LOOK_AFTER[-1]
    seen = finding.only
    sightings = job.doubt.get("sightings", 0) + 1 if seen and seen == job.doubt.get("candidate") else int(bool(seen))
    if seen and sightings >= SIGHTINGS:
        return _adopt(job, seen, jobs, ledger, track_queue)
    told = {"looks": looks, "candidate": seen, "sightings": sightings, "found": why}
    if looks > len(LOOK_AFTER):
        return _ask_a_person(job, jobs, finding, told, again=LOOK_AFTER[0] if seen else again)
    return _note(job, jobs, jobs.now() + LOOK_AFTER[looks - 1], told)


def _look(job: Job, jobs: JobTable, ledger: Ledger, video_api: VideoApi) -> tuple[Finding, str]:
    """Return what the server's list tells of the job, and that in words."""
    if not may_be_settled(job, jobs.now()):
        return Finding(()), "It is too early to tell."
    rivals = _find_rivals(job, jobs, ledger)
    if rivals:
        return Finding(()), f"Another job in doubt asked for the same at the same time: {', '.join(rivals)}."
    listed = video_api.list_videos(since=find_window(job)[0])
    alike = match_videos(job, listed, ())
    owners = ledger.find_owners((*alike.certain, *alike.possible))
    claimed = {video_id for video_id, owner in owners.items() if owner != job.id}
    finding = match_videos(job, listed, claimed)
    if finding.only:
        return finding, f"The server's list has one video that can be meant: {finding.only}."
    if finding.certain or finding.possible:
        seen = ", ".join((*finding.certain, *finding.possible)[:10])
        return finding, f"The server's list does not tell which video is meant: {seen}."
    return finding, "The server's list has no video that says what was asked for."


def _find_rivals(job: Job, jobs: JobTable, ledger: Ledger) -> list[str]:
    """Return the other jobs whose videos, if they have any, could not be told from this one's."""
    rivals = []
    for row in jobs.find_open(fingerprint(job.request)):
        if row.job_id == job.id:
            continue
        other = jobs.get_job(row.job_id)
        if other and other.status in IN_DOUBT and overlap(job, other):
            rivals.append(other.id)
    # Read last: a try is kept before its job is no longer in doubt.
    kept = [one for one in ledger.find_tries(fingerprint(job.request)) if overlap(job, replace(job, attempt=one))]
    return sorted({*rivals, *(one["job_id"] for one in kept)} - {job.id})


def _adopt(job: Job, video_id: str, jobs: JobTable, ledger: Ledger, track_queue: TrackQueue) -> Job:
    try:
        job = ledger.record_video(job, {"id": video_id, "status": "unknown"})
    except (TransitionRefused, VideoClaimedError):
        # Somebody else was quicker, with this job or with this video: the next look sees it.
        return jobs.get_job(job.id) or job
    logger.info("a video in doubt was found", job_id=job.id, server_id=video_id)
    track_queue.send_poll(job.id, polls=0, delay_seconds=next_poll_seconds(0))
    return job


def _ask_a_person(
    job: Job, jobs: JobTable, finding: Finding, told: Mapping[str, Any], *, again: timedelta = REMIND_AFTER
) -> Job:
    # An alarm listens for this line; it is said again each day until somebody decides.
    logger.error(NEEDS_A_PERSON, job_id=job.id, status=str(job.status))
    decide = "Look for it at the server, then decide: send it again, give it up, or name the server's video."
    error = dict(job.error) | {"hint": f"{told['found']} {decide}"}
    candidates = [*finding.certain, *finding.possible][:10]
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
        return jobs.note_on_job(job, only=only, wake_at=next_at, doubt=doubt, **parts)
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
        ledger.keep_try(job, fingerprint(job.request))
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
        track_queue.send_poll(job_id, polls=0, delay_seconds=next_poll_seconds(0))
        return job
    raise ValueError(f"{decision!r} is not send_again, give_up, or adopt with a video_id")
