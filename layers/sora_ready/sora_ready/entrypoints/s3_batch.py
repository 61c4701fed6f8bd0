"""S3 Batch Operations: the tasks of an invocation (schema 1.0 and 2.0), and the answer that goes into the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

from sora_ready.entrypoints.s3_events import read_version

# What of a result the report is sure to hold.
MAX_RESULT = 1024
SCHEMAS = ("1.0", "2.0")


class ResultCode(StrEnum):
    """What became of a task. Batch Operations tries a `TemporaryFailure` again before the job ends."""

    SUCCEEDED = "Succeeded"
    TEMPORARY_FAILURE = "TemporaryFailure"
    PERMANENT_FAILURE = "PermanentFailure"


@dataclass(frozen=True, slots=True)
class BatchTask:
    """One line of a manifest: an object, with the batch job that it belongs to and that job's user arguments."""

    id: str
    batch_job: str
    bucket: str
    key: str
    version_id: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of a task, and that in words for the report."""

    code: ResultCode
    message: str


def answer_tasks(event: Mapping[str, Any], process: Callable[[BatchTask], TaskResult]) -> dict[str, Any]:
    """Have each task of an invocation taken up; return what Batch Operations wants to hear.

    Raises `ValueError` where the event is none of Batch Operations', or of a schema that nobody here has read.
    """
    results = []
    for task in read_tasks(event):
        result = process(task)
        told = {"resultCode": str(result.code), "resultString": result.message[:MAX_RESULT]}
        results.append({"taskId": task.id} | told)
    return {
        "invocationSchemaVersion": event["invocationSchemaVersion"],
        "treatMissingKeysAs": str(ResultCode.PERMANENT_FAILURE),
        "invocationId": event["invocationId"],
        "results": results,
    }


def read_tasks(event: Mapping[str, Any]) -> list[BatchTask]:
    """Return the tasks of an invocation. Raises `ValueError` as `answer_tasks` does.

    Keys come as the manifest has them, percent-encoded, and are decoded here, once.
    """
    try:
        schema = event["invocationSchemaVersion"]
        if schema not in SCHEMAS:
            raise ValueError(f"invocation schema {schema!r} is not known; use one of {', '.join(SCHEMAS)}")
        return [
            BatchTask(
                id=task["taskId"],
                batch_job=event["job"]["id"],
                # 1.0 tells an ARN, 2.0 a name.
                bucket=task["s3BucketArn"].rpartition(":")[2] if schema == "1.0" else task["s3Bucket"],
                key=unquote_plus(task["s3Key"]),
                version_id=read_version(task.get("s3VersionId")),
                arguments=event["job"].get("userArguments") or {},
            )
            for task in event["tasks"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the event is not one of S3 Batch Operations: {type(error).__name__} {error}") from error
