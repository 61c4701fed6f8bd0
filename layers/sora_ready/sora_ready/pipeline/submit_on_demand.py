"""`submit` as it is called directly: by a state machine, by another function, by a person."""

from __future__ import annotations

from typing import Any

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import (
    JobLeasedError,
    JobNotFound,
    JobNotReadyError,
    TransitionRefused,
)
from sora_ready.domain.job import FINAL, Job, SourceObject, Status, make_job_id
from sora_ready.domain.outcome import terminal_error
from sora_ready.entrypoints.invocations import DirectInvocation
from sora_ready.pipeline.submit import submit_job

MAX_WAITERS = 20
"""As many task tokens as a record keeps: each may have 1,024 characters, and is in every event of the stream."""
# Each try that fails is another writer that got further meanwhile: there are never many.
TRIES = 5


def submit_on_demand(call: DirectInvocation, *, jobs: JobTable, **step: Any) -> Job:
    """Submit a job now, under the same guarantees as ever, and return it as it then is.

    `step` is what `submit_job` takes. The job is named by its id, or by its object (the newest job of that). One that
    was sent before is returned as it stands. So is one that is `held` because the day's budget is spent: it goes on by
    itself, and whoever waits with a `task_token` is answered once it has ended, be it the next day.

    Raises what the job ended with by name (`ImageRejected`, …, `SubmissionRefused`, `VideoFailed`, `JobCanceled`), and
    `SubmissionNotAcceptedError`, `JobNotReadyError` and, without a `task_token`, `JobLeasedError`, which another try later
    may spare; `JobNotFound`, also where the job is deleted meanwhile.
    """
    job = _find_job(call, jobs)
    if job.status is Status.RECEIVED:
        raise JobNotReadyError(job.id)
    if call.task_token:
        job = _add_waiter(job, call.task_token, jobs)
    if job.waits_for_call:
        job = _release(job, jobs)
    try:
        job = submit_job(job.id, None, redelivered=False, jobs=jobs, **step)
    except JobLeasedError:
        if not call.task_token:
            raise
        # Whatever becomes of it in the other worker's hands, the token is answered.
    if job.status is Status.DELETED:
        raise JobNotFound(job.id)
    if error := terminal_error(job):
        raise error
    return job


def _find_job(call: DirectInvocation, jobs: JobTable) -> Job:
    if call.job_id or call.version_id:
        job_id = call.job_id or make_job_id(SourceObject(call.bucket, call.key, version_id=call.version_id))
        job, which = jobs.get_job(job_id), job_id
    else:
        source = SourceObject(call.bucket, call.key)
        which = source.reference
        newest = next(jobs.find_by_source(source), None)
        # The index may be a moment behind the record.
        job = jobs.get_job(newest.id) if newest else None
    if job is None or job.status is Status.DELETED:
        raise JobNotFound(which)
    return job


def _release(job: Job, jobs: JobTable) -> Job:
    """Have a job go on as any other does: from here on it was asked for."""
    caller = {name: value for name, value in job.caller.items() if name != "submit"}
    try:
        return jobs.update_job(job, only={"caller": job.caller}, caller=caller)
    except TransitionRefused:
        # Another call for it was quicker.
        return jobs.get_job(job.id) or job


def _add_waiter(job: Job, token: str, jobs: JobTable) -> Job:
    """Keep the token with the job, whatever its status: `publish` answers it at the job's end, or now.

    Where a job that goes on has its fill of tokens, the oldest gives way. Most likely nobody is behind it any more, as
    an execution that begins anew has another; should somebody be, `publish` fails it as `TaskTokenEvictedError`.
    """
    for _ in range(TRIES):
        if job.status is Status.DELETED:
            raise JobNotFound(job.id)
        tokens = [*job.caller.get("task_tokens", ())]
        if token in tokens:
            return job
        # Whoever waited for a job that has ended is answered by the change that ended it, or that brought the token.
        kept = [] if job.status in FINAL else tokens[1 - MAX_WAITERS :]
        try:
            return jobs.record_invocation(job, {**job.caller, "task_tokens": [*kept, token]})
        except TransitionRefused as refused:
            refusal, job = refused, jobs.get_job(job.id) or job
    raise refusal
