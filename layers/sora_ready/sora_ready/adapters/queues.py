"""The queues: messages for the next look at a job, and messages that come back later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# SQS delays a message by at most a quarter of an hour.
MAX_DELAY_SECONDS = 900
# A server that wants to be left alone for longer is asked in between; that costs nothing.
MAX_POSTPONE_SECONDS = 3600


class TrackQueue:
    """Sends the messages that `track` is woken by."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send_poll(self, job_id: str, *, polls: int, delay_seconds: int) -> None:
        """Ask for the job to be looked at in `delay_seconds`, after `polls` looks that found it still running."""
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"job_id": job_id, "polls": polls}),
            DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS),
        )


class SubmitQueue:
    """Postpones the messages that `submit` is woken by."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def postpone(self, receipt_handle: str, seconds: int) -> None:
        """Have a message that failed come back in `seconds` (an hour at most), not after the visibility timeout."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=min(seconds, MAX_POSTPONE_SECONDS)
        )


def read_poll(body: str) -> tuple[str, int]:
    """Return the job id and the number of looks so far from a message of the track queue. Raises `ValueError`."""
    message = json.loads(body)
    try:
        return str(message["job_id"]), int(message["polls"])
    except (KeyError, TypeError) as error:
        raise ValueError("the message is not one of the track queue's: it needs job_id and polls") from error
