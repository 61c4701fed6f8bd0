"""A job is canceled before it is sent, and deleted, files included, once it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.errors import JobConflict, TransitionRefused
from sora_ready.domain.job import CANCELABLE, FINAL, Job, Status
from sora_ready.domain.job_id import ApiUploads

# Other workers may move the job between a read and a write; it has fewer steps to go than this.
ATTEMPTS = 5


@dataclass(frozen=True)
class DeleteJob:
    """Cancels a job, or deletes it with its files."""

    jobs: JobTable
    outputs: OutputBucket
    uploads: UploadBucket
    api_uploads: ApiUploads

    def __call__(self, job_id: str, *, repeated: bool) -> Job:
        """Cancel a job that was not sent, delete one that has ended, and return it as it is then.

        A `repeated` request, whose response was lost, does not delete what it may have canceled itself. Raises
        `JobNotFound`, and `JobConflict` (`video_in_progress`) if the server has it, or may have it: it is paid for.
        """
        for _ in range(ATTEMPTS):
            job = self.jobs.find_job(job_id)
            try:
                if job.status in CANCELABLE:
                    return self.jobs.move_job(job.id, Status.CANCELED, error=None)
                if repeated and job.status is Status.CANCELED:
                    return job
                if job.status in FINAL:
                    return self._delete(job)
            except TransitionRefused:
                continue
            break
        raise JobConflict(
            "video_in_progress",
            f"The video {job_id} was sent to the server, or may have been, and is paid for. It can be deleted once it "
            "has ended.",
        )

    def _delete(self, job: Job) -> Job:
        # The record goes last: if this fails in between, the same call deletes the rest.
        self.outputs.delete_files(job.id, job.video)
        picture = self.api_uploads.object_for(job.id)
        # What people dropped into the bucket is theirs.
        if (job.source.bucket, job.source.key) == (picture.bucket, picture.key):
            self.uploads.delete_versions(picture)
        return self.jobs.tombstone_job(job)
