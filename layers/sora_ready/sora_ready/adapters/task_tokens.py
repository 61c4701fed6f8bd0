"""Answers to state machines of Step Functions that wait with a task token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

logger = Logger(child=True)

# Answered before, timed out, or its execution ended: nobody waits any more.
_OVER = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})
_LATER = frozenset({"ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})
# Bounds of Step Functions, in characters.
_MAX_CAUSE = 32_768


class StepFunctions(Protocol):
    """The two calls of the Step Functions client."""

    def send_task_success(self, *, taskToken: str, output: str) -> Any: ...  # noqa: D102, N803

    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> Any: ...  # noqa: D102, N803


class TaskTokens:
    """Ends the tasks that wait for a job. One whose execution is over is no error; it is left alone."""

    def __init__(self, client: StepFunctions) -> None:
        self._client = client

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        """End the task with this output. Raises `ClientError` where it is worth another try."""
        try:
            self._client.send_task_success(taskToken=token, output=json.dumps(output, ensure_ascii=False))
        except ClientError as error:
            _pass_over(error)

    def fail(self, token: str, name: str, cause: Mapping[str, Any]) -> None:
        """Fail the task with an error of this name. Raises `ClientError` where it is worth another try."""
        told = json.dumps(cause, ensure_ascii=False)[:_MAX_CAUSE]
        try:
            self._client.send_task_failure(taskToken=token, error=name, cause=told)
        except ClientError as error:
            _pass_over(error)


def _pass_over(error: ClientError) -> None:
    """Raise what may go well the next time. What never will must not hold up the events of other jobs."""
    code = error.response["Error"]["Code"]
    if code in _OVER:
        return
    if code in _LATER or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        raise error
    logger.error("a state machine that waits for a job could not be answered", error=code)
