"""A whole stack under a clock that the test sets: the real pipeline steps, and the fake video server.

The queues are simulated, so a message can be lost, duplicated, late or out of order. A worker can be killed at any
boundary: after any call to AWS, after any request to the video server, before its first and after its last.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from local.fake_video_server import LoggedRequest
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.metrics import Metrics
from sora_ready.adapters.output_bucket import OutputBucket, job_id_of_ready_key
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.job import FINAL, Job, SourceObject
from sora_ready.domain.job_id import make_job_id
from sora_ready.domain.reconciliation import RECONCILE_BACKOFF
from sora_ready.entrypoints.sqs import retry_delay_seconds
from sora_ready.pipeline.apply_operator_decision import ApplyOperatorDecision
from sora_ready.pipeline.dead_letters import Queue, mark_dead_letter, mark_dead_upload
from sora_ready.pipeline.normalize import Normalize
from sora_ready.pipeline.reconcile import Reconcile
from sora_ready.pipeline.submit import Submit
from sora_ready.pipeline.sweep import Sweep
from sora_ready.pipeline.track import Track
from tests.faults.clocked_s3 import ClockedS3
from tests.faults.in_process_server import InProcessServer, InProcessTransport
from tests.faults.kill_points import KillableVideoServer, KillPoints, WorkerKilled

UPLOADS, OUTPUTS = "uploads", "outputs"
CATALOG = load_catalog(
    '{"tiny": {"seconds": [1], "usd_per_second": {"64x48": "0.40"}},'
    ' "expensive": {"seconds": [1], "usd_per_second": {"64x48": "1.20"}}}'
)
DEFAULTS = {"size": "auto", "mode": "cover", "background": "black", "model": "tiny", "seconds": "1", "prompt": "a sea"}
# The template's maxReceiveCount and VisibilityTimeout of each queue.
MAX_RECEIVES = {"normalize": 3, "submit": 20, "track": 5}
VISIBILITY_SECONDS = {"normalize": 360, "submit": 720, "track": 1800}
SWEEP_INTERVAL = timedelta(minutes=5)


@dataclass
class Message:
    """A message in one of the queues. `receives` counts its deliveries; it is visible again at `due_at`."""

    queue: str
    body: Any
    due_at: datetime
    number: int
    receives: int = 0


@dataclass
class Clock:
    """The time for everything in the stack, the video server included. It only moves forward."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def unix(self) -> float:
        return self.moment.timestamp()

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass(frozen=True)
class Delivery:
    """How messages are delivered: `copies` of each, each delayed at random, due ones in random order if `shuffled`."""

    copies: int = 1
    max_delay_seconds: float = 0
    shuffled: bool = False


ONCE = Delivery()


