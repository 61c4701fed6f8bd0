"""What the operations of the API work with, and the lookups they share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

from sora_ready.adapters.job_list import JobList
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.adapters.recent_requests import RecentRequests
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.catalog import Catalog, load_catalog
from sora_ready.domain.codec import JsonObject, JsonValue
from sora_ready.domain.errors import JobNotFound
from sora_ready.domain.job import FINAL, Job
from sora_ready.domain.job_id import ApiUploads, hash_job_id, is_job_id
from sora_ready.entrypoints.api.errors import ParameterRejected
from sora_ready.entrypoints.api.http import Request
from sora_ready.entrypoints.api.video_object import describe_video
from sora_ready.entrypoints.settings import ApiSettings
from sora_ready.pipeline.create_job import NewJob

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

MAX_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True)
class ApiContext:
    """The adapters and settings of one stack. The queues are opened only by the operation that sends messages."""

    jobs: JobTable
    job_list: JobList
    ledger: Ledger
    recent_requests: RecentRequests
    uploads: UploadBucket
    api_uploads: ApiUploads
    outputs: OutputBucket
    open_queues: Callable[[], tuple[SubmitQueue, TrackQueue]]
    catalog: Catalog
    defaults: Mapping[str, str]
    max_source_bytes: int

    def describe(self, job: Job) -> JsonObject:
        """Return a job as a Video object."""
        return describe_video(job, self.defaults, self.catalog)

    def find_job(self, request: Request) -> Job:
        """Return the job in a request's path. Raises `JobNotFound`."""
        job_id = request.path["video_id"]
        # DynamoDB fails on a key that is too long.
        if not is_job_id(job_id):
            raise JobNotFound(job_id[:80])
        return self.jobs.find_job(job_id)

    def new_job(self, request: Request, options: Mapping[str, str], file_name: str, *identity: JsonValue) -> NewJob:
        """Return the job that a request asks for; `options` and `identity` tell it from others under its key.

        Raises `ParameterRejected`.
        """
        body_sha256 = sha256(json.dumps([options, *identity], sort_keys=True).encode()).hexdigest()
        return NewJob(self._choose_job_id(request, body_sha256), options, body_sha256, file_name)

    def _choose_job_id(self, request: Request, body_sha256: str) -> str:
        """Return the same id for the same Idempotency-Key.

        The SDK retries a request whose response was lost, without a key. Such a retry gets the job that the same body
        created recently, unless that job has ended.
        """
        key = request.headers.get("idempotency-key")
        if key is None:
            recent = self.recent_requests.get(body_sha256, self.jobs.now()) if request.repeated else None
            job = self.jobs.get_job(recent) if recent else None
            if recent and not (job and job.status in FINAL):
                return recent
            job_id = hash_job_id(self.api_uploads.bucket, "api", str(uuid4()))
            # Before the job is recorded: a request that fails in between is retried too.
            self.recent_requests.put(body_sha256, job_id, self.jobs.now())
            return job_id
        if not 0 < len(key.strip()) <= MAX_IDEMPOTENCY_KEY:
            raise ParameterRejected(
                "invalid_idempotency_key", f"It has 1 to {MAX_IDEMPOTENCY_KEY} characters.", param="Idempotency-Key"
            )
        return hash_job_id(self.api_uploads.bucket, "api", key)


def build_context(
    settings: ApiSettings,
    s3: S3Client,
    dynamodb: DynamoDBClient,
    open_queues: Callable[[], tuple[SubmitQueue, TrackQueue]],
) -> ApiContext:
    """Return the context of the stack that the settings name."""
    jobs = JobTable(dynamodb, settings.jobs_table)
    return ApiContext(
        jobs=jobs,
        job_list=JobList(dynamodb, settings.jobs_table),
        ledger=Ledger(dynamodb, settings.ledger_table, jobs),
        recent_requests=RecentRequests(dynamodb, settings.ledger_table),
        uploads=UploadBucket(s3),
        api_uploads=ApiUploads(settings.upload_bucket, settings.upload_prefix),
        outputs=OutputBucket(s3, settings.output_bucket),
        open_queues=open_queues,
        catalog=load_catalog(settings.video_models),
        defaults=settings.defaults,
        max_source_bytes=settings.max_source_bytes,
    )
