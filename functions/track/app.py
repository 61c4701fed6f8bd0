"""Woken by the track queue: asks the server how a job is, and stores its video once it is done."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.ledger import open_tables
from sora_ready.adapters.queues import TrackQueue, read_poll
from sora_ready.adapters.video_server.client import connect_video_server
from sora_ready.entrypoints.settings import TrackSettings
from sora_ready.entrypoints.sqs import process_batch
from sora_ready.pipeline.dead_letters import mark_dead_letter
from sora_ready.pipeline.track import track_job

logger = Logger()
settings = cache(TrackSettings.from_environment)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a batch of queue messages; only those that failed come back."""
    return process_batch(event, handle_record, context, last_try=settings().max_receives, mark=mark_record)


def handle_record(record: SQSRecord) -> None:
    """Look at the job that one message names."""
    job_id, polls = read_poll(record.body)
    again = int(record.attributes.approximate_receive_count) > 1
    job = track_job(job_id, polls, redelivered=again, video_server=connect_video_server(settings()), **wire())
    logger.info("tracked", job_id=job_id, status=str(job.status), polls=polls, progress=job.server.get("progress"))


def mark_record(record: SQSRecord, error: Exception) -> None:
    """Say in the job's record that its message failed to the last."""
    mark_dead_letter(read_poll(record.body)[0], "Track", error, wire()["jobs"])


@cache
def wire() -> dict[str, Any]:
    """Connect the step to this stack, once for each execution environment."""
    return {
        **open_tables(boto3.client("dynamodb"), settings().jobs_table, settings().ledger_table),
        "outputs": OutputBucket(boto3.client("s3"), settings().output_bucket),
        "track_queue": TrackQueue(boto3.client("sqs"), settings().track_queue_url),
        "max_video_bytes": settings().max_video_bytes,
        "deadline_minutes": settings().track_deadline_minutes,
    }
