"""The functions' log: structured lines, each with its request, function and stack.

The package logs through the standard library's loggers, which are children of this one.
"""

from __future__ import annotations

from typing import Protocol

from aws_lambda_powertools import Logger

logger = Logger(service="sora_ready")


class LambdaContext(Protocol):
    """What is used of the context object that Lambda hands to a handler."""

    aws_request_id: str
    function_name: str


def bind_context(context: LambdaContext) -> None:
    """Start an invocation: every line until the next one carries its request id and its function."""
    logger.set_correlation_id(context.aws_request_id)
    logger.append_keys(function_name=context.function_name)
