"""A message that failed its last attempt: its job's record says so, and waits for an operator."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.errors import JobError, SoraReadyError, TransitionRefused
from sora_ready.domain.job import AT_SERVER, REMIND_AFTER, Job, SourceObject, Status, timestamp
from sora_ready.domain.job_id import make_job_id
from sora_ready.pipeline.identify import find_recorded_upload, identify_upload


class Queue(StrEnum):
    """The queues whose messages move a job; each has its dead-letter queue."""

    NORMALIZE = "Normalize"
    SUBMIT = "Submit"
    TRACK = "Track"


STATUSES_BY_QUEUE = {
    Queue.NORMALIZE: frozenset({Status.RECEIVED}),
    Queue.SUBMIT: frozenset({Status.READY}),
    Queue.TRACK: AT_SERVER | {Status.UNCONFIRMED},
}
"""The statuses in which a job waits for a message of each queue. In any other, something else moves it."""


def mark_dead_upload(source: SourceObject, error: Exception, jobs: JobTable, uploads: UploadBucket) -> Job | None:
    """Write into an upload's record, created now if it has none, that its event is in a dead-letter queue."""
    try:
        source, job = identify_upload(source, jobs=jobs, uploads=uploads)
    except Exception:  # noqa: BLE001 - S3 may be what failed, so use the records alone
        source, job = find_recorded_upload(source, jobs)
    job_id, now = make_job_id(source), timestamp(jobs.now())
    with suppress(TransitionRefused):
        if job is None:
            jobs.put_job(Job(job_id, Status.RECEIVED, source, created_at=now, updated_at=now))
    return mark_dead_letter(job_id, Queue.NORMALIZE, error, jobs)


def mark_dead_letter(job_id: str | None, queue: Queue, error: Exception, jobs: JobTable) -> Job | None:
    """Write into a job's record that its message is in the dead-letter queue of `queue`; return the job.

    The sweep doesn't resume the job any more: what failed so often would fail again. A redrive continues it from its
    status. Only an `unconfirmed` job stays due, once a day, as other unconfirmed jobs are matched against it. Returns
    None if there is no job, or it does not wait for that queue.
    """
    job = jobs.get_job(job_id) if job_id else None
    if job is None or job.status not in STATUSES_BY_QUEUE[queue]:
        return None
    last = error.to_job_error().to_record() if isinstance(error, SoraReadyError) else {"code": type(error).__name__}
    dead_letter = JobError(
        "dead_letter",
        f"The message that moves this job failed its last attempt and is in {queue}DeadLetters.",
        "Fix the cause, then redrive that queue: the job continues from its status.",
        {"last": last},
    )
    try:
        if job.status is Status.UNCONFIRMED:
            return jobs.update_job(job, due_at=jobs.now() + REMIND_AFTER, error=dead_letter)
        return jobs.park_job(job, error=dead_letter)
    except TransitionRefused:
        return None
