"""Triggered by the track queue: polls the server, and stores the video once it is done."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import boto3

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.metrics import Metrics
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import TrackQueue
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.logs import LambdaContext, bind_context, log_job, logger
from sora_ready.entrypoints.settings import TrackSettings
from sora_ready.entrypoints.sqs import QueueMessage, parse_poll, process_batch, receive_count
from sora_ready.entrypoints.video_server import connect_to_server
from sora_ready.pipeline.dead_letters import Queue, mark_dead_letter
from sora_ready.pipeline.reconcile import Reconcile
from sora_ready.pipeline.track import Track

settings, client = cache(TrackSettings.from_environment), cache(boto3.client)
jobs = cache(lambda: JobTable(client("dynamodb"), settings().jobs_table))


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Return the messages of a batch that failed."""
    bind_context(context, settings().stack_name)
    return process_batch(event, process, context, max_receives=settings().max_receives, on_exhausted=mark_exhausted)


def process(message: QueueMessage) -> None:
    """Poll the server for the job of one message."""
    job_id, polls = parse_poll(message.body)
    logger.append_keys(job_id=job_id)
    log_job("polled", build_step()(job_id, polls, redelivered=receive_count(message) > 1), polls=polls)


def mark_exhausted(message: QueueMessage, error: Exception) -> None:
    """Record that a job's message failed its last attempt."""
    mark_dead_letter(parse_poll(message.body)[0], Queue.TRACK, error, jobs())


def build_step() -> Track:
    """Connect the step to this stack. The server's key may change, so its connection is built again."""
    ledger = Ledger(client("dynamodb"), settings().ledger_table, jobs())
    server = connect_to_server(settings())
    queue = TrackQueue(client("sqs"), settings().track_queue_url)
    return Track(
        jobs=jobs(),
        outputs=OutputBucket(client("s3"), settings().output_bucket),
        video_server=server,
        track_queue=queue,
        reconcile=Reconcile(jobs(), ledger, server, queue, Metrics(settings().stack_name)),
        max_video_bytes=settings().max_video_bytes,
        deadline=timedelta(minutes=settings().track_deadline_minutes),
    )
