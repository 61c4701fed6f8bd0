"""A stack over fake AWS, and what tests put into it: pictures, jobs in any status, sample events."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from PIL import Image, ImageDraw
from samtranslator.yaml_helper import yaml_parse

from local.fake_video_server import LoggedRequest, ModelRules, RequestLog
from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.job_table import DueJob, JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.errors import SubmissionUnconfirmed
from sora_ready.domain.job import (
    DUE_AFTER,
    HistoryEntry,
    Invocation,
    Job,
    JobChanges,
    JobRequest,
    Polling,
    ReadyCopy,
    Reconciliation,
    ServerVideo,
    SourceObject,
    Status,
    Submission,
    SweepPartition,
    timestamp,
)
from sora_ready.domain.job_id import make_job_id
from sora_ready.domain.spending import budget_day
from sora_ready.pipeline.unconfirmed import mark_unconfirmed

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))

# The names in the sample events, which the tests use unchanged.
UPLOAD_BUCKET = "sora-ready-uploads-123456789012"
OUTPUT_BUCKET = "sora-ready-output-123456789012"

KEY = "sk-loopback-5e55"
TOKEN = "7Qm2vXw9KdLr4TnBz8PfHs6YcJg3RtEa"
"""The API's bearer token, as the sample events have it."""
MODELS = '{"tiny": {"seconds": [4], "usd_per_second": {"64x48": "0.10", "48x64": "0.10"}}}'
CATALOG = {"tiny": ModelRules(("64x48", "48x64"), ("4",))}
DAY = "2026-11-12"
"""The day of the tests' clock."""
PRICE, BUDGET = Decimal("0.40"), Decimal(25)
DEFAULTS = {
    "size": "auto",
    "mode": "cover",
    "focus": "center",
    "background": "black",
    "format": "jpeg",
    "quality": "95",
    "model": "tiny",
    "seconds": "4",
    "prompt": "Bring this picture to life.",
}

PATHS: Mapping[Status, tuple[Status, ...]] = {
    Status.RECEIVED: (Status.RECEIVED,),
    Status.READY: (Status.READY,),
    Status.REJECTED: (Status.REJECTED,),
    Status.HELD: (Status.READY, Status.HELD),
    Status.CANCELED: (Status.READY, Status.CANCELED),
    Status.DELETED: (Status.READY, Status.CANCELED, Status.DELETED),
    Status.SUBMITTING: (Status.READY, Status.SUBMITTING),
    Status.UNCONFIRMED: (Status.READY, Status.SUBMITTING, Status.UNCONFIRMED),
    Status.QUEUED: (Status.READY, Status.SUBMITTING, Status.QUEUED),
    Status.IN_PROGRESS: (Status.READY, Status.SUBMITTING, Status.QUEUED, Status.IN_PROGRESS),
    Status.COMPLETED: (Status.READY, Status.SUBMITTING, Status.QUEUED, Status.COMPLETED),
    Status.FAILED: (Status.READY, Status.SUBMITTING, Status.FAILED),
}
"""A path to each status, from the first status of a record."""


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)

    def unix(self) -> float:
        return self.moment.timestamp()


class AwsCalls:
    """Every call to AWS, in order, as `service.Operation`. botocore's own retries are not counted."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, Any]] = []

    def record(self, model: Any, params: Mapping[str, Any], **_: Any) -> None:
        self._calls.append((f"{model.service_model.service_name}.{model.name}", params.get("body")))

    def names(self) -> list[str]:
        return [name for name, _ in self._calls]

    def sent(self, name: str) -> list[dict[str, Any]]:
        """The arguments of each call of this name; only for services that speak JSON."""
        return [json.loads(body) for called, body in self._calls if called == name]

    def clear(self) -> None:
        self._calls.clear()


class RequestLogFromNow(RequestLog):
    """A request log without its earlier entries."""

    def __init__(self, request_log: RequestLog) -> None:
        self._request_log = request_log
        self._before = len(request_log.entries())

    def entries(self) -> list[LoggedRequest]:
        return self._request_log.entries()[self._before :]


class OneAtATime:
    """A client whose calls happen one after the other, as DynamoDB orders writes to one item. moto does not."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            with self._lock:
                return getattr(self._client, name)(**arguments)

        return call


