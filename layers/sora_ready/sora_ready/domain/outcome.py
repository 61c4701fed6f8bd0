"""What a job's end is to whoever waits for it: the job, or an error by name."""

from __future__ import annotations

from typing import Any

from sora_ready.domain.errors import (
    ImageRejected,
    JobCanceled,
    RequestRejected,
    SoraReadyError,
    SourceRejected,
    SubmissionRefused,
    VideoFailed,
)
from sora_ready.domain.job import Job, Status

# Of a completed job, what nobody needs who waited for its video; a history and a prompt may be long.
_OWN = frozenset({"history", "doubt", "attempt", "follow", "due_at"})
_CANCELED = {"code": "canceled", "message": "The job was canceled before it was sent."}


def terminal_error(job: Job) -> SoraReadyError | None:
    """Return the error that a job ended with, None where it is completed or goes on.

    It is of the class that was raised when the job ended, and has the `job_id` among its facts.
    """
    if job.status is Status.CANCELED:
        return JobCanceled.from_record(job.error or _CANCELED, job_id=job.id)
    if job.status not in {Status.REJECTED, Status.FAILED}:
        return None
    return _class_of(job).from_record(job.error, job_id=job.id)


def task_output(job: Job) -> dict[str, Any]:
    """Return a completed job for whoever waited for it: within 256 KB, so without its prompt and its history."""
    told = job.as_told()
    told["request"] = {name: value for name, value in job.request.items() if name != "prompt"}
    return {name: value for name, value in told.items() if name not in _OWN}


def _class_of(job: Job) -> type[SoraReadyError]:
    code = str(job.error["code"])
    if job.status is Status.FAILED:
        # What a person gave up may have been taken by the server.
        return VideoFailed if job.server or code == "given_up" else SubmissionRefused
    if code.startswith("invalid_"):
        return RequestRejected
    return SourceRejected if code.startswith("source_") else ImageRejected
