"""`normalize` as it is called directly: by a state machine, by another function, by a person."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from sora_ready.adapters.buckets import UploadBucket, forbids_reading
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.catalog import Catalog
from sora_ready.domain.errors import (
    JobNotFound,
    Rejected,
    RequestConflict,
    RequestRejected,
    SourceRejected,
    TransitionRefused,
)
from sora_ready.domain.job import Job, SourceObject, Status, make_job_id, timestamp
from sora_ready.domain.outcome import terminal_error
from sora_ready.domain.request import Option, merge_options
from sora_ready.domain.request_rules import find_conflicts, validate_options
from sora_ready.entrypoints.invocations import DirectInvocation
from sora_ready.pipeline.create_job import create_job
from sora_ready.pipeline.identify import find_job
from sora_ready.pipeline.normalize import normalize_upload

_FORBIDDEN = (
    "This stack may not read the object. Copy it into the upload bucket, or let its owner allow the role of the "
    "function normalize s3:GetObject, s3:GetObjectVersion, s3:GetObjectTagging and s3:GetObjectVersionTagging on it. "
    "If a key of KMS encrypts it, name that in the parameter UploadKeyArn, and let the key's policy allow the role "
    "kms:Decrypt. Then call again."
)


def normalize_on_demand(call: DirectInvocation, **parts: Any) -> Job:
    """Make what lies under a key a `ready` job, as the call asks, and return it; or the job that it is already.

    `parts` are what `normalize_upload` takes. The upload's tags and metadata go before what the call asks. With
    `submit` False nothing submits the job but a call of `submit`. An upload is one job, however it is announced:
    another call for it, or its own event, makes no second one.

    Raises `ImageRejected`, `RequestRejected` and `SourceRejected`, which are on record as well; `RequestConflict` where
    the upload is a job that was made with other options, which is then left as it is; `JobNotFound`. What the stack may
    not read (`source_forbidden`) is not put on record: once it may, the same call goes well.
    """
    try:
        return _normalize(call, **parts)
    except ClientError as error:
        if not forbids_reading(error):
            raise
        place = {"job_id": call.job_id} if call.job_id else {"bucket": call.bucket, "key": call.key}
        raise SourceRejected("source_forbidden", _FORBIDDEN, **place) from error


def _normalize(
    call: DirectInvocation,
    *,
    jobs: JobTable,
    uploads: UploadBucket,
    catalog: Catalog,
    defaults: Mapping[str, str],
    **step: Any,
) -> Job:
    options: dict[str, Option] = {}
    if call.job_id:
        source = _find_job(call.job_id, jobs).source
    else:
        source = _find_source(call, jobs, uploads)
        options = _gather(call, source, jobs, defaults, catalog)
        if jobs.get_job(make_job_id(source)) is None:
            _try_to_read(source, uploads)
            request = {field: option.value for field, option in options.items()}
            create_job(source, request, {"door": "direct"} | ({} if call.submit else {"submit": False}), jobs)
    job = normalize_upload(source, jobs=jobs, uploads=uploads, catalog=catalog, defaults=defaults, **step)
    if job.status is Status.DELETED:
        raise JobNotFound(job.id)
    # Asked afterwards, as the upload's own event may have been quicker at any time until then.
    if not call.job_id and (conflicts := _find_conflicts(call, options, job)):
        raise RequestConflict(job.id, conflicts)
    error = terminal_error(job)
    if isinstance(error, Rejected):
        raise error
    return job


def _find_job(job_id: str, jobs: JobTable) -> Job:
    job = jobs.get_job(job_id)
    if job is None or job.status is Status.DELETED:
        raise JobNotFound(job_id)
    return job


def _find_source(call: DirectInvocation, jobs: JobTable, uploads: UploadBucket) -> SourceObject:
    named = SourceObject(call.bucket, call.key, version_id=call.version_id)
    try:
        found = uploads.find_upload(call.bucket, call.key, call.version_id)
    except SourceRejected as rejection:
        if call.version_id and jobs.get_job(make_job_id(named)):
            # What became a job may be deleted since.
            return named
        _record_rejection(named, rejection, jobs)
        raise
    job = find_job(found, jobs)
    return job.source if job else found


def _gather(
    call: DirectInvocation, source: SourceObject, jobs: JobTable, defaults: Mapping[str, str], catalog: Catalog
) -> dict[str, Option]:
    try:
        options = merge_options([("body", call.options)])
        # Before they are written down, as a record does not hold whatever a call may say.
        validate_options(options, defaults, catalog)
    except RequestRejected as rejection:
        _record_rejection(source, rejection, jobs)
        raise
    return options


def _try_to_read(source: SourceObject, uploads: UploadBucket) -> None:
    """Open the upload, read its tags, and drop both. Raises S3's refusal: a HEAD may go well where neither does."""
    # Whatever else there is to say of it, `normalize_upload` says and puts on record.
    with suppress(SourceRejected):
        upload = uploads.open_upload(source)
        upload.body.close()
        if upload.tag_count:
            uploads.read_tags(source)


def _find_conflicts(call: DirectInvocation, options: Mapping[str, Option], job: Job) -> list[str]:
    submits = job.caller.get("submit") is not False
    return find_conflicts(job, options) + ([] if call.submit is submits else ["submit"])


def _record_rejection(source: SourceObject, rejection: Rejected, jobs: JobTable) -> None:
    job_id, now = make_job_id(source), timestamp(jobs.now())
    if jobs.get_job(job_id) is None:
        job = Job(job_id, Status.REJECTED, source, now, now, caller={"door": "direct"}, error=rejection.as_record())
        with suppress(TransitionRefused):
            jobs.put_job(job)
    rejection.facts["job_id"] = job_id
