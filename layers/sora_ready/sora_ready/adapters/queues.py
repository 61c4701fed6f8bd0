"""The queues: messages for the next look at a job, and messages that come back later."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.adapters.buckets import job_of_ready_key
from sora_ready.entrypoints.s3_events import OUR_SOURCE, read_object_created

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from sora_ready.domain.job import SourceObject

# SQS delays a message by at most a quarter of an hour.
MAX_DELAY_SECONDS = 900
# A server that wants to be left alone for longer is asked in between; that costs nothing.
MAX_POSTPONE_SECONDS = 3600


class TrackQueue:
    """Sends the messages that `track` is resumed by."""

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


class NormalizeQueue:
    """Sends the messages that `normalize` is resumed by, where S3's own was lost."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send_upload(self, source: SourceObject) -> None:
        """Publish an upload again, as S3 does through EventBridge."""
        told = {
            "key": source.key,
            "etag": source.etag,
            "version-id": source.version_id,
            "sequencer": source.sequencer,
            # S3 does not tell it. It names the job, though the object may have gone or been replaced by now.
            "modified": source.modified,
        }
        event = {
            "source": OUR_SOURCE,
            "detail-type": "Object Created",
            "detail": {
                "bucket": {"name": source.bucket},
                "object": {name: value for name, value in told.items() if value},
            },
        }
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(event))


class SubmitQueue:
    """Sends and postpones the messages that `submit` is resumed by."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send_job(self, job_id: str) -> None:
        """Ask for a job to be submitted, where the event of its ready copy was lost or came too early."""
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps({"job_id": job_id}))

    def postpone(self, receipt_handle: str, seconds: int) -> None:
        """Have a message that failed come back in `seconds` (an hour at most), not after the visibility timeout."""
        # What failed is told by the caller; a message that could not be postponed comes back too, only later or sooner.
        with suppress(BotoCoreError, ClientError):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=min(seconds, MAX_POSTPONE_SECONDS)
            )


def read_submission(body: str) -> tuple[str | None, str | None]:
    """Return the job and the key of its copy from a message of the submit queue.

    A message of `send_job` names no copy, S3's event of an object that is no job's copy names no job. Raises
    `ValueError` where it is neither.
    """
    message = json.loads(body)
    if isinstance(message, dict) and "job_id" in message:
        return str(message["job_id"]), None
    key = read_object_created(body).key
    return job_of_ready_key(key), key


def read_poll(body: str) -> tuple[str, int]:
    """Return the job id and the number of looks so far from a message of the track queue. Raises `ValueError`."""
    message = json.loads(body)
    try:
        return str(message["job_id"]), int(message["polls"])
    except (KeyError, TypeError) as error:
        raise ValueError("the message is not one of the track queue's: it needs job_id and polls") from error
