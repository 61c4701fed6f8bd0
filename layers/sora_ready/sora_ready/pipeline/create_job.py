"""A job is put on record, with all that was asked for, before its picture is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import JobConflict, TransitionRefused
from sora_ready.domain.job import Job, SourceObject, Status, make_job_id, timestamp


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a caller asks for. `body_sha256` tells two calls under one Idempotency-Key apart; `file_name` is shown."""

    job_id: str
    request: Mapping[str, str]
    body_sha256: str
    file_name: str = ""


def create_job(
    source: SourceObject, request: Mapping[str, str], caller: Mapping[str, Any], jobs: JobTable
) -> tuple[Job, bool]:
    """Record what an upload is to become as `received`: what was asked for (raw), and by whom.

    Returns the job, and whether it is new: its event, or another call, may have been quicker.
    """
    now = timestamp(jobs.now())
    job = Job(
        make_job_id(source),
        Status.RECEIVED,
        source,
        created_at=now,
        updated_at=now,
        caller=caller,
        request=request,
        option_sources=dict.fromkeys(request, "body"),
    )
    try:
        return jobs.put_job(job), True
    except TransitionRefused:
        known = jobs.get_job(job.id)
        if known is None:
            raise
        return known, False


def create_api_job(new_job: NewJob, place: SourceObject, jobs: JobTable) -> Job:
    """Record a job as `received`, its picture to come to `place`; return it, or the one that the same call made before.

    Raises `JobConflict` where another call made it (`idempotency_key_reused`), or it was deleted (`video_deleted`).
    """
    caller = {"door": "api", "body_sha256": new_job.body_sha256}
    caller |= {"file_name": new_job.file_name} if new_job.file_name else {}
    known, new = create_job(place, new_job.request, caller, jobs)
    if new:
        return known
    if known.status is Status.DELETED:
        raise JobConflict(
            "video_deleted",
            "The job of this Idempotency-Key was deleted, and is not made again. Use a new key for a new video.",
            param="Idempotency-Key",
        )
    if known.caller.get("body_sha256") != new_job.body_sha256:
        raise JobConflict(
            "idempotency_key_reused",
            "This Idempotency-Key came with another request before. Use a new key for a new video.",
            param="Idempotency-Key",
        )
    return known
