"""Woken by the normalize queue, or called: an uploaded picture becomes its exact frame and a job record."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from sora_ready.adapters.buckets import OutputBucket, UploadBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.catalog import load_catalog
from sora_ready.entrypoints.invocations import is_direct, parse_normalize_invocation, run_invocation
from sora_ready.entrypoints.s3_events import read_object_created
from sora_ready.entrypoints.settings import NormalizeSettings
from sora_ready.entrypoints.sqs import process_batch
from sora_ready.pipeline.dead_letters import mark_dead_upload
from sora_ready.pipeline.normalize import normalize_upload
from sora_ready.pipeline.normalize_on_demand import normalize_on_demand

logger = Logger()
settings = cache(NormalizeSettings.from_environment)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a direct call with its job, a batch of queue messages with those that failed and come back."""
    if is_direct(event):
        return run_invocation(normalize_on_demand, parse_normalize_invocation(event), **wire())
    return process_batch(event, handle_record, context, last_try=settings().max_receives, mark=mark_record)


def handle_record(record: SQSRecord) -> None:
    """Normalize the upload that one message announces."""
    job = normalize_upload(read_object_created(record.body), **wire())
    logger.info("normalized", job_id=job.id, status=str(job.status), code=job.error.get("code"))


def mark_record(record: SQSRecord, error: Exception) -> None:
    """Say in the upload's record, made now if it has none, that its message failed to the last."""
    mark_dead_upload(read_object_created(record.body), "Normalize", error, wire()["jobs"], wire()["uploads"])


@cache
def wire() -> dict[str, Any]:
    """Connect the step to this stack, once for each execution environment."""
    s3 = boto3.client("s3")
    return {
        "jobs": JobTable(boto3.client("dynamodb"), settings().jobs_table),
        "uploads": UploadBucket(s3),
        "outputs": OutputBucket(s3, settings().output_bucket),
        "catalog": load_catalog(settings().video_models),
        "defaults": settings().defaults(),
        "max_source_bytes": settings().max_source_bytes,
        "decode_timeout_seconds": settings().decode_timeout_seconds,
    }