@dataclass(frozen=True)
class Stack:
    """One deployed stack: its resources in AWS, and the adapters over them."""

    s3: Any
    dynamodb: Any
    sqs: Any
    calls: AwsCalls
    clock: Clock
    jobs: JobTable
    ledger: Ledger
    uploads: UploadBucket
    outputs: OutputBucket
    normalize_queue: NormalizeQueue
    submit_queue: SubmitQueue
    track_queue: TrackQueue
    table: str
    ledger_table: str
    normalize_queue_url: str
    submit_queue_url: str
    track_queue_url: str

    def upload(self, key: str, data: bytes, *, bucket: str = UPLOAD_BUCKET, **options: Any) -> SourceObject:
        """Upload an object; return it as S3's event names it."""
        response = self.s3.put_object(Bucket=bucket, Key=key, Body=data, **options)
        return SourceObject(bucket, key, response["ETag"].strip('"'), response.get("VersionId"), "00617F08299329D189")

    def output_keys(self, prefix: str = "") -> list[str]:
        listing = self.s3.list_objects_v2(Bucket=OUTPUT_BUCKET, Prefix=prefix)
        return [entry["Key"] for entry in listing.get("Contents", [])]

    def polls(self) -> list[tuple[dict[str, Any], int]]:
        """The messages sent to the track queue: body and delay in seconds of each."""
        sent = self.calls.sent("sqs.SendMessage")
        assert all(message["QueueUrl"] == self.track_queue_url for message in sent)
        return [(json.loads(message["MessageBody"]), message["DelaySeconds"]) for message in sent]

    def messages(self, url: str) -> list[dict[str, Any]]:
        """The bodies of the messages sent to one queue."""
        sent = self.calls.sent("sqs.SendMessage")
        return [json.loads(message["MessageBody"]) for message in sent if message["QueueUrl"] == url]

    def spent(self, day: str = DAY) -> Decimal:
        return self.ledger.read_spent(day)

    def due_row(self, job: Job) -> DueJob | None:
        """The job's row in the index by-due, due now or later; None if it has none."""
        return next((row for rows in self.due_rows().values() for row in rows if row.job_id == job.id), None)

    def due_rows(self) -> dict[str, list[DueJob]]:
        """The rows of each partition of the index by-due, the first due first."""
        query = self.jobs._query_due
        return {
            partition: list(query("due_partition = :partition", {":partition": {"S": str(partition)}}))
            for partition in SweepPartition
        }

    def ready_job(
        self,
        key: str = "beach.jpg",
        *,
        job_id: str = "",
        copy_key: str = "",
        prompt: str = "a calm sea",
        price: str = "0.40",
        invocation: Invocation | None = None,
    ) -> Job:
        """Record a `ready` job, and save its copy."""
        source = SourceObject(UPLOAD_BUCKET, key, "b1946ac92492d2347c6235b4d2611184", "v1")
        job = make_job(source, job_id)
        copy = make_copy(job.id, copy_key)
        self.s3.put_object(Bucket=OUTPUT_BUCKET, Key=copy.key, Body=jpeg(64, 48), ContentType="image/jpeg")
        request = make_request(prompt=prompt, price_usd=Decimal(price))
        job = replace(job, request=request, copy=copy, created_at=timestamp(self.clock()))
        return self.jobs.put_job(replace(job, invocation=invocation or Invocation()))

    def sent_job(self, video_id: str, status: Status = Status.QUEUED, *, polls: int = 0, **options: Any) -> Job:
        """Record a job whose video the server makes under this id, after so many polls."""
        job = self.ready_job(**options)
        return move_along(self.jobs, job, PATHS[status][1:], video_id, polls)

    def claimed_job(self, key: str = "beach.jpg", *, price: Decimal = PRICE, **options: Any) -> Job:
        """Record a `submitting` job: its price is taken from the day's budget, and its lease runs."""
        job = self.ready_job(key, **options)
        return self.ledger.claim_job(job, new_submission(self.clock, price), budget=BUDGET)

    def unconfirmed_job(self, key: str = "beach.jpg", **options: Any) -> Job:
        """Record an `unconfirmed` job."""
        error = SubmissionUnconfirmed("The connection broke")
        return mark_unconfirmed(self.claimed_job(key, **options), error, self.jobs)


