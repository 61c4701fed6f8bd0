"""S3 Batch Operations: the tasks of an invocation (schema 1.0 and 2.0), and the results for the report."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from sora_ready.adapters.upload_bucket import version_or_none
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import AwsServiceError, Rejected, SoraReadyError, SourceForbidden
from sora_ready.domain.job import Job, Status
from sora_ready.entrypoints.logs import LambdaEvent, logger
from sora_ready.pipeline.backfill import BatchTask

MAX_RESULT = 1024
"""How much of a result the report keeps for certain, in characters."""

SCHEMAS = ("1.0", "2.0")


class ResultCode(StrEnum):
    """What became of a task. S3 Batch retries a `TemporaryFailure` before the batch job ends."""

    SUCCEEDED = "Succeeded"
    TEMPORARY_FAILURE = "TemporaryFailure"
    PERMANENT_FAILURE = "PermanentFailure"


class TaskResult(NamedTuple):
    """What became of a task, and that in words for the report."""

    code: ResultCode
    message: str


def process_tasks(event: LambdaEvent, process: Callable[[BatchTask], Job]) -> JsonObject:
    """Process each task of an invocation; return the results as S3 Batch expects them.

    Raises `ValueError` if the event is not S3 Batch's, or has an unknown schema.
    """
    results: list[JsonObject] = []
    for task in parse_tasks(event):
        code, message = process_task(task, process)
        results.append({"taskId": task.id, "resultCode": str(code), "resultString": message[:MAX_RESULT]})
    return {
        "invocationSchemaVersion": event["invocationSchemaVersion"],
        "treatMissingKeysAs": str(ResultCode.PERMANENT_FAILURE),
        "invocationId": event["invocationId"],
        "results": results,
    }


def process_task(task: BatchTask, process: Callable[[BatchTask], Job]) -> TaskResult:
    """Process one task, and return its result whatever happens."""
    try:
        job = process(task)
        result = TaskResult(ResultCode.SUCCEEDED, f"{job.id} is {job.status}")
        if job.status is Status.REJECTED:
            reason = f"{job.error.code}: {job.error.message}" if job.error else "unknown"
            result = TaskResult(ResultCode.PERMANENT_FAILURE, f"{job.id} is rejected, {reason}")
    except (Rejected, SourceForbidden) as error:
        result = TaskResult(ResultCode.PERMANENT_FAILURE, f"{error.code}: {error.message}")
    except Exception as error:  # noqa: BLE001 - each task gets a result
        # A retry may succeed; after the last one the report has these words.
        logger.exception("task failed", task_id=task.id, batch_job=task.batch_job)
        result = TaskResult(ResultCode.TEMPORARY_FAILURE, f"{_name(error)}; the log of backfill says more")
    logger.info("task processed", task_id=task.id, batch_job=task.batch_job, result=str(result.code))
    return result


def parse_tasks(event: LambdaEvent) -> list[BatchTask]:
    """Return the tasks of an invocation. Raises `ValueError` as `process_tasks` does.

    Keys are percent-encoded, as in the manifest, and are decoded here, once.
    """
    try:
        schema = event["invocationSchemaVersion"]
        if schema not in SCHEMAS:
            raise ValueError(f"invocation schema {schema!r} is unknown; use one of {', '.join(SCHEMAS)}")
        return [
            BatchTask(
                id=task["taskId"],
                batch_job=event["job"]["id"],
                # Schema 1.0 has an ARN, 2.0 a name.
                bucket=task["s3BucketArn"].rpartition(":")[2] if schema == "1.0" else task["s3Bucket"],
                key=unquote_plus(task["s3Key"]),
                version_id=version_or_none(task.get("s3VersionId")),
                arguments=event["job"].get("userArguments") or {},
            )
            for task in event["tasks"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the event is not one of S3 Batch Operations: {type(error).__name__} {error}") from error


def _name(error: Exception) -> str:
    """Return the error's name without its message, which may contain a prompt."""
    if isinstance(error, AwsServiceError):
        return f"{error.facts['operation']}: {error.code}"
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return error.code if isinstance(error, SoraReadyError) else type(error).__name__
