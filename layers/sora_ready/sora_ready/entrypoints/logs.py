"""The functions' log: JSON lines with stable keys, each with its request id, function and stack.

The package logs through the standard library's loggers, which are children of this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    from sora_ready.domain.codec import JsonValue
    from sora_ready.domain.job import Job

logger = Logger(service="sora_ready")

JOB_KEYS = ("job_id", "bucket", "key")
"""What identifies the job of a message or a task, as far as it is known."""

LambdaEvent: TypeAlias = dict[str, Any]
"""The JSON that Lambda passes to a handler."""


class LambdaContext(Protocol):
    """What the functions read of the context object that Lambda passes to a handler."""

    @property
    def aws_request_id(self) -> str: ...  # noqa: D102

    @property
    def function_name(self) -> str: ...  # noqa: D102


def bind_context(context: LambdaContext, stack: str) -> None:
    """Start an invocation: every line until the next one has its request id, its function and its stack."""
    logger.remove_keys(JOB_KEYS)
    logger.append_keys(request_id=context.aws_request_id, function_name=context.function_name, stack=stack)


def log_job(message: str, job: Job, **keys: JsonValue) -> None:
    """Log what an invocation made of a job."""
    code = job.error.code if job.error else None
    logger.info(message, extra={"job_id": job.id, "status": str(job.status), "code": code, **keys})
