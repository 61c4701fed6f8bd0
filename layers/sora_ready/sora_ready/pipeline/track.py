"""Polls the server until a job's video is done, and stores it."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Unpack

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import TrackQueue
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.adapters.video_server.messages import ServerResponse
from sora_ready.adapters.video_server.status_words import VideoState
from sora_ready.domain.errors import (
    JobError,
    JobNotReadyError,
    ServerVideoNotFound,
    TransitionRefused,
    VideoCorruptError,
    VideoServerUnavailableError,
    VideoTooLargeError,
)
from sora_ready.domain.job import (
    AT_SERVER,
    DUE_AFTER,
    Job,
    JobChanges,
    JobConditions,
    ServerVideo,
    Status,
    StoredVideo,
    required,
    timestamp,
)
from sora_ready.domain.mp4 import check_mp4
from sora_ready.domain.polling import poll_delay_seconds
from sora_ready.pipeline.reconcile import Reconcile

logger = logging.getLogger(__name__)

NOT_FOUND_GRACE = timedelta(seconds=60)
"""A server that keeps its list in several places may not find a new video at once."""

GRACE_AFTER_DEADLINE = timedelta(minutes=30)
"""A poll that comes late, because its message did, may still store a video that is done."""


@dataclass(frozen=True)
class Track:
    """Polls the server once for each message. `deadline` counts from when the server's video was recorded."""

    jobs: JobTable
    outputs: OutputBucket
    video_server: VideoServerClient
    track_queue: TrackQueue
    reconcile: Reconcile
    max_video_bytes: int
    deadline: timedelta

    def __call__(self, job_id: str, polls: int, *, redelivered: bool = False) -> Job:
        """Poll once, after `polls` polls, and return the job: ended, or with a message sent for the next poll.

        A message whose count differs from the record's is stale and ignored, unless it was `redelivered` and the next
        message may be missing, or nothing else resumes the job. An unknown status counts as running until the deadline.
        An `unconfirmed` job is looked up in the server's list. Raises `JobNotReadyError`.
        """
        job = self.jobs.get_job(job_id)
        if job is None:
            raise JobNotReadyError(job_id)
        if job.status is Status.UNCONFIRMED:
            return self.reconcile(job)
        if job.status not in AT_SERVER:
            return job
        recorded = job.polling.polls
        # Where nothing else resumes the job, an operator redrove the message: it counts whatever its count is.
        if polls != recorded and job.due_at is not None:
            if redelivered and polls == recorded - 1:
                self.track_queue.send_poll(job_id, polls=recorded, delay_seconds=poll_delay_seconds(recorded))
            return job
        return self._poll_once(job)

    def _poll_once(self, job: Job) -> Job:
        """Poll the server, unless the deadline is long over, and schedule the next poll while the video runs."""
        if self._age(job) > self.deadline + GRACE_AFTER_DEADLINE:
            # Polls that should have ended it died: another one would too.
            return self._write(job, Status.FAILED, error=self._timed_out(job))
        polls = job.polling.polls
        job, advised_ms = self._poll_server(job)
        if job.status in AT_SERVER and self._age(job) > self.deadline:
            job = self._write(job, Status.FAILED, error=self._timed_out(job))
        if job.status in AT_SERVER:
            return self._schedule_next_poll(job, polls, poll_delay_seconds(polls + 1, advised_ms))
        return job

    def _poll_server(self, job: Job) -> tuple[Job, int | None]:
        """Return the job after one poll, and when the server advises to poll again, in milliseconds."""
        advised_ms = None
        try:
            response = self.video_server.read_video(required(job.server, "server").id)
            advised_ms = response.poll_after_ms
            job = self._apply_server_status(job, response)
        except ServerVideoNotFound as missing:
            if self._age(job) > NOT_FOUND_GRACE:
                job = self._write(job, Status.FAILED, error=missing.to_job_error())
        except VideoTooLargeError as too_large:
            job = self._write(job, Status.FAILED, error=too_large.to_job_error())
        except (VideoServerUnavailableError, VideoCorruptError) as trouble:
            # Polls and downloads cost nothing, so they are repeated.
            logger.warning("poll failed", extra={"job_id": job.id, "code": trouble.code})
            if job.error is None or job.error.code != trouble.code:
                job = self._write(job, job.status, error=trouble.to_job_error())
        return job, advised_ms

    def _apply_server_status(self, job: Job, response: ServerResponse) -> Job:
        """Move the job to what the server says of its video, and store a completed one."""
        video = response.video
        if response.state is VideoState.COMPLETED:
            stored = self._store(job.id, video)
            return self._write(job, Status.COMPLETED, server=video, video=stored, error=None)
        if response.state is VideoState.FAILED:
            return self._write(job, Status.FAILED, server=video, error=_server_error(response))
        waiting = response.state is VideoState.WAITING and job.status is Status.QUEUED
        if not job.error and (waiting or video == job.server):
            return job
        return self._write(job, job.status if waiting else Status.IN_PROGRESS, server=video, error=None)

    def _store(self, job_id: str, video: ServerVideo) -> StoredVideo:
        # The file gets its name in the bucket only after it was checked, so nobody ever finds half a video there.
        with tempfile.TemporaryFile() as file:
            self.video_server.download_video(video.id, file, max_bytes=self.max_video_bytes)
            return self.outputs.put_video(job_id, file, length=check_mp4(file))

    def _schedule_next_poll(self, job: Job, polls: int, seconds: int) -> Job:
        """Count the poll and send the message for the next one. Of several equal messages only one gets to do so."""
        next_at = self.jobs.now() + timedelta(seconds=seconds)
        polling = replace(job.polling, polls=polls + 1, next_at=timestamp(next_at))
        conditions = JobConditions(polls=polls)
        try:
            due_at = next_at + DUE_AFTER[job.status]
            job = self.jobs.update_job(job, due_at=due_at, conditions=conditions, polling=polling)
        except TransitionRefused:
            return self.jobs.get_job(job.id) or job
        self.track_queue.send_poll(job.id, polls=polls + 1, delay_seconds=seconds)
        return job

    def _write(self, job: Job, status: Status, **changes: Unpack[JobChanges]) -> Job:
        if job.status is status:
            return self.jobs.write_or_reload(job, lambda: self.jobs.update_job(job, **changes))
        return self.jobs.write_or_reload(job, lambda: self.jobs.move_job(job.id, status, **changes))

    def _age(self, job: Job) -> timedelta:
        # A video that was adopted later gets its time from then on.
        since = job.polling.since or required(job.submission, "submission").started_at
        return self.jobs.now() - datetime.fromisoformat(since)

    def _timed_out(self, job: Job) -> JobError:
        return JobError(
            "timed_out",
            f"The video was not done after {self.deadline // timedelta(minutes=1)} minutes.",
            "It may still finish at the server: look there before you upload the picture again. The parameter "
            "TrackDeadlineMinutes sets how long a job is polled.",
            {"last_trouble": job.error.to_record()} if job.error else {},
        )


def _server_error(response: ServerResponse) -> JobError:
    status = response.video.status
    return JobError(
        response.error_code or status,
        response.error_message or f"The server ended the video as {status} and gave no reason.",
        "Nothing more is sent for this job. Upload the picture again, with another prompt if that was the reason.",
    )
