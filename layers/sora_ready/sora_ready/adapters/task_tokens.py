"""Step Functions: ends the tasks of executions that wait with a task token."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from botocore.exceptions import ClientError

from sora_ready.adapters.aws_errors import error_code, translate_aws_errors
from sora_ready.domain.codec import JsonObject

logger = logging.getLogger(__name__)

# It was ended before, timed out, or its execution ended: nobody waits.
_OVER = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})
_RETRYABLE = frozenset({"ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})
# A quota of Step Functions, in characters.
_MAX_CAUSE = 32_768


class StepFunctions(Protocol):
    """The two calls of the Step Functions client."""

    def send_task_success(self, *, taskToken: str, output: str) -> object: ...  # noqa: D102, N803

    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> object: ...  # noqa: D102, N803


class TaskTokens:
    """Ends tasks. A task that is over already is ignored. Both methods raise `AwsServiceError` if a retry may help."""

    def __init__(self, client: StepFunctions) -> None:
        self._client = client

    def succeed(self, token: str, output: JsonObject) -> None:
        """End the task with this output."""
        with _permanent_errors_logged("SendTaskSuccess"):
            self._client.send_task_success(taskToken=token, output=json.dumps(output, ensure_ascii=False))

    def fail(self, token: str, name: str, cause: JsonObject) -> None:
        """Fail the task with an error of this name."""
        text = json.dumps(cause, ensure_ascii=False)[:_MAX_CAUSE]
        with _permanent_errors_logged("SendTaskFailure"):
            self._client.send_task_failure(taskToken=token, error=name, cause=text)


@contextmanager
def _permanent_errors_logged(operation: str) -> Iterator[None]:
    """Raise an error only if a retry may help. A permanent one must not delay the events of other jobs."""
    with translate_aws_errors(operation):
        try:
            yield
        except ClientError as error:
            code = error_code(error)
            if code in _RETRYABLE or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise
            if code not in _OVER:
                logger.error("task token could not be used", extra={"code": code})
