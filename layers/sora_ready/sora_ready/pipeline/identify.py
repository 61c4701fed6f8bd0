"""Which job an upload is, whichever door it comes by: its event, a direct call, a batch job's manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sora_ready.adapters.buckets import UploadBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import SourceRejected
from sora_ready.domain.job import Job, SourceObject, Status, has_stable_id, is_api_object_key, make_job_id


def identify_upload(source: SourceObject, *, jobs: JobTable, uploads: UploadBucket) -> tuple[SourceObject, Job | None]:
    """Return an announced upload as its job is named after it, and that job, None if it has none yet.

    An upload without a version is looked at, as its event does not tell when it was made, and that names its job. One
    that has gone, or was replaced, keeps the sequencer's name. Raises what S3 raises where it cannot be asked.
    """
    known = jobs.get_job(make_job_id(source))
    if is_api_object_key(source.key):
        # Whichever picture lies there now: of several that came under the job's own key, any is the job's.
        return source if source.version_id else replace(source, etag=""), known
    if has_stable_id(source) or (known and known.status is not Status.RECEIVED):
        return source, known
    found = _look_at(source, uploads)
    if found:
        looked = replace(source, modified=found.modified)
        # A job under the sequencer's name is from before, or its last message failed while nobody could look.
        job = jobs.get_job(make_job_id(looked)) or known or _find_unnamed(looked, jobs)
        return (looked, job) if job is None or job.source.modified else (job.source, job)
    return (source, known) if known else find_recorded_upload(source, jobs)


def find_recorded_upload(source: SourceObject, jobs: JobTable) -> tuple[SourceObject, Job | None]:
    """Do as `identify_upload` does, by what is on record alone: for an upload that cannot be looked at any more."""
    job = jobs.get_job(make_job_id(source))
    if job or has_stable_id(source):
        return source, job
    for job in _find_alike(source, jobs):
        # A call that was quicker than the event did not know the sequencer.
        if job.source.sequencer in {None, source.sequencer}:
            return job.source, job
    return source, None


def find_job(found: SourceObject, jobs: JobTable) -> Job | None:
    """Return the job of an upload that `find_upload` has found, if it has one."""
    job = jobs.get_job(make_job_id(found))
    return job if job or not found.modified else _find_unnamed(found, jobs)


def _look_at(source: SourceObject, uploads: UploadBucket) -> SourceObject | None:
    try:
        found = uploads.find_upload(source.bucket, source.key)
    except SourceRejected:
        return None
    return found if found.modified and found.etag == source.etag else None


def _find_unnamed(found: SourceObject, jobs: JobTable) -> Job | None:
    """Return the job of an upload that is not named after when it was made: of those under its key, one made since."""
    made = datetime.fromisoformat(found.modified or "")
    for job in _find_alike(found, jobs):
        if not job.source.modified and datetime.fromisoformat(job.created_at) >= made:
            return job
    return None


def _find_alike(source: SourceObject, jobs: JobTable) -> Iterator[Job]:
    return (job for job in jobs.find_by_source(source) if job.source.etag == source.etag)
