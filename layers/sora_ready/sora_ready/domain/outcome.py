"""How a job ended, for whoever waits for it: the job, or an error by name."""

from __future__ import annotations

from sora_ready.domain.codec import JsonObject, encode_object
from sora_ready.domain.errors import (
    ImageRejected,
    JobCanceled,
    JobError,
    RequestRejected,
    SoraReadyError,
    SourceRejected,
    SubmissionRefused,
    VideoFailed,
)
from sora_ready.domain.job import Job, Status, required

# Left out of a task's output: they may be long, and nobody who waited for the video needs them.
_INTERNAL = frozenset({"history", "reconciliation", "decoding", "submission", "polling", "due_at"})
_CANCELED = JobError("canceled", "The job was canceled before it was sent.")


def terminal_error(job: Job) -> SoraReadyError | None:
    """Return the error that a job ended with, None if it is completed or continues.

    It has the class that was raised when the job ended, and the `job_id` among its facts.
    """
    if job.status is Status.CANCELED:
        return JobCanceled.from_job_error(job.error or _CANCELED, job_id=job.id)
    if job.status not in {Status.REJECTED, Status.FAILED}:
        return None
    error = required(job.error, "error")
    return _error_class(job, error.code).from_job_error(error, job_id=job.id)


def task_output(job: Job) -> JsonObject:
    """Return a completed job as a Step Functions task's output: under 256 KB, so without prompt and history."""
    output = {name: value for name, value in job.to_public_dict().items() if name not in _INTERNAL}
    request = encode_object(required(job.request, "request"))
    return output | {"request": {name: value for name, value in request.items() if name != "prompt"}}


def _error_class(job: Job, code: str) -> type[SoraReadyError]:
    if job.status is Status.FAILED:
        # The server may have accepted what an operator gave up.
        return VideoFailed if job.server or code == "given_up" else SubmissionRefused
    if code.startswith("invalid_"):
        return RequestRejected
    return SourceRejected if code.startswith("source_") else ImageRejected
