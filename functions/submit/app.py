"""Woken by the submit queue: a ready copy is sent to the video server, once."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.adapters.batches import answer_batch
from sora_ready.adapters.buckets import OutputBucket, job_of_ready_key
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.adapters.s3_events import read_object_created
from sora_ready.adapters.settings import SubmitSettings
from sora_ready.adapters.video_api import connect_video_api
from sora_ready.pipeline.submit import seconds_until_retry, submit_job

logger = Logger()
settings = cache(SubmitSettings.from_environment)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a batch of queue messages; only those that failed come back."""
    return answer_batch(event, handle_record, context)


def handle_record(record: SQSRecord) -> None:
    """Submit the job whose ready copy one message announces; have the message back soon where it came too early."""
    copy = read_object_created(record.body)
    if not (job_id := job_of_ready_key(copy.key)):
        logger.warning("no ready copy of a job: ignored", key=copy.key)
        return
    receives = int(record.attributes.approximate_receive_count)
    try:
        server = connect_video_api(settings())
        job = submit_job(job_id, copy.key, redelivered=receives > 1, video_api=server, **wire())
    except Exception as error:
        # Whatever gets here left the job where the same message can take it up: have it back soon, then ever later.
        wait = seconds_until_retry(error, receives)
        with suppress(BotoCoreError, ClientError):
            SubmitQueue(boto3.client("sqs"), settings().submit_queue_url).postpone(record.receipt_handle, wait)
        raise
    logger.info("submitted", job_id=job_id, status=str(job.status), code=job.error.get("code"))


@cache
def wire() -> dict[str, Any]:
    """Connect the step to this stack, once for each execution environment."""
    return {
        "jobs": JobTable(boto3.client("dynamodb"), settings().jobs_table),
        "outputs": OutputBucket(boto3.client("s3"), settings().output_bucket),
        "track_queue": TrackQueue(boto3.client("sqs"), settings().track_queue_url),
        "lease_seconds": settings().lease_seconds,
    }
