"""What the tests build with: a stack, pictures, jobs brought to a status, and events."""

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
from sora_ready.adapters.buckets import OutputBucket, UploadBucket

from local.fake_video_server import LoggedRequest, ModelRules, RequestLog
from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.job_table import DueJob, JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.domain.errors import SubmissionUnconfirmed
from sora_ready.domain.job import DUE_AFTER, Job, SourceObject, Status, SweepPartition, make_job_id, timestamp
from sora_ready.domain.reconciliation import fingerprint
from sora_ready.pipeline.reconcile import mark_unconfirmed

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))

# The names that the samples in events/ use, so that the samples can be taken as they are.
UPLOAD_BUCKET = "sora-ready-uploads-123456789012"
OUTPUT_BUCKET = "sora-ready-output-123456789012"

KEY = "sk-loopback-5e55"
TOKEN = "7Qm2vXw9KdLr4TnBz8PfHs6YcJg3RtEa"
"""What opens the API; the samples in events/ show it."""
MODELS = '{"tiny": {"seconds": [4], "usd_per_second": {"64x48": "0.10", "48x64": "0.10"}}}'
CATALOG = {"tiny": ModelRules(("64x48", "48x64"), ("4",))}
DAY = "2026-11-12"
"""The day on which the tests' clock stands."""
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

WAYS: Mapping[Status, tuple[Status, ...]] = {
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
"""A way to each status, from the first status of a record on."""


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)

    def unix(self) -> float:
        return self.moment.timestamp()


class AwsCalls:
    """Every call to AWS, in order, as `service.Operation`; botocore's own repeats are not counted."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, Any]] = []

    def note(self, model: Any, params: Mapping[str, Any], **_: Any) -> None:
        self._calls.append((f"{model.service_model.service_name}.{model.name}", params.get("body")))

    def names(self) -> list[str]:
        return [name for name, _ in self._calls]

    def sent(self, name: str) -> list[dict[str, Any]]:
        """What each call of this name carried; only for the services that speak JSON."""
        return [json.loads(body) for called, body in self._calls if called == name]

    def clear(self) -> None:
        self._calls.clear()


class RequestLogFromNow(RequestLog):
    """A ledger without what was in it before."""

    def __init__(self, ledger: RequestLog) -> None:
        self._ledger = ledger
        self._before = len(ledger.entries())

    def entries(self) -> list[LoggedRequest]:
        return self._ledger.entries()[self._before :]


class OneAtATime:
    """A client whose calls happen one after the other, as writes to one item do in DynamoDB; moto has no such order."""

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
    """One deployed stack: its parts in AWS, and the adapters over them."""

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
        """Drop an object and return it as S3's event would name it."""
        answer = self.s3.put_object(Bucket=bucket, Key=key, Body=data, **options)
        return SourceObject(bucket, key, answer["ETag"].strip('"'), answer.get("VersionId"), "00617F08299329D189")

    def output_keys(self, prefix: str = "") -> list[str]:
        listing = self.s3.list_objects_v2(Bucket=OUTPUT_BUCKET, Prefix=prefix)
        return [entry["Key"] for entry in listing.get("Contents", [])]

    def polls(self) -> list[tuple[dict[str, Any], int]]:
        """The messages sent to the track queue: what each says and its delay in seconds."""
        sent = self.calls.sent("sqs.SendMessage")
        assert all(message["QueueUrl"] == self.track_queue_url for message in sent)
        return [(json.loads(message["MessageBody"]), message["DelaySeconds"]) for message in sent]

    def messages(self, url: str) -> list[dict[str, Any]]:
        """The messages sent to one of the queues."""
        sent = self.calls.sent("sqs.SendMessage")
        return [json.loads(message["MessageBody"]) for message in sent if message["QueueUrl"] == url]

    def spent(self, day: str = DAY) -> Decimal:
        return self.ledger.read_spent(day)

    def resumed(self, job: Job) -> DueJob | None:
        """The job as the index by-due holds it, however far its time is; None where nothing wakes it."""
        return next((row for rows in self.lines().values() for row in rows if row.job_id == job.id), None)

    def lines(self) -> dict[str, list[DueJob]]:
        """What waits in each line of the index by-due, the first to be resumed first."""
        query = self.jobs._query_due
        return {line: list(query("#wake = :line", {":line": {"S": str(line)}})) for line in SweepPartition}

    def ready_job(
        self,
        key: str = "beach.jpg",
        *,
        job_id: str = "",
        copy_key: str = "",
        prompt: str = "a calm sea",
        price: str = "0.40",
        caller: Mapping[str, Any] | None = None,
    ) -> Job:
        """Record a job that is ready, and save its copy."""
        source = SourceObject(UPLOAD_BUCKET, key, "b1946ac92492d2347c6235b4d2611184", "v1")
        job_id = job_id or make_job_id(source)
        frame = jpeg(64, 48)
        digest = hashlib.sha256(frame).hexdigest()
        copy_key = copy_key or f"ready/{job_id}-{digest[:12]}.jpg"
        self.s3.put_object(Bucket=OUTPUT_BUCKET, Key=copy_key, Body=frame, ContentType="image/jpeg")
        job = make_job(source, job_id)
        copy = {"bucket": OUTPUT_BUCKET, "key": copy_key, "content_type": "image/jpeg", "sha256": digest}
        request = {**job.request, "prompt": prompt, "price_usd": price}
        made = {"created_at": timestamp(self.clock()), "caller": caller or {}}
        return self.jobs.put_job(replace(job, request=request, copy=copy, **made))

    def sent_job(self, video_id: str, status: Status = Status.QUEUED, *, polls: int = 0, **options: Any) -> Job:
        """Record a job whose video is at the server under this id, after so many looks."""
        job = self.ready_job(**options)
        return follow(self.jobs, job, WAYS[status][1:], video_id, polls)

    def claimed_job(self, key: str = "beach.jpg", *, price: Decimal = PRICE, **options: Any) -> Job:
        """Record a job that is being sent: its price is taken from the day, its worker's lease runs."""
        job = self.ready_job(key, **options)
        return self.ledger.claim_job(job, new_attempt(self.clock), fingerprint(job.request), price=price, budget=BUDGET)

    def doubted_job(self, key: str = "beach.jpg", **options: Any) -> Job:
        """Record a job that may have been sent."""
        return mark_unconfirmed(
            self.claimed_job(key, **options), SubmissionUnconfirmed("The connection broke"), self.jobs
        )


