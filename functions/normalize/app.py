"""Triggered by the normalize queue, or invoked directly: a picture becomes its exact frame and a job record."""

from __future__ import annotations

from functools import cache

import boto3

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.invocations import is_direct, parse_normalize_invocation, run_invocation
from sora_ready.entrypoints.logs import LambdaContext, bind_context, log_job, logger
from sora_ready.entrypoints.settings import NormalizeSettings
from sora_ready.entrypoints.sqs import QueueMessage, parse_object_created, process_batch
from sora_ready.pipeline.dead_letters import mark_dead_upload
from sora_ready.pipeline.normalize import Normalize
from sora_ready.pipeline.normalize_on_demand import NormalizeOnDemand

settings = cache(NormalizeSettings.from_environment)


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Return the job of a direct invocation, or the messages of a batch that failed."""
    bind_context(context, settings().stack_name)
    if is_direct(event):
        return run_invocation(NormalizeOnDemand(build_step()), parse_normalize_invocation(event))
    return process_batch(event, process, context, max_receives=settings().max_receives, on_exhausted=mark_exhausted)


def process(message: QueueMessage) -> None:
    """Normalize the upload that one message is about."""
    source = parse_object_created(message.body)
    logger.append_keys(bucket=source.bucket, key=source.key)
    log_job("normalized", build_step()(source))


def mark_exhausted(message: QueueMessage, error: Exception) -> None:
    """Record that an upload's message failed its last attempt."""
    step = build_step()
    mark_dead_upload(parse_object_created(message.body), error, step.jobs, step.uploads)


@cache
def build_step() -> Normalize:
    """Connect the step to this stack, once for each execution environment."""
    s3 = boto3.client("s3")
    return Normalize(
        jobs=JobTable(boto3.client("dynamodb"), settings().jobs_table),
        uploads=UploadBucket(s3),
        outputs=OutputBucket(s3, settings().output_bucket),
        catalog=load_catalog(settings().video_models),
        defaults=settings().defaults,
        max_source_bytes=settings().max_source_bytes,
        decode_timeout_seconds=settings().decode_timeout_seconds,
    )