def make_request(**fields: Any) -> JobRequest:
    """Return a job's request, with these fields replaced."""
    request = JobRequest(
        model="tiny",
        size="64x48",
        requested_size="auto",
        seconds=4,
        mode="cover",
        focus="0.5 0.5",
        crop="0 0 1 1",
        background="000000",
        format="jpeg",
        quality=95,
        prompt="a calm sea",
        price_usd=PRICE,
    )
    return replace(request, **fields)


def make_copy(job_id: str, key: str = "") -> ReadyCopy:
    """Return the ready copy of a job as its record holds it."""
    frame = jpeg(64, 48)
    digest = hashlib.sha256(frame).hexdigest()
    return ReadyCopy(
        bucket=OUTPUT_BUCKET,
        key=key or f"ready/{job_id}-{digest[:12]}.jpg",
        content_type="image/jpeg",
        width=64,
        height=48,
        mode="cover",
        background="000000",
        region=(0.0, 0.0, 1.0, 1.0),
        bytes=len(frame),
        sha256=digest,
    )


def make_job(source: SourceObject | None = None, job_id: str = "", status: Status = Status.READY) -> Job:
    source = source or SourceObject(UPLOAD_BUCKET, "beach.jpg", "b1946ac92492d2347c6235b4d2611184", "v1")
    created_at = "2026-11-12T08:00:00.000Z"
    return Job(job_id or make_job_id(source), status, source, created_at, created_at, request=make_request())


def bring_to(jobs: JobTable, status: Status) -> Job:
    """Write a job as it is after its path to `status`: in one call, without a condition."""
    history = tuple(HistoryEntry(step, "2026-11-12T08:00:00.000Z") for step in PATHS[status])
    job = replace(make_job(status=status), history=history)
    if Status.QUEUED in PATHS[status]:
        job = replace(job, server=ServerVideo("video_at_server", "queued"))
    if status in DUE_AFTER:
        job = replace(job, due_at=timestamp(jobs.now() + DUE_AFTER[status]))
    jobs._client.put_item(TableName=jobs.table, Item=write_item(job))
    return job


def new_submission(clock: Callable[[], datetime], price: Decimal = PRICE) -> Submission:
    """Return a submission that starts now, as `submit` records it."""
    lease_until = clock() + timedelta(minutes=3)
    return Submission(str(uuid4()), timestamp(clock()), timestamp(lease_until), price, budget_day(clock()))


def move_along(jobs: JobTable, job: Job, steps: Any, video_id: str = "video_at_server", polls: int = 0) -> Job:
    """Move a job along `steps`, each with the parts that it records, without the ledger."""
    now = timestamp(jobs.now())
    parts: dict[Status, JobChanges] = {
        Status.SUBMITTING: {"submission": new_submission(jobs.now)},
        Status.UNCONFIRMED: {"reconciliation": Reconciliation(since=now)},
        Status.QUEUED: {"server": ServerVideo(video_id, "queued"), "polling": Polling(polls, now)},
    }
    for step in steps:
        job = jobs.move_job(job.id, step, **parts.get(step, {}))
    return job


def picture(width: int, height: int, kind: str = "JPEG") -> bytes:
    """Return a picture with shapes in it, encoded as `kind`."""
    image = Image.new("RGB", (width, height), (40, 90, 160))
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=(250, 220, 120))
    return encoded(image, kind)


def encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def jpeg(width: int, height: int) -> bytes:
    return picture(width, height)


def load_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / name).read_text(encoding="utf-8"))
    return event


def eventually(read: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """Read until `enough` says so, and return what was read. Fails the test after a minute."""
    deadline = time.monotonic() + 60
    while not enough(got := read()):
        assert time.monotonic() < deadline, f"still {got}"
        time.sleep(0.01)
    return got
