"""A picture that lies in the upload bucket already → the same way as one that was just dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sora_ready.domain.errors import RequestRejected, SourceRejected
from sora_ready.domain.job import Channel, Invocation, Job, Status
from sora_ready.domain.options import OPTIONS
from sora_ready.domain.request import merge_options, parse_body
from sora_ready.pipeline.create_job import create_job
from sora_ready.pipeline.identify import find_job
from sora_ready.pipeline.normalize import Normalize


@dataclass(frozen=True)
class BatchTask:
    """One line of a manifest: an object, its S3 Batch job, and that job's user arguments."""

    id: str
    batch_job: str
    bucket: str
    key: str
    version_id: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Backfill:
    """Makes a job of each task of an S3 Batch job. The arguments are options for all its pictures."""

    normalize: Normalize
    upload_bucket: str

    def __call__(self, task: BatchTask) -> Job:
        """Make the task's picture a job, its frame included, and return it.

        The saved copy's event triggers `submit`, as for every picture, so the day's budget bounds what a backfill
        costs. A picture that has a job already keeps it, however often the manifest is run. Raises `RequestRejected`
        and `SourceRejected`, before anything is recorded, and `SourceForbidden`.
        """
        options = self._read_arguments(task.arguments)
        self._check_object(task)
        jobs = self.normalize.jobs
        source = self.normalize.uploads.find_upload(task.bucket, task.key, task.version_id)
        job = find_job(source, jobs)
        if job is None:
            invocation = Invocation(Channel.BACKFILL, batch_job=task.batch_job, batch_task=task.id)
            job = create_job(source, options, invocation, jobs)[0]
        return self.normalize(job.source) if job.status is Status.RECEIVED else job

    def _read_arguments(self, arguments: Mapping[str, str]) -> dict[str, str]:
        for name in arguments:
            # An unknown tag belongs to somebody else; an argument is for this function alone.
            if not merge_options([("body", {name: "?"})]):
                raise RequestRejected("argument", name, "body", OPTIONS)
        return parse_body(arguments, self.normalize.defaults, self.normalize.catalog)

    def _check_object(self, task: BatchTask) -> None:
        if task.bucket != self.upload_bucket:
            raise SourceRejected(
                "source_elsewhere",
                f"This stack reads pictures in {self.upload_bucket}, not in {task.bucket}. Copy them there.",
                bucket=task.bucket,
            )
        if task.key.endswith("/"):
            raise SourceRejected("source_is_folder", "This is a folder, not a picture. Leave it out of the manifest.")
