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
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.errors import (
    JobNotRecordedError,
    TransitionRefused,
    VideoApiUnavailableError,
    VideoCorruptError,
    VideoNotFound,
    VideoTooLargeError,
)
from sora_ready.domain.job import AT_THE_SERVER, Job, ServerVideo, Status
from sora_ready.domain.mp4 import check_mp4

logger = Logger(child=True)

FIRST_POLL_SECONDS = 10
LAST_POLL_SECONDS = 60
POLL_GROWTH = 1.3

# Words for "it will never come" seen at servers beside OpenAI's own.
_FAILED = {"failed", "cancelled", "canceled", "expired", "error"}
_WAITING = {"queued", "pending", "unknown"}


def track_job(
    job_id: str,
    polls: int,
    *,
    jobs: JobTable,
    outputs: OutputBucket,
    video_api: VideoApi,
    track_queue: TrackQueue,
    max_video_bytes: int,
    deadline_minutes: int,
) -> Job:
    """Look at a job for the `polls`-th time and return it: done, or with a message sent for the next look.

    A status nobody has heard of counts as still running, until the deadline. Raises `JobNotRecordedError`.
    """
    job = jobs.get_job(job_id)
    if job is None:
        raise JobNotRecordedError(job_id)
    if job.status not in AT_THE_SERVER:
        return job
    advised = None
    try:
        video = video_api.read_video(job.server["id"])
        advised = video.poll_after_ms
        job = _follow_server(
            job, video, jobs=jobs, outputs=outputs, video_api=video_api, max_video_bytes=max_video_bytes
        )
    except (VideoNotFound, VideoTooLargeError) as end:
        job = _move(jobs, job, Status.FAILED, error=end.as_record())
    except (VideoApiUnavailableError, VideoCorruptError) as trouble:
        # Asking and fetching cost nothing, so a server that is away or cut the line is asked again.
        logger.warning("the server could not be asked", job_id=job_id, code=trouble.code)
        if job.error.get("code") != trouble.code:
            job = _move(jobs, job, job.status, error=trouble.as_record())
    if job.status in AT_THE_SERVER and _submitted_at(job) + timedelta(minutes=deadline_minutes) < jobs.now():
        job = _move(jobs, job, Status.FAILED, error=_timed_out(deadline_minutes, job.error))
    if job.status in AT_THE_SERVER:
        track_queue.send_poll(job_id, polls=polls + 1, delay_seconds=next_poll_seconds(polls + 1, advised))
    return job


def next_poll_seconds(polls: int, advised_ms: int | None = None) -> int:
    """Return how long to wait after `polls` looks: what the server advises, else 10 s growing to a minute."""
    if advised_ms is not None:
        return max(1, min(round(advised_ms / 1000), LAST_POLL_SECONDS))
    # Twenty steps are far beyond the last: a number of looks without end must not end in an overflow.
    return min(round(FIRST_POLL_SECONDS * POLL_GROWTH ** min(polls, 20)), LAST_POLL_SECONDS)


def _follow_server(
    job: Job, video: ServerVideo, *, jobs: JobTable, outputs: OutputBucket, video_api: VideoApi, max_video_bytes: int
) -> Job:
    """Bring the job to where the server says its video is, fetching it if it is done."""
    if video.status == "completed":
        stored = _store_video(job.id, video.id, outputs, video_api, max_video_bytes)
        return _move(jobs, job, Status.COMPLETED, server=video.as_record(), video=stored, error={})
    if video.status in _FAILED:
        return _move(jobs, job, Status.FAILED, server=video.as_record(), error=_server_error(video))
    waiting = video.status in _WAITING and job.status is Status.QUEUED
    if not job.error and (waiting or video.as_record() == job.server):
        return job
    return _move(jobs, job, job.status if waiting else Status.IN_PROGRESS, server=video.as_record(), error={})


def _store_video(
    job_id: str, video_id: str, outputs: OutputBucket, video_api: VideoApi, max_video_bytes: int
) -> dict[str, Any]:
    # The file takes its name in the bucket only after it was checked, so nobody ever meets half a video there.
    with tempfile.TemporaryFile() as file:
        video_api.download_video(video_id, file, max_bytes=max_video_bytes)
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
            return jobs.note_on_job(job, **parts)
        return jobs.move_job(job.id, status, **parts)
    except TransitionRefused:
        # Another delivery of the same message was quicker.
        return jobs.get_job(job.id) or job


def _submitted_at(job: Job) -> datetime:
    return datetime.fromisoformat(job.attempt["started_at"])


def _server_error(video: ServerVideo) -> dict[str, Any]:
    return {
        "code": video.error_code or video.status,
        "message": video.error_message or f"The server ended the video as {video.status} and gave no reason.",
        "hint": "Nothing more is sent for this job. Upload the picture again, with another prompt if that was why.",
    }


def _timed_out(minutes: int, trouble: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "code": "timed_out",
        "message": f"The video was not here after {minutes} minutes.",
        "hint": "It may still finish at the server: look there before you upload the picture again. The parameter "
        "TrackDeadlineMinutes sets how long a job is followed.",
    }
    return told | ({"last_trouble": dict(trouble)} if trouble else {})
