"""A job is canceled while nothing was sent, and deleted, files included, once it has ended."""

from __future__ import annotations

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.inbox import Inbox
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import JobConflict, ResourceNotFound, TransitionRefused
from sora_ready.domain.job import FINAL, NOT_SENT, Job, Status

# Other workers may move the job between a look and a write; it has fewer steps to go than this.
TRIES = 5


def cancel_or_delete_job(job_id: str, *, repeated: bool, jobs: JobTable, outputs: OutputBucket, inbox: Inbox) -> Job:
    """Cancel a job that was not sent, delete one that has ended, and return it as it then is.

    A `repeated` call, whose answer was lost, deletes nothing that it may have canceled itself.

    Raises `ResourceNotFound`, and `JobConflict` (`video_in_progress`) where it is at the server, or may be: it is paid
    for.
    """
    for _ in range(TRIES):
        job = jobs.get_job(job_id)
        if job is None or job.status is Status.DELETED:
            raise ResourceNotFound("video_not_found", f"There is no video {job_id}.", param="video_id")
        try:
            if job.status in NOT_SENT:
                return jobs.move_job(job.id, Status.CANCELED, error={})
            if repeated and job.status is Status.CANCELED:
                return job
            if job.status in FINAL:
                # The record goes last: should this end in between, the same call finds what is left.
                outputs.delete_files(job.id, job.video)
                inbox.delete_picture(job.id, job.source)
                return jobs.tombstone_job(job)
        except TransitionRefused:
            continue
        break
    raise JobConflict(
        "video_in_progress",
        f"The video {job_id} was sent to the server, or may have been, and is paid for. It can be deleted once it has "
        "ended.",
        param="video_id",
    )
