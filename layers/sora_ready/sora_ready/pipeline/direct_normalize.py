"""`normalize` as it is called directly: by a state machine, by another function, by a person."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from sora_ready.adapters.buckets import UploadBucket, forbids_reading
from sora_ready.adapters.direct_calls import DirectCall
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.agreement import find_conflicts
from sora_ready.domain.endings import find_ending_error
from sora_ready.domain.errors import (
    JobNotFound,
    Rejected,
    RequestConflict,
    RequestRejected,
    SourceRejected,
    TransitionRefused,
)
from sora_ready.domain.job import Job, SourceObject, Status, make_job_id, timestamp
from sora_ready.domain.request import Wish, gather_wishes
from sora_ready.pipeline.identify import find_job
from sora_ready.pipeline.normalize import normalize_upload


def normalize_directly(call: DirectCall, *, jobs: JobTable, uploads: UploadBucket, **step: Any) -> Job:
    """Make what lies under a key a `ready` job, as the call asks, and return it; or the job that it is already.

    `step` is what `normalize_upload` takes. The upload's tags and metadata go before what the call asks. With `submit`
    False nothing submits the job but a call of `submit`. An upload is one job, however it is announced: another call
    for it, or its own event, makes no second one.

    Raises `ImageRejected`, `RequestRejected` and `SourceRejected`, which are on record as well; `RequestConflict` where
    the upload is a job that was made with other wishes, which is then left as it is; `JobNotFound`.
    """
    wishes: dict[str, Wish] = {}
    if call.job_id:
        source = _find_job(call.job_id, jobs).source
    else:
        source = _find_source(call, jobs, uploads)
        wishes = _gather(call, source, jobs)
        _receive(call, source, wishes, jobs)
    job = normalize_upload(source, jobs=jobs, uploads=uploads, **step)
    # Asked afterwards, as the upload's own event may have been quicker at any time until then.
    if not call.job_id and (conflicts := _find_conflicts(call, wishes, job)):
        raise RequestConflict(job.id, conflicts)
    error = find_ending_error(job)
    if isinstance(error, Rejected):
        raise error
    return job


def _find_job(job_id: str, jobs: JobTable) -> Job:
    job = jobs.get_job(job_id)
    if job is None or job.status is Status.DELETED:
        raise JobNotFound(job_id)
    return job


def _find_source(call: DirectCall, jobs: JobTable, uploads: UploadBucket) -> SourceObject:
    named = SourceObject(call.bucket, call.key, version_id=call.version_id)
    try:
        found = uploads.find_upload(call.bucket, call.key, call.version_id)
    except SourceRejected as rejection:
        if call.version_id and jobs.get_job(make_job_id(named)):
            # What became a job may be deleted since.
            return named
        _record_rejection(named, rejection, jobs)
        raise
    except ClientError as error:
        if not forbids_reading(error):
            raise
        # Nothing is known of the object, so there is no upload to put on record.
        raise SourceRejected(
            "source_forbidden", "This stack may not read the object.", bucket=call.bucket, key=call.key
        ) from error
    job = find_job(found, jobs)
    return job.source if job else found


def _gather(call: DirectCall, source: SourceObject, jobs: JobTable) -> dict[str, Wish]:
    try:
        return gather_wishes([("body", call.wishes)])
    except RequestRejected as rejection:
        _record_rejection(source, rejection, jobs)
        raise


def _receive(call: DirectCall, source: SourceObject, wishes: Mapping[str, Wish], jobs: JobTable) -> None:
    """Put an upload on record with what the call asks for, where it is not on record already."""
    job_id, now = make_job_id(source), timestamp(jobs.now())
    if jobs.get_job(job_id):
        return
    job = Job(
        job_id,
        Status.RECEIVED,
        source,
        created_at=now,
        updated_at=now,
        caller={"door": "direct"} | ({} if call.submit else {"submit": False}),
        request={field: wish.value for field, wish in wishes.items()},
        origins=dict.fromkeys(wishes, "body"),
    )
    # Its own event, or another call, may have been quicker.
    with suppress(TransitionRefused):
        jobs.put_job(job)


def _find_conflicts(call: DirectCall, wishes: Mapping[str, Wish], job: Job) -> list[str]:
    submits = job.caller.get("submit") is not False
    return find_conflicts(job, wishes) + ([] if call.submit is submits else ["submit"])


def _record_rejection(source: SourceObject, rejection: Rejected, jobs: JobTable) -> None:
    job_id, now = make_job_id(source), timestamp(jobs.now())
    if jobs.get_job(job_id) is None:
        job = Job(job_id, Status.REJECTED, source, now, now, caller={"door": "direct"}, error=rejection.as_record())
        with suppress(TransitionRefused):
            jobs.put_job(job)
    rejection.facts["job_id"] = job_id
