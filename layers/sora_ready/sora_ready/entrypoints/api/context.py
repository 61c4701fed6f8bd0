"""What the operations of the front context work with, and what they share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sora_ready.adapters.buckets import OutputBucket
from sora_ready.adapters.inbox import Inbox
from sora_ready.adapters.job_list import JobList
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger, open_tables
from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.adapters.recent_requests import RecentRequests
from sora_ready.domain.catalog import Catalog, load_catalog
from sora_ready.domain.errors import ParameterRejected, ResourceNotFound
from sora_ready.domain.job import FINAL, Job, Status, hash_job_id, is_job_id
from sora_ready.domain.request import parse_body
from sora_ready.entrypoints.api.http import Request
from sora_ready.entrypoints.api.video_object import describe_video
from sora_ready.entrypoints.settings import ApiSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The parts of a stack that the front context reaches. The queues are opened only where one is needed."""

    jobs: JobTable
    job_list: JobList
    ledger: Ledger
    inbox: Inbox
    recent_requests: RecentRequests
    outputs: OutputBucket
    open_queues: Callable[[], tuple[SubmitQueue, TrackQueue]]
    catalog: Catalog
    defaults: Mapping[str, str]
    max_source_bytes: int

    def describe(self, job: Job) -> dict[str, Any]:
        """Return a job as a Video object."""
        return describe_video(job, self.defaults, self.catalog)

    def find_job(self, call: Request) -> Job:
        """Return the job that a call's path names. Raises `ResourceNotFound`."""
        job_id = call.path["video_id"]
        # What can be no id is not looked for: DynamoDB refuses a key that is too long, with a fault.
        job = self.jobs.get_job(job_id) if is_job_id(job_id) else None
        if job is None or job.status is Status.DELETED:
            raise ResourceNotFound("video_not_found", f"There is no video {job_id[:80]}.", param="video_id")
        return job

    def validate_options(self, fields: Mapping[str, Any]) -> dict[str, str]:
        """Return what a body asks for, as text. Raises `RequestRejected` where no video could be made of it."""
        return parse_body(fields, self.defaults, self.catalog)

    def job_id_for(self, call: Request, body_sha256: str) -> str:
        """Return the id that a call's job gets: the same for the same Idempotency-Key. Raises `ParameterRejected`.

        The SDK repeats a call by itself whose answer was lost, with no such key, but says that it does: then the job
        that the same body made a while ago is meant, unless that has ended.
        """
        key = call.headers.get("idempotency-key")
        if key is None:
            return (self._find_earlier(body_sha256) if call.repeated else None) or self._name_new(body_sha256)
        if not 0 < len(key.strip()) <= MAX_KEY:
            raise ParameterRejected(
                "invalid_idempotency_key", f"It has 1 to {MAX_KEY} characters.", param="Idempotency-Key"
            )
        return hash_job_id(self.inbox.bucket, "api", key)

    def _name_new(self, body_sha256: str) -> str:
        job_id = hash_job_id(self.inbox.bucket, "api", str(uuid4()))
        # Before the job is on record: a call that dies in between is repeated too.
        self.recent_requests.put(body_sha256, job_id, self.jobs.now())
        return job_id

    def _find_earlier(self, body_sha256: str) -> str | None:
        job_id = self.recent_requests.get(body_sha256, self.jobs.now())
        known = self.jobs.get_job(job_id) if job_id else None
        return None if known and known.status in FINAL else job_id


def build_context(
    settings: ApiSettings,
    s3: S3Client,
    dynamodb: DynamoDBClient,
    open_queues: Callable[[], tuple[SubmitQueue, TrackQueue]],
) -> ApiContext:
    """Return the front context of the stack that the settings name."""
    return ApiContext(
        **open_tables(dynamodb, settings.jobs_table, settings.ledger_table),
        job_list=JobList(dynamodb, settings.jobs_table),
        inbox=Inbox(s3, settings.upload_bucket, settings.upload_prefix),
        recent_requests=RecentRequests(dynamodb, settings.ledger_table),
        outputs=OutputBucket(s3, settings.output_bucket),
        open_queues=open_queues,
        catalog=load_catalog(settings.video_models),
        defaults=settings.defaults,
        max_source_bytes=settings.max_source_bytes,
    )


def hash_body(*told: Any) -> str:
    """Return what tells one request from another under the same Idempotency-Key."""
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