def make_job(source: SourceObject | None = None, job_id: str = "", status: Status = Status.READY) -> Job:
    source = source or SourceObject(UPLOAD_BUCKET, "beach.jpg", "b1946ac92492d2347c6235b4d2611184", "v1")
    request = {"model": "tiny", "size": "64x48", "seconds": 4, "prompt": "a calm sea", "price_usd": "0.40"}
    made = "2026-11-12T08:00:00.000Z"
    return Job(job_id or make_job_id(source), status, source, made, made, request=request)


def bring_to(jobs: JobTable, status: Status) -> Job:
    """Write a job as it stands once it has gone its way to `status`: in one call, past all conditions."""
    job = make_job(status=status)
    history = [{"status": str(step), "at": "2026-11-12T08:00:00.000Z"} for step in WAYS[status]]
    sent = {"server": {"id": "video_at_server", "status": "queued"}} if Status.QUEUED in WAYS[status] else {}
    record = job.as_record() | sent | {"history": history}
    if status in DUE_AFTER:
        record["due_at"] = timestamp(jobs.now() + DUE_AFTER[status])
    jobs._client.put_item(TableName=jobs.table, Item=write_item(record))
    return Job.from_record(record)


def new_attempt(clock: Callable[[], datetime]) -> dict[str, Any]:
    """A try to send a job that begins now, as submit writes it down."""
    until = clock() + timedelta(minutes=3)
    return {"id": str(uuid4()), "started_at": timestamp(clock()), "lease_until": timestamp(until)}


def follow(jobs: JobTable, job: Job, steps: Any, video_id: str = "video_at_server", polls: int = 0) -> Job:
    """Move a job along `steps`, each with the parts of the record that come with it; the ledger is not asked."""
    attempt = new_attempt(jobs.now) | {"usd": str(PRICE), "day": DAY}
    parts: dict[Status, dict[str, Any]] = {
        Status.SUBMITTING: {"attempt": attempt},
        Status.UNCONFIRMED: {"doubt": {"since": timestamp(jobs.now()), "looks": 0}},
        Status.QUEUED: {
            "server": {"id": video_id, "status": "queued"},
            "follow": {"polls": polls, "since": timestamp(jobs.now())},
        },
    }
    for step in steps:
        job = jobs.move_job(job.id, step, **parts.get(step, {}))
    return job


def picture(width: int, height: int, kind: str = "JPEG") -> bytes:
    """A picture with shapes in it, encoded as `kind`."""
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
    """Read until it is enough; what never becomes so fails the test, whatever the machine's pace."""
    deadline = time.monotonic() + 60
    while not enough(got := read()):
        assert time.monotonic() < deadline, f"still {got}"
        time.sleep(0.01)
    return got
