"""`submit` as a state machine, another function or an operator invokes it directly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sora_ready.domain.errors import JobLeasedError, JobNotFound, JobNotReadyError, TransitionRefused
from sora_ready.domain.job import FINAL, Job, JobConditions, Status
from sora_ready.domain.job_id import make_job_id
from sora_ready.domain.outcome import terminal_error
from sora_ready.pipeline.direct_invocation import DirectInvocation
from sora_ready.pipeline.submit import Submit

MAX_TASK_TOKENS = 20
"""How many task tokens a record keeps: each may have 1,024 characters, and is in every event of the stream."""

# Each write that fails lost a race against another worker: there are never many.
WRITE_ATTEMPTS = 5


@dataclass(frozen=True)
class SubmitOnDemand:
    """Submits a job for whoever invokes the function, and remembers executions that wait for its end."""

    submit: Submit

    def __call__(self, invocation: DirectInvocation) -> Job:
        """Submit a job now, with the same guarantees as from the queue, and return it.

        The job is named by its id, or by its object (the newest job of that). A job that was sent before is returned as
        it is. So is a `held` one: it continues by itself, and an execution with a `task_token` is answered at its end.

        Raises the error that the job ended with (`ImageRejected`, …, `SubmissionRefused`, `VideoFailed`,
        `JobCanceled`); `SubmissionNotAcceptedError`, `JobNotReadyError` and, without a `task_token`, `JobLeasedError`,
        which a later retry may avoid; `JobNotFound`.
        """
        job = self._find_job(invocation)
        if job.status is Status.RECEIVED:
            raise JobNotReadyError(job.id)
        if invocation.task_token:
            job = self._add_task_token(job, invocation.task_token)
        if job.awaits_submit_invocation:
            job = self._release(job)
        try:
            job = self.submit(job.id)
        except JobLeasedError:
            # The other worker's outcome answers the token.
            if not invocation.task_token:
                raise
        if job.status is Status.DELETED:
            raise JobNotFound(job.id)
        if error := terminal_error(job):
            raise error
        return job

    def _find_job(self, invocation: DirectInvocation) -> Job:
        jobs, source = self.submit.jobs, invocation.source
        if invocation.job_id or invocation.version_id:
            name = invocation.job_id or make_job_id(source)
            job = jobs.get_job(name)
        else:
            name = source.reference
            newest = next(jobs.find_by_source(source), None)
            # The index may be a moment behind the record.
            job = jobs.get_job(newest.id) if newest else None
        if job is None or job.status is Status.DELETED:
            raise JobNotFound(name)
        return job

    def _release(self, job: Job) -> Job:
        """Let the job continue as any other from here on."""
        jobs, released = self.submit.jobs, replace(job.invocation, submit=True)
        conditions = JobConditions(invocation=job.invocation)
        return jobs.write_or_reload(job, lambda: jobs.update_job(job, conditions=conditions, invocation=released))

    def _add_task_token(self, job: Job, token: str) -> Job:
        """Record the token: the function `publish` answers it at the job's end, or now.

        If a running job has its fill of tokens, the oldest is dropped, and `publish` fails it as
        `TaskTokenEvictedError`. Most likely nobody waits with it: an execution that starts anew has another token.
        """
        jobs = self.submit.jobs
        for _ in range(WRITE_ATTEMPTS):
            if job.status is Status.DELETED:
                raise JobNotFound(job.id)
            tokens = job.invocation.task_tokens
            if token in tokens:
                return job
            # The tokens of a job that has ended are answered by the change that ended it, or that added the token.
            kept = () if job.status in FINAL else tokens[1 - MAX_TASK_TOKENS :]
            try:
                return jobs.record_invocation(job, replace(job.invocation, task_tokens=(*kept, token)))
            except TransitionRefused as error:
                refusal, job = error, jobs.get_job(job.id) or job
        raise refusal
