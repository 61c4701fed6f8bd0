"""Batches of queue messages: each is dealt with by itself, and only those that failed come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from sora_ready.domain.errors import SoraReadyError, VideoApiError

logger = Logger()


class _LoggingProcessor(BatchProcessor):
    """Says in the log why a message failed: the library itself only reports that it did."""

    def failure_handler(self, record: Any, exception: Any) -> Any:
        error = exception[1]
        known = isinstance(error, SoraReadyError)
        # What an error was raised over may be a video server's answer, and that may repeat the prompt.
        error.__cause__ = error.__context__ = None
        logger.error(
            "message failed; it comes back, and after the last try it waits in the dead-letter queue",
            message_id=record.message_id,
            receives=record.raw_event.get("attributes", {}).get("ApproximateReceiveCount"),
            error=type(error).__name__,
            code=error.code if known else None,
            detail=error.message if known and not isinstance(error, VideoApiError) else None,
            exc_info=None if known else exception,
        )
        return super().failure_handler(record, exception)


def answer_batch(event: dict[str, Any], handle_record: Callable[[SQSRecord], None], context: Any) -> dict[str, Any]:
    """Deal with each message of an SQS event and return Lambda's partial batch response."""
    processor = _LoggingProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event, handle_record, processor, context)  # type: ignore[return-value]
