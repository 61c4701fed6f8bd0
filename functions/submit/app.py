"""Woken by the submit queue, or called: a ready copy is sent to the video server, once."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.ledger import open_tables
from sora_ready.adapters.queues import SubmitQueue, TrackQueue, read_submission
from sora_ready.adapters.video_server.client import connect_video_server
from sora_ready.entrypoints.invocations import is_direct, parse_submit_invocation, run_invocation
from sora_ready.entrypoints.settings import SubmitSettings
from sora_ready.entrypoints.sqs import process_batch
from sora_ready.pipeline.dead_letters import mark_dead_letter
from sora_ready.pipeline.submit import postpone_failure, submit_job
from sora_ready.pipeline.submit_on_demand import submit_on_demand

logger = Logger()
settings = cache(SubmitSettings.from_environment)
submit_queue = cache(lambda: SubmitQueue(boto3.client("sqs"), settings().submit_queue_url))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a direct call with its job, a batch of queue messages with those that failed and come back."""
    if is_direct(event):
        return run_invocation(
            submit_on_demand, parse_submit_invocation(event), video_server=connect_video_server(settings()), **wire()
        )
    return process_batch(event, handle_record, context, last_try=settings().max_receives, mark=mark_record)


def handle_record(record: SQSRecord) -> None:
    """Submit the job that one message is about. Whatever fails leaves it where the message, back soon, takes it up."""
    job_id, copy_key = read_submission(record.body)
    if not job_id:
        logger.warning("no ready copy of a job: ignored", key=copy_key)
        return
    receives = int(record.attributes.approximate_receive_count)
    with postpone_failure(submit_queue(), record.receipt_handle, receives):
        job = submit_job(
            job_id, copy_key, redelivered=receives > 1, video_server=connect_video_server(settings()), **wire()
        )
    logger.info("submitted", job_id=job_id, status=str(job.status), code=job.error.get("code"))


def mark_record(record: SQSRecord, error: Exception) -> None:
    """Say in the job's record that its message failed to the last."""
    mark_dead_letter(read_submission(record.body)[0], "Submit", error, wire()["jobs"])


@cache
def wire() -> dict[str, Any]:
    """Connect the step to this stack, once for each execution environment."""
    return {
        **open_tables(boto3.client("dynamodb"), settings().jobs_table, settings().ledger_table),
        "outputs": OutputBucket(boto3.client("s3"), settings().output_bucket),
        "track_queue": TrackQueue(boto3.client("sqs"), settings().track_queue_url),
        **settings().limits(),
    }
