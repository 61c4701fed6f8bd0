"""Asks the server how a job is, and brings its video home."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import (
    JobNotReadyError,
    TransitionRefused,
    VideoCorruptError,
    VideoNotFound,
    VideoServerUnavailableError,
    VideoTooLargeError,
)
from sora_ready.domain.job import AT_THE_SERVER, DUE_AFTER, Job, ServerVideo, Status, timestamp
from sora_ready.domain.mp4 import check_mp4
from sora_ready.domain.polling import poll_delay_seconds
from sora_ready.pipeline.reconcile import reconcile_job

logger = Logger(child=True)

# Servers that keep their list in several places may not know a video at once.
NOT_FOUND_GRACE_SECONDS = 60
# A look that is late, because its message was, still gets to fetch a video that is done.
GRACE_AFTER_DEADLINE = timedelta(minutes=30)

# Words for "it will never come" seen at servers beside OpenAI's own.
_FAILED = {"failed", "cancelled", "canceled", "expired", "error"}
_WAITING = {"queued", "pending", "unknown"}


def track_job(
    job_id: str,
    polls: int,
    *,
    redelivered: bool,
    jobs: JobTable,
    ledger: Ledger,
    outputs: OutputBucket,
    video_server: VideoServerClient,
    track_queue: TrackQueue,
    max_video_bytes: int,
    deadline_minutes: int,
) -> Job:
    """Look at a job for the `polls`-th time and return it: done, or with a message sent for the next look.

    One chain of messages follows a job: a message that is not at the record's count of looks is not heeded, unless it
    was `redelivered` and may be the one that was not handed on, or nothing else wakes the job. A status nobody has
    heard of counts as still running, until the deadline. A job that is `unconfirmed` is looked up in the server's list.
    Raises `JobNotReadyError`.
    """
    job = jobs.get_job(job_id)
    if job is None:
        raise JobNotReadyError(job_id)
    if job.status is Status.UNCONFIRMED:
        return reconcile_job(job, jobs=jobs, ledger=ledger, video_server=video_server, track_queue=track_queue)
    if job.status not in AT_THE_SERVER:
        return job
    looked = job.follow.get("polls", 0)
    # Where nothing wakes a job, people redrove the message: it is heeded whatever it counted.
    if polls != looked and job.due_at is not None:
        if redelivered and polls == looked - 1:
            track_queue.send_poll(job_id, polls=looked, delay_seconds=poll_delay_seconds(looked))
        return job
    return _poll_once(
        job,
        jobs=jobs,
        outputs=outputs,
        video_server=video_server,
        track_queue=track_queue,
        max_video_bytes=max_video_bytes,
        deadline=timedelta(minutes=deadline_minutes),
    )


def _poll_once(
    job: Job,
    *,
    jobs: JobTable,
    outputs: OutputBucket,
    video_server: VideoServerClient,
    track_queue: TrackQueue,
    max_video_bytes: int,
    deadline: timedelta,
) -> Job:
    """Look at the server, unless the deadline is long over, and have the job looked at again while it runs."""
    polls = job.follow.get("polls", 0)
    if _age(job, jobs.now()) > deadline + GRACE_AFTER_DEADLINE:
        # Looks that should have ended it died on the way: one more would too.
        return _move(jobs, job, Status.FAILED, error=_timed_out(deadline, job.error))
    job, advised = _poll_server(job, jobs, outputs, video_server, max_video_bytes)
    if job.status in AT_THE_SERVER and _age(job, jobs.now()) > deadline:
        job = _move(jobs, job, Status.FAILED, error=_timed_out(deadline, job.error))
    if job.status in AT_THE_SERVER:
        return _schedule_next_poll(job, polls, poll_delay_seconds(polls + 1, advised), jobs, track_queue)
    return job


def _poll_server(
    job: Job, jobs: JobTable, outputs: OutputBucket, video_server: VideoServerClient, max_video_bytes: int
) -> tuple[Job, int | None]:
    """Ask the server once; return the job as that leaves it, and when the server advises to ask again (ms)."""
    advised = None
    try:
        video = video_server.read_video(job.server["id"])
        advised = video.poll_after_ms
        job = _apply_server_status(
            job, video, jobs=jobs, outputs=outputs, video_server=video_server, max_video_bytes=max_video_bytes
        )
    except VideoNotFound as gone:
        if _age(job, jobs.now()) > timedelta(seconds=NOT_FOUND_GRACE_SECONDS):
            job = _move(jobs, job, Status.FAILED, error=gone.as_record())
    except VideoTooLargeError as end:
        job = _move(jobs, job, Status.FAILED, error=end.as_record())
    except (VideoServerUnavailableError, VideoCorruptError) as trouble:
        # Asking and fetching cost nothing, so a server that is away or cut the line is asked again.
        logger.warning("the server could not be asked", job_id=job.id, code=trouble.code)
        if job.error.get("code") != trouble.code:
            job = _move(jobs, job, job.status, error=trouble.as_record())
    return job, advised


def _schedule_next_poll(job: Job, polls: int, seconds: int, jobs: JobTable, track_queue: TrackQueue) -> Job:
    """Count the look and send the message for the next one; only one of several messages alike gets to do so."""
    next_at = jobs.now() + timedelta(seconds=seconds)
    only = {"follow.polls": polls if job.follow else None}
    follow = dict(job.follow) | {"polls": polls + 1, "next_at": timestamp(next_at)}
    try:
        job = jobs.update_job(job, only=only, due_at=next_at + DUE_AFTER[job.status], follow=follow)
    except TransitionRefused:
        return jobs.get_job(job.id) or job
    track_queue.send_poll(job.id, polls=polls + 1, delay_seconds=seconds)
    return job


def _apply_server_status(
    job: Job,
    video: ServerVideo,
    *,
    jobs: JobTable,
    outputs: OutputBucket,
    video_server: VideoServerClient,
    max_video_bytes: int,
) -> Job:
    """Bring the job to where the server says its video is, fetching it if it is done."""
    if video.status == "completed":
        stored = _store_video(job.id, video.id, outputs, video_server, max_video_bytes)
        return _move(jobs, job, Status.COMPLETED, server=video.as_record(), video=stored, error={})
    if video.status in _FAILED:
        return _move(jobs, job, Status.FAILED, server=video.as_record(), error=_server_error(video))
    waiting = video.status in _WAITING and job.status is Status.QUEUED
    if not job.error and (waiting or video.as_record() == job.server):
        return job
    return _move(jobs, job, job.status if waiting else Status.IN_PROGRESS, server=video.as_record(), error={})


def _store_video(
    job_id: str, video_id: str, outputs: OutputBucket, video_server: VideoServerClient, max_video_bytes: int
) -> dict[str, Any]:
    # The file takes its name in the bucket only after it was checked, so nobody ever meets half a video there.
    with tempfile.TemporaryFile() as file:
        video_server.download_video(video_id, file, max_bytes=max_video_bytes)
        length = check_mp4(file)
        digest = _hash_file(file)
        place = outputs.put_video(job_id, file)
    return {**place, "content_type": "video/mp4", "bytes": length, "sha256": digest}


def _hash_file(file: Any) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _move(jobs: JobTable, job: Job, status: Status, **parts: Any) -> Job:
    try:
        if job.status is status:
            return jobs.update_job(job, **parts)
        return jobs.move_job(job.id, status, **parts)
    except TransitionRefused:
        # Another delivery of the same message was quicker.
        return jobs.get_job(job.id) or job


def _age(job: Job, now: datetime) -> timedelta:
    # A video that was found or named later is given its time from then on.
    return now - datetime.fromisoformat(job.follow.get("since", job.attempt["started_at"]))


def _server_error(video: ServerVideo) -> dict[str, Any]:
    return {
        "code": video.error_code or video.status,
        "message": video.error_message or f"The server ended the video as {video.status} and gave no reason.",
        "hint": "Nothing more is sent for this job. Upload the picture again, with another prompt if that was why.",
    }


def _timed_out(deadline: timedelta, trouble: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "code": "timed_out",
        "message": f"The video was not here after {deadline // timedelta(minutes=1)} minutes.",
        "hint": "It may still finish at the server: look there before you upload the picture again. The parameter "
        "TrackDeadlineMinutes sets how long a job is followed.",
    }
    return told | ({"last_trouble": dict(trouble)} if trouble else {})
