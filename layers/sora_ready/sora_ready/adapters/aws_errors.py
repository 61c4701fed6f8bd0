"""AWS's errors in the words of the domain, so that no step has to know botocore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.domain.errors import AwsServiceError


@contextmanager
def translate_aws_errors(operation: str) -> Iterator[None]:
    """Raise `AwsServiceError` where the block raises an error of boto3."""
    try:
        yield
    except ClientError as error:
        raise AwsServiceError(error.operation_name, error_code(error)) from error
    except BotoCoreError as error:
        raise AwsServiceError(operation, type(error).__name__) from error


def error_code(error: ClientError) -> str:
    """Return AWS's code, such as `NoSuchKey`. A HEAD has no body, so its code is the HTTP status."""
    return error.response["Error"]["Code"]
