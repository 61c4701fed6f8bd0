"""Invoked by S3 Batch Operations: pictures that lie in the upload bucket already become jobs."""

from __future__ import annotations

from functools import cache

import boto3

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.logs import LambdaContext, LambdaEvent, bind_context
from sora_ready.entrypoints.s3_batch import process_tasks
from sora_ready.entrypoints.settings import BackfillSettings
from sora_ready.pipeline.backfill import Backfill
from sora_ready.pipeline.normalize import Normalize

settings = cache(BackfillSettings.from_environment)


def handler(event: LambdaEvent, context: LambdaContext) -> JsonObject:
    """Make each task's picture a job, and return the results for the batch job's report."""
    bind_context(context, settings().stack_name)
    return process_tasks(event, build_step())


@cache
def build_step() -> Backfill:
    """Connect the step to this stack, once for each execution environment."""
    s3 = boto3.client("s3")
    normalize = Normalize(
        jobs=JobTable(boto3.client("dynamodb"), settings().jobs_table),
        uploads=UploadBucket(s3),
        outputs=OutputBucket(s3, settings().output_bucket),
        catalog=load_catalog(settings().video_models),
        defaults=settings().defaults,
        max_source_bytes=settings().max_source_bytes,
        decode_timeout_seconds=settings().decode_timeout_seconds,
    )
    return Backfill(normalize, settings().upload_bucket)
