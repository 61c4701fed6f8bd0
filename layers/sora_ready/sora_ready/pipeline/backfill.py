"""A picture that already lies in the upload bucket → the same way as one that was just dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from sora_ready.adapters.buckets import OutputBucket, UploadBucket, forbids_reading
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.catalog import Catalog
from sora_ready.domain.errors import Rejected, RequestRejected, SoraReadyError, SourceRejected
from sora_ready.domain.job import BACKFILL, Job, Status
from sora_ready.domain.request import FIELDS, merge_options
from sora_ready.domain.request_rules import read_body
from sora_ready.entrypoints.s3_batch import BatchTask, ResultCode, TaskResult
from sora_ready.pipeline.create_job import create_job
from sora_ready.pipeline.identify import find_job
from sora_ready.pipeline.normalize import normalize_upload

logger = Logger(child=True)


@dataclass(frozen=True, slots=True)
class Backfill:
    """The parts of a stack that a backlog needs. What is asked for comes with each task; `defaults` are the stack's."""

    jobs: JobTable
    uploads: UploadBucket
    outputs: OutputBucket
    catalog: Catalog
    defaults: Mapping[str, str]
    upload_bucket: str
    max_source_bytes: int
    decode_timeout_seconds: int

    def process(self, task: BatchTask) -> TaskResult:
        """Make the task's picture a job, its frame included, and say what became of it. Raises nothing.

        The saved copy's event wakes `submit`, as it does for every picture, so what the backlog costs is bounded by the
        day's budget. A picture that has a job already is left to it, however often its manifest is run.
        """
        try:
            return _tell(self._make_job(task))
        except Rejected as rejection:
            return TaskResult(ResultCode.PERMANENT_FAILURE, f"{rejection.code}: {rejection.message}")
        except Exception as error:
            if isinstance(error, ClientError) and forbids_reading(error):
                return TaskResult(ResultCode.PERMANENT_FAILURE, _FORBIDDEN)
            # Whatever it is, the next try may find it mended; after the last one the report has these words.
            logger.exception("a task could not be taken up", task_id=task.id, batch_job=task.batch_job)
            return TaskResult(ResultCode.TEMPORARY_FAILURE, f"{_name(error)}; the log of backfill says more")

    def _make_job(self, task: BatchTask) -> Job:
        asked = self._read_arguments(task.arguments)
        self._check_place(task)
        source = self.uploads.find_upload(task.bucket, task.key, task.version_id)
        caller = {"door": BACKFILL, "batch_job": task.batch_job, "task": task.id}
        job = find_job(source, self.jobs) or create_job(source, asked, caller, self.jobs)[0]
        if job.status is not Status.RECEIVED:
            return job
        return normalize_upload(
            job.source,
            jobs=self.jobs,
            uploads=self.uploads,
            outputs=self.outputs,
            catalog=self.catalog,
            defaults=self.defaults,
            max_source_bytes=self.max_source_bytes,
            decode_timeout_seconds=self.decode_timeout_seconds,
        )

    def _read_arguments(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Return what the batch job's user arguments ask for. Raises `RequestRejected` before anything is recorded."""
        for name in arguments:
            # A tag with an unknown name is somebody else's; an argument is meant for nobody but this function.
            if not merge_options([("body", {name: "?"})]):
                raise RequestRejected("argument", name, "body", FIELDS)
        return read_body(arguments, self.defaults, self.catalog)

    def _check_place(self, task: BatchTask) -> None:
        if task.bucket != self.upload_bucket:
            raise SourceRejected(
                "source_elsewhere",
                f"This stack reads pictures in {self.upload_bucket}, not in {task.bucket}. Copy them there.",
                bucket=task.bucket,
            )
        if task.key.endswith("/"):
            raise SourceRejected("source_is_folder", "This is a folder, not a picture. Leave it out of the manifest.")


_FORBIDDEN = (
    "source_forbidden: The function's role may not read this object. If its key does not begin with the parameter "
    "UploadPrefix, copy it to where it does. Else allow the role s3:GetObject, s3:GetObjectVersion, s3:GetObjectTagging"
    " and s3:GetObjectVersionTagging in the bucket's policy, and name the key that encrypts it in the parameter "
    "UploadKeyArn; then run the manifest again."
)


def _tell(job: Job) -> TaskResult:
    if job.status is not Status.REJECTED:
        return TaskResult(ResultCode.SUCCEEDED, f"{job.id} is {job.status}")
    why = f"{job.error['code']}: {job.error['message']}"
    return TaskResult(ResultCode.PERMANENT_FAILURE, f"{job.id} is rejected, {why}")


def _name(error: Exception) -> str:
    """Return what an error is called, and nothing of what it says: that may repeat a prompt."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return error.code if isinstance(error, SoraReadyError) else type(error).__name__
