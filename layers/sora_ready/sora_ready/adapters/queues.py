"""The queues: messages that resume a job, and messages that are retried later."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from sora_ready.domain.job import SourceObject

MAX_DELAY_SECONDS = 900
"""SQS's limit for the delay of a message."""

MAX_POSTPONE_SECONDS = 3600
"""A server that asks for a longer wait is asked in between; that costs nothing."""

SWEEP_SOURCE = "sora-ready.sweep"
"""The `source` of an "Object Created" event that the sweep sends in place of a lost one."""


class _Queue:
    """One of the stack's queues, by its URL."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url


class NormalizeQueue(_Queue):
    """Sends messages to `normalize`, in place of lost ones of S3."""

    def send_upload(self, source: SourceObject) -> None:
        """Send an upload's event again, as S3 does through EventBridge."""
        fields = {
            "key": source.key,
            "etag": source.etag,
            "version-id": source.version_id,
            "sequencer": source.sequencer,
            # S3's own event lacks it. It identifies the job, even if the object is gone or replaced by now.
            "modified": source.modified,
        }
        event = {
            "source": SWEEP_SOURCE,
            "detail-type": "Object Created",
            "detail": {
                "bucket": {"name": source.bucket},
                "object": {name: value for name, value in fields.items() if value},
            },
        }
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(event))


class SubmitQueue(_Queue):
    """Sends and postpones the messages of `submit`."""

    def send_job(self, job_id: str) -> None:
        """Ask for a job to be submitted, where the event of its ready copy was lost or came too early."""
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps({"job_id": job_id}))

    def postpone(self, receipt_handle: str, seconds: int) -> None:
        """Retry a failed message in `seconds` (an hour at most) instead of after the visibility timeout."""
        # A message that cannot be postponed is retried too, at another time; the caller raises the actual error.
        with suppress(BotoCoreError, ClientError):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=min(seconds, MAX_POSTPONE_SECONDS)
            )


class TrackQueue(_Queue):
    """Sends the messages of `track`."""

    def send_poll(self, job_id: str, *, polls: int, delay_seconds: int) -> None:
        """Ask for a poll in `delay_seconds`, after `polls` polls that found the video still running."""
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"job_id": job_id, "polls": polls}),
            DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS),
        )
