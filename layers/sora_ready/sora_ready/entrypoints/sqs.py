"""Batches of queue messages: each is dealt with by itself, and only those that failed come back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from sora_ready.domain.errors import SoraReadyError, VideoServerError

logger = Logger()

OnExhausted = Callable[[SQSRecord, Exception], None]


class _LoggingProcessor(BatchProcessor):
    """Says in the log why a message failed, which the library does not, and marks the job after the last try."""

    def __init__(self, last_try: int, mark: OnExhausted) -> None:
        super().__init__(EventType.SQS, raise_on_entire_batch_failure=False)
        self._last_try = last_try
        self._mark = mark

    def failure_handler(self, record: Any, exception: Any) -> Any:
        error = exception[1]
        known = isinstance(error, SoraReadyError)
        receives = int(record.attributes.approximate_receive_count)
        if receives >= self._last_try:
            # A message of a kind that nobody reads has no job to mark, and the table may be what is out of order.
            with suppress(Exception):
                self._mark(record, error)
        # What an error was raised over may be a video server's answer, and that may repeat the prompt.
        error.__cause__ = error.__context__ = None
        logger.error(
            "message failed; it comes back, and after the last try it waits in the dead-letter queue",
            message_id=record.message_id,
            receives=receives,
            error=type(error).__name__,
            code=error.code if known else None,
            detail=error.message if known and not isinstance(error, VideoServerError) else None,
            exc_info=None if known else exception,
        )
        return super().failure_handler(record, exception)


def process_batch(
    event: dict[str, Any], handle_record: Callable[[SQSRecord], None], context: Any, *, last_try: int, mark: OnExhausted
) -> dict[str, Any]:
    """Deal with each message of an SQS event and return Lambda's partial batch response.

    A message that fails when it was received `last_try` times goes to the dead-letter queue: `mark` writes that into
    its job's record.
    """
    processor = _LoggingProcessor(last_try, mark)
    return process_partial_response(event, handle_record, processor, context)  # type: ignore[return-value]
