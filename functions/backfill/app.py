"""Called by S3 Batch Operations: pictures that already lie in the upload bucket go down the same way."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from sora_ready.adapters.buckets import OutputBucket, UploadBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.catalog import load_catalog
from sora_ready.entrypoints.s3_batch import BatchTask, TaskResult, answer_tasks
from sora_ready.entrypoints.settings import BackfillSettings
from sora_ready.pipeline.backfill import Backfill

logger = Logger()


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take up the picture of each task; answer for each what the batch job's report says of it."""
    return answer_tasks(event, process)


def process(task: BatchTask) -> TaskResult:
    """Take up the picture that one task names."""
    result = wire().process(task)
    logger.info("task answered", batch_job=task.batch_job, task_id=task.id, result=str(result.code))
    return result


@cache
def wire() -> Backfill:
    """Connect the step to this stack, once for each execution environment."""
    settings = BackfillSettings.from_environment()
    s3 = boto3.client("s3")
    return Backfill(
        jobs=JobTable(boto3.client("dynamodb"), settings.jobs_table),
        uploads=UploadBucket(s3),
        outputs=OutputBucket(s3, settings.output_bucket),
        catalog=load_catalog(settings.video_models),
        defaults=settings.defaults(),
        upload_bucket=settings.upload_bucket,
        max_source_bytes=settings.max_source_bytes,
        decode_timeout_seconds=settings.decode_timeout_seconds,
    )
