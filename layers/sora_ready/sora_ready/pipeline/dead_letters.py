"""A message that failed to its last try: its job says so, and waits for a person."""

from __future__ import annotations

from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.adapters.buckets import UploadBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import SoraReadyError, TransitionRefused
from sora_ready.domain.job import AT_THE_SERVER, Job, SourceObject, Status, make_job_id, timestamp
from sora_ready.domain.reconciliation import REMIND_AFTER
from sora_ready.pipeline.identify import find_recorded_upload, identify_upload

MOVES = {
    "Normalize": frozenset({Status.RECEIVED}),
    "Submit": frozenset({Status.READY}),
    "Track": AT_THE_SERVER | {Status.UNCONFIRMED},
}
"""The statuses in which a job waits for a message of each queue. In any other, something else moves it on."""


def mark_dead_upload(
    source: SourceObject, queue: str, error: Exception, jobs: JobTable, uploads: UploadBucket
) -> Job | None:
    """Write into an upload's record, made now if it has none, that its announcement waits in a dead-letter queue."""
    try:
        source, job = identify_upload(source, jobs=jobs, uploads=uploads)
    except (BotoCoreError, ClientError):
        # That the upload cannot be looked at may be just what failed.
        source, job = find_recorded_upload(source, jobs)
    job_id, now = make_job_id(source), timestamp(jobs.now())
    with suppress(TransitionRefused):
        if job is None:
            jobs.put_job(Job(job_id, Status.RECEIVED, source, created_at=now, updated_at=now))
    return mark_dead_letter(job_id, queue, error, jobs)


def mark_dead_letter(job_id: str | None, queue: str, error: Exception, jobs: JobTable) -> Job | None:
    """Write into a job's record that its message now waits in the dead-letter queue of `queue`; return the job.

    Nothing wakes the job any more: what failed so often would fail again. A redrive takes it up where it stands. Only a
    job that is `unconfirmed` is still resumed, once a day, as others in doubt look for it among the jobs that go on.
    Returns None where there is no job, or it does not wait for that queue.
    """
    job = jobs.get_job(job_id) if job_id else None
    if job is None or job.status not in MOVES[queue]:
        return None
    last = error.as_record() if isinstance(error, SoraReadyError) else {"code": type(error).__name__}
    told = {
        "code": "dead_letter",
        "message": f"The message that moves this job on failed to its last try and waits in {queue}DeadLetters.",
        "hint": "See to the cause, then redrive that queue: the job goes on from where it stands.",
        "last": last,
    }
    try:
        if job.status is Status.UNCONFIRMED:
            return jobs.update_job(job, due_at=jobs.now() + REMIND_AFTER, error=told)
        return jobs.park_job(job, error=told)
    except TransitionRefused:
        return None
