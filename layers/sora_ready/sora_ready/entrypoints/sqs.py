"""SQS batches: their messages are parsed and processed one by one, and only those that failed are retried."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from sora_ready.adapters.output_bucket import job_id_of_ready_key
from sora_ready.adapters.queues import SWEEP_SOURCE, SubmitQueue
from sora_ready.adapters.upload_bucket import version_or_none
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import (
    JobLeasedError,
    JobNotReadyError,
    SoraReadyError,
    SubmissionNotAcceptedError,
    VideoServerError,
)
from sora_ready.domain.job import SourceObject
from sora_ready.entrypoints.logs import JOB_KEYS, logger

RETRY_SECONDS = 30
NOT_READY_SECONDS = 2

QueueMessage: TypeAlias = SQSRecord
OnExhausted: TypeAlias = Callable[[QueueMessage, Exception], object]


class _LoggingProcessor(BatchProcessor):
    """Logs why a message failed, which the library does not, and calls `on_exhausted` after the last receive."""

    def __init__(self, max_receives: int, on_exhausted: OnExhausted) -> None:
        super().__init__(EventType.SQS, raise_on_entire_batch_failure=False)
        self._max_receives = max_receives
        self._on_exhausted = on_exhausted

    def failure_handler(self, record: Any, exception: Any) -> Any:
        error = exception[1]
        known = isinstance(error, SoraReadyError)
        receives = receive_count(record)
        if receives >= self._max_receives:
            # An unreadable message has no job, and the table may be what fails.
            try:
                self._on_exhausted(record, error)
            except Exception as not_marked:  # noqa: BLE001 - the message's own error is the one to report
                logger.warning("dead letter not recorded", error=type(not_marked).__name__)
        # An error's cause may be a video server's response, which may contain the prompt.
        error.__cause__ = error.__context__ = None
        logger.error(
            "message failed",
            message_id=record.message_id,
            receives=receives,
            error=type(error).__name__,
            code=error.code if known else None,
            detail=error.message if known and not isinstance(error, VideoServerError) else None,
            exc_info=None if known else exception,
        )
        return super().failure_handler(record, exception)


def process_batch(
    event: JsonObject,
    process: Callable[[QueueMessage], None],
    context: Any,
    *,
    max_receives: int,
    on_exhausted: OnExhausted,
) -> JsonObject:
    """Process each message of an SQS event, and return Lambda's partial batch response.

    A message that fails its `max_receives`-th receive goes to the dead-letter queue; `on_exhausted` records that.
    """

    def process_alone(record: QueueMessage) -> None:
        logger.remove_keys(JOB_KEYS)
        process(record)

    processor = _LoggingProcessor(max_receives, on_exhausted)
    return cast("JsonObject", process_partial_response(event, process_alone, processor, context))


def receive_count(record: QueueMessage) -> int:
    """Return how often a message was received, this time included."""
    return int(record.attributes.approximate_receive_count)


@contextmanager
def postpone_failure(record: QueueMessage, submit_queue: SubmitQueue) -> Iterator[None]:
    """Postpone the message if the block fails; the error is raised all the same."""
    try:
        yield
    except Exception as error:
        submit_queue.postpone(record.receipt_handle, retry_delay_seconds(error, receive_count(record)))
        raise


def retry_delay_seconds(error: Exception, receives: int) -> int:
    """Return how long a message that failed for the `receives`-th time is postponed: growing, or as long as asked."""
    if isinstance(error, JobLeasedError):
        return error.retry_after_seconds
    first = NOT_READY_SECONDS if isinstance(error, JobNotReadyError) else RETRY_SECONDS
    growing = first << min(receives - 1, 5)
    # A server that asks for one second again and again must not use up the message's receives within a minute.
    asked = error.retry_after_seconds if isinstance(error, SubmissionNotAcceptedError) else None
    return max(growing, asked or 0)


def parse_object_created(body: str) -> SourceObject:
    """Return the object of S3's "Object Created" event, as EventBridge puts it into a queue.

    The key is raw: URL-decoding it would make `a+b.jpg` `a b.jpg`. Raises `ValueError` if the
    message is no such event; it goes to the dead-letter queue then.
    """
    try:
        event = json.loads(body)
        if event["detail-type"] != "Object Created":
            raise ValueError(f"a message about {event['detail-type']!r}, not about a created object")
        detail, resent = event["detail"], event.get("source") == SWEEP_SOURCE
        created = detail["object"]
        return SourceObject(
            bucket=detail["bucket"]["name"],
            key=created["key"],
            # The sweep may know the key of a picture and nothing else.
            etag=created.get("etag", "") if resent else created["etag"],
            version_id=version_or_none(created.get("version-id")),
            sequencer=created.get("sequencer"),
            modified=created.get("modified") if resent else None,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the message is not an S3 event from EventBridge: {type(error).__name__} {error}") from error


def parse_submission(body: str) -> tuple[str | None, str | None]:
    """Return job id and copy key of a message of the submit queue.

    A message of `SubmitQueue.send_job` has no copy key; S3's event of an object that is no ready copy has no job id.
    Raises `ValueError` if it is neither.
    """
    message = json.loads(body)
    if isinstance(message, dict) and "job_id" in message:
        return str(message["job_id"]), None
    key = parse_object_created(body).key
    job_id = job_id_of_ready_key(key)
    if job_id is None:
        logger.warning("not a ready copy: ignored", key=key)
    return job_id, key


def parse_poll(body: str) -> tuple[str, int]:
    """Return job id and number of polls of a message of the track queue. Raises `ValueError`."""
    message = json.loads(body)
    try:
        return str(message["job_id"]), int(message["polls"])
    except (KeyError, TypeError) as error:
        raise ValueError("the message is not one of the track queue's: it needs job_id and polls") from error