@dataclass
class SimulatedStack:
    """One stack with its queues and its clock. `aws` holds the AWS clients by service name."""

    aws: Mapping[str, Any]
    table: str
    fake_server: InProcessServer
    transport: InProcessTransport
    client: VideoServerClient
    clock: Clock
    kill_points: KillPoints
    delivery: Delivery = ONCE
    budget: Decimal = Decimal(25)
    sweep_limit: int = 500
    messages: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    sources: list[SourceObject] = field(default_factory=list)
    decisions: list[tuple[str, str]] = field(default_factory=list)
    aws_calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(0)
        self._highest_budget = self.budget
        self._ended: set[SourceObject] = set()
        self.numbers = itertools.count()
        self.jobs = JobTable(self.aws["dynamodb"], self.table, now=self.clock)
        self.ledger = Ledger(self.aws["dynamodb"], f"{self.table}-ledger", self.jobs, pause=lambda _: None)
        self.s3 = ClockedS3(self.aws["s3"], self.clock)
        self.uploads = UploadBucket(cast("Any", self.s3))
        self.outputs = OutputBucket(self.aws["s3"], OUTPUTS)
        self.video_server = cast("Any", KillableVideoServer(self.client, self.kill_points))
        self.queues = cast("Any", self)
        self.next_sweep = self.clock() + SWEEP_INTERVAL
        self.normalize = Normalize(
            jobs=self.jobs,
            uploads=self.uploads,
            outputs=self.outputs,
            catalog=CATALOG,
            defaults=DEFAULTS,
            max_source_bytes=1_000_000,
            decode_timeout_seconds=90,
        )
        self.track = Track(
            jobs=self.jobs,
            outputs=self.outputs,
            video_server=self.video_server,
            track_queue=self.queues,
            reconcile=Reconcile(self.jobs, self.ledger, self.video_server, self.queues, Metrics("simulated")),
            max_video_bytes=10_000_000,
            deadline=timedelta(minutes=120),
        )

    # ---- the methods of the three queue adapters

    def send_upload(self, source: SourceObject) -> None:
        self._send("normalize", source)

    def send_job(self, job_id: str) -> None:
        self._send("submit", (job_id, None))

    def send_poll(self, job_id: str, *, polls: int, delay_seconds: int) -> None:
        self._send("track", (job_id, polls), delay_seconds)

    # ---- users and operators

    def upload(self, key: str, picture: bytes, prompt: str, **options: str) -> SourceObject:
        """Upload a picture; S3 sends its event."""
        metadata = {"prompt": prompt} | options
        response = self.aws["s3"].put_object(Bucket=UPLOADS, Key=key, Body=picture, Metadata=metadata)
        source = SourceObject(UPLOADS, key, response["ETag"].strip('"'), None, f"{next(self.numbers):018d}")
        self._send("normalize", source)
        # The event does not have the object's LastModified.
        self.sources.append(replace(source, modified=self.s3.last_modified(UPLOADS, key)))
        return self.sources[-1]

    def resolve(self, source: SourceObject, decision: str, video_id: str = "") -> Job:
        """Apply an operator's decision about an `unconfirmed` job."""
        resolve = ApplyOperatorDecision(self.jobs, self.ledger, self.queues, self.queues)
        job = resolve(make_job_id(source), decision, video_id=video_id)
        self.decisions.append((job.id, decision))
        return job

    # ---- what tests check

    def find_job(self, source: SourceObject) -> Job | None:
        return self.jobs.get_job(make_job_id(source))

    def job(self, source: SourceObject) -> Job:
        """Return the job of an upload. Fails if it has no record."""
        job = self.find_job(source)
        assert job, f"{source.key} has no record"
        return job

    def accepted(self) -> list[LoggedRequest]:
        """Return every POST that the server accepted, and would have billed."""
        return self.fake_server.request_log.accepted()

    @property
    def highest_budget(self) -> Decimal:
        """The highest budget so far: a lower one takes back nothing that is spent."""
        self._highest_budget = max(self._highest_budget, self.budget)
        return self._highest_budget

    # ---- time

    def run(self, hours: float = 8) -> None:
        """Deliver due messages, and sweep every five minutes, until the stack is idle or `hours` have passed."""
        end = self.clock() + timedelta(hours=hours)
        while self.clock() < end and not self.is_idle():
            soonest = min([*(message.due_at for message in self.messages), self.next_sweep])
            self.clock.moment = max(self.clock(), min(soonest, end))
            if self.clock() >= self.next_sweep:
                self.sweep()
            due = self.due_messages()
            if due:
                self.deliver(self.random.choice(due) if self.delivery.shuffled else due[0])

    def due_messages(self) -> list[Message]:
        """Return the messages that may be delivered now, the longest due first."""
        due = [message for message in self.messages if message.due_at <= self.clock()]
        return sorted(due, key=lambda message: (message.due_at, message.number))

    def is_idle(self) -> bool:
        """Return whether nothing more happens by itself: every job has ended or waits for an operator."""
        return not self.messages and all(map(self._is_settled, self.sources))

    def _is_settled(self, source: SourceObject) -> bool:
        if source not in self._ended:
            job = self.find_job(source)
            if job is None:  # every worker was killed before it wrote the record
                return source.key in {message.body.key for message in self.dead_letters if message.queue == "normalize"}
            if job.status not in FINAL and not waits_for_operator(job):
                return False
            if job.status in FINAL:
                self._ended.add(source)
        return True

    def deliver(self, message: Message) -> None:
        """Deliver a message to a new worker. It is deleted once the step returns, or after its last receive."""
        message.receives += 1
        message.due_at = self.clock() + timedelta(seconds=VISIBILITY_SECONDS[message.queue])
        is_last = message.receives >= MAX_RECEIVES[message.queue]
        try:
            with self.kill_points.worker(message.queue):
                self._run_step(message)
                # The worker is done, and its message is not deleted yet.
                self.kill_points.pass_boundary("done")
        except WorkerKilled:
            if is_last:
                self._move_to_dead_letters(message)
        except Exception as error:  # noqa: BLE001 - whatever a step raises, its message is delivered again
            if is_last:
                self._move_to_dead_letters(message)
                self._mark_dead_letter(message, error)
        else:
            self._delete(message)

    def sweep(self) -> dict[str, int] | None:
        """Sweep once; return what the sweep does, None if its worker was killed."""
        self.next_sweep = self.clock() + SWEEP_INTERVAL
        queues = self.queues
        sweep = Sweep(self.jobs, self.ledger, queues, queues, queues, self.budget, self.sweep_limit)
        with suppress(WorkerKilled), self.kill_points.worker("sweep"):
            resumed = sweep()
            self.kill_points.pass_boundary("done")
            return resumed
        return None

    # ---- the queues and their workers

    def _send(self, queue: str, body: Any, delay_seconds: float = 0) -> None:
        for _ in range(self.delivery.copies):
            random_delay = self.random.uniform(0, self.delivery.max_delay_seconds)
            due_at = self.clock() + timedelta(seconds=delay_seconds + random_delay)
            self.messages.append(Message(queue, body, due_at, next(self.numbers)))

    def _delete(self, message: Message) -> None:
        # While a worker was paused, another may have processed its message.
        if message in self.messages:
            self.messages.remove(message)

    def _move_to_dead_letters(self, message: Message) -> None:
        self._delete(message)
        self.dead_letters.append(message)

    def _mark_dead_letter(self, message: Message, error: Exception) -> None:
        if message.queue == "normalize":
            mark_dead_upload(message.body, error, self.jobs, self.uploads)
        else:
            mark_dead_letter(message.body[0], Queue(message.queue.title()), error, self.jobs)

    def _run_step(self, message: Message) -> None:
        if message.queue == "normalize":
            self.normalize(message.body)
        elif message.queue == "submit":
            self._submit(message)
        else:
            job_id, polls = message.body
            self.track(job_id, polls, redelivered=message.receives > 1)

    def _submit(self, message: Message) -> None:
        job_id, copy_key = message.body
        submit = Submit(
            jobs=self.jobs,
            ledger=self.ledger,
            outputs=self.outputs,
            video_server=self.video_server,
            track_queue=self.queues,
            lease_seconds=180,
            budget=self.budget,
        )
        try:
            submit(job_id, copy_key, redelivered=message.receives > 1)
        except Exception as error:
            seconds = min(retry_delay_seconds(error, message.receives), 3600)
            message.due_at = self.clock() + timedelta(seconds=seconds)
            raise

    # ---- AWS

    def note_aws_call(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Run after each call to AWS: S3 sends an event for a saved copy, and the worker may be killed."""
        self.aws_calls.append(f"{service}.{operation}")
        self.s3.note_call(operation, params)
        if operation == "PutObject" and params["bucket"] == OUTPUTS:
            job_id = job_id_of_ready_key(params["key"])
            if job_id:
                self._send("submit", (job_id, params["key"]))
        self.kill_points.pass_boundary(f"{service}.{operation}")


def waits_for_operator(job: Job) -> bool:
    """Return whether only an operator moves the job, and its record says so."""
    alerted = job.reconciliation.checks > len(RECONCILE_BACKOFF)
    return (job.error is not None and job.error.code == "dead_letter") or (job.status == "unconfirmed" and alerted)


def utc_day(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).date().isoformat()
