"""Which job an upload is, through whichever channel it came: its event, a direct invocation, a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.errors import SourceRejected
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.domain.job_id import has_stable_id, is_api_object_key, make_job_id


def identify_upload(source: SourceObject, *, jobs: JobTable, uploads: UploadBucket) -> tuple[SourceObject, Job | None]:
    """Return an upload as its job's id is computed from it, and that job, None if it has none yet.

    An upload without a version needs a HEAD: its event lacks the time of modification, which is part of the id. If the
    object is gone or replaced, the event's sequencer takes that place. Raises what `UploadBucket.find_upload` raises
    when S3 cannot be asked.
    """
    known = jobs.get_job(make_job_id(source))
    if is_api_object_key(source.key):
        # Any picture under the job's own key is the job's, whichever is there now.
        return source if source.version_id else replace(source, etag=""), known
    if has_stable_id(source) or (known and known.status is not Status.RECEIVED):
        return source, known
    head = None
    with suppress(SourceRejected):
        head = uploads.find_upload(source.bucket, source.key)
    if head and head.modified and head.etag == source.etag:
        modified = replace(source, modified=head.modified)
        # A job under the sequencer's id was recorded while S3 could not be asked.
        job = jobs.get_job(make_job_id(modified)) or known or _find_unmodified(modified, jobs)
        return (modified, job) if job is None or job.source.modified else (job.source, job)
    return (source, known) if known else find_recorded_upload(source, jobs)


def find_recorded_upload(source: SourceObject, jobs: JobTable) -> tuple[SourceObject, Job | None]:
    """Return the same as `identify_upload` from the records alone, for an object that cannot be read any more."""
    job = jobs.get_job(make_job_id(source))
    if job or has_stable_id(source):
        return source, job
    for job in _find_same_etag(source, jobs):
        # A direct invocation that came before the event had no sequencer.
        if job.source.sequencer in {None, source.sequencer}:
            return job.source, job
    return source, None


def find_job(found: SourceObject, jobs: JobTable) -> Job | None:
    """Return the job of an object that `UploadBucket.find_upload` returned, None if it has none."""
    job = jobs.get_job(make_job_id(found))
    return job if job or not found.modified else _find_unmodified(found, jobs)


def _find_unmodified(found: SourceObject, jobs: JobTable) -> Job | None:
    """Return the upload's job if its id lacks the time of modification: one created since that time."""
    modified = datetime.fromisoformat(found.modified or "")
    for job in _find_same_etag(found, jobs):
        if not job.source.modified and datetime.fromisoformat(job.created_at) >= modified:
            return job
    return None


def _find_same_etag(source: SourceObject, jobs: JobTable) -> Iterator[Job]:
    return (job for job in jobs.find_by_source(source) if job.source.etag == source.etag)
