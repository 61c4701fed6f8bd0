"""Triggered by the submit queue, or invoked directly: a ready copy is sent to the video server, once."""

from __future__ import annotations

from functools import cache

import boto3

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.invocations import is_direct, parse_submit_invocation, run_invocation
from sora_ready.entrypoints.logs import LambdaContext, bind_context, log_job, logger
from sora_ready.entrypoints.settings import SubmitSettings
from sora_ready.entrypoints.sqs import QueueMessage, parse_submission, postpone_failure, process_batch, receive_count
from sora_ready.entrypoints.video_server import connect_to_server
from sora_ready.pipeline.dead_letters import Queue, mark_dead_letter
from sora_ready.pipeline.submit import Submit
from sora_ready.pipeline.submit_on_demand import SubmitOnDemand

settings, client = cache(SubmitSettings.from_environment), cache(boto3.client)
jobs = cache(lambda: JobTable(client("dynamodb"), settings().jobs_table))


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Return the job of a direct invocation, or the messages of a batch that failed."""
    bind_context(context, settings().stack_name)
    if is_direct(event):
        return run_invocation(SubmitOnDemand(build_step()), parse_submit_invocation(event))
    return process_batch(event, process, context, max_receives=settings().max_receives, on_exhausted=mark_exhausted)


def process(message: QueueMessage) -> None:
    """Submit the job of one message; postpone a message that fails."""
    job_id, copy_key = parse_submission(message.body)
    if job_id:
        logger.append_keys(job_id=job_id)
        with postpone_failure(message, SubmitQueue(client("sqs"), settings().submit_queue_url)):
            log_job("submitted", build_step()(job_id, copy_key, redelivered=receive_count(message) > 1))


def mark_exhausted(message: QueueMessage, error: Exception) -> None:
    """Record that a job's message failed its last attempt."""
    mark_dead_letter(parse_submission(message.body)[0], Queue.SUBMIT, error, jobs())


def build_step() -> Submit:
    """Connect the step to this stack, with the server's current key."""
    return Submit(
        jobs=jobs(),
        ledger=Ledger(client("dynamodb"), settings().ledger_table, jobs()),
        outputs=OutputBucket(client("s3"), settings().output_bucket),
        video_server=connect_to_server(settings()),
        track_queue=TrackQueue(client("sqs"), settings().track_queue_url),
        lease_seconds=settings().lease_seconds,
        budget=settings().daily_budget_usd,
    )
