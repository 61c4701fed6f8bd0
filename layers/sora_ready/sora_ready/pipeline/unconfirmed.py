"""A submission without a recorded response makes its job `unconfirmed`."""

from __future__ import annotations

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import SoraReadyError, SubmissionUnconfirmed
from sora_ready.domain.job import Job, JobChanges, JobConditions, Reconciliation, Status, required, timestamp


def mark_unconfirmed(job: Job, error: SoraReadyError, jobs: JobTable) -> Job:
    """Move a job whose submission may or may not have started a video to `unconfirmed`."""
    conditions = JobConditions(attempt_id=required(job.submission, "submission").attempt_id)
    changes = JobChanges(error=error.to_job_error(), reconciliation=Reconciliation(since=timestamp(jobs.now())))
    return jobs.write_or_reload(
        job, lambda: jobs.move_job(job.id, Status.UNCONFIRMED, conditions=conditions, **changes)
    )


def expire_lease(job: Job, jobs: JobTable) -> Job:
    """Move a job whose lease expired without a response to `unconfirmed`."""
    return mark_unconfirmed(job, SubmissionUnconfirmed("The worker that was sending the job died"), jobs)
