"""A job is recorded, with its options, before its picture is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import JobConflict, TransitionRefused
from sora_ready.domain.job import Channel, Invocation, Job, SourceObject, Status, timestamp
from sora_ready.domain.job_id import make_job_id


@dataclass(frozen=True)
class NewJob:
    """What an API request asks for. `body_sha256` identifies the request under its idempotency key."""

    job_id: str
    options: Mapping[str, str]
    body_sha256: str
    file_name: str = ""


def create_job(
    source: SourceObject, options: Mapping[str, str], invocation: Invocation, jobs: JobTable
) -> tuple[Job, bool]:
    """Record an upload's job as `received`, with its options as text.

    Returns the job, and whether it is new: its event, or another request, may have been faster.
    """
    now = timestamp(jobs.now())
    job = Job(
        make_job_id(source),
        Status.RECEIVED,
        source,
        created_at=now,
        updated_at=now,
        invocation=invocation,
        options=options,
        option_sources=dict.fromkeys(options, "body"),
    )
    try:
        return jobs.put_job(job), True
    except TransitionRefused:
        known = jobs.get_job(job.id)
        if known is None:
            raise
        return known, False


def create_api_job(new_job: NewJob, source: SourceObject, jobs: JobTable) -> Job:
    """Record a job whose picture will be put at `source`; return it, or the one that the same request created before.

    Raises `JobConflict` where another request created it (`idempotency_key_reused`), or it was deleted
    (`video_deleted`).
    """
    invocation = Invocation(Channel.API, body_sha256=new_job.body_sha256, file_name=new_job.file_name)
    job, created = create_job(source, new_job.options, invocation, jobs)
    if created:
        return job
    if job.status is Status.DELETED:
        raise JobConflict(
            "video_deleted",
            "The job of this idempotency key was deleted and is not created again. Use a new key for a new video.",
        )
    if job.invocation.body_sha256 != new_job.body_sha256:
        raise JobConflict(
            "idempotency_key_reused",
            "This idempotency key came with another request before. Use a new key for a new video.",
        )
    return job
