"""A whole stack under a clock that the test turns: real steps, the fake video server as the video server.

Queues are the stack's own, so that a message can be lost, doubled, late or out of order, and a worker can be killed at
any boundary: after any call to AWS, after any request to the video server, before its first and after its last.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

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
from sora_ready.pipeline.dead_letters import mark_dead_letter, mark_dead_upload
from sora_ready.pipeline.normalize import Normalize
from sora_ready.pipeline.reconcile import Reconcile
from sora_ready.pipeline.resolve import Resolve
from sora_ready.pipeline.submit import Submit
from sora_ready.pipeline.sweep import Sweep
from sora_ready.pipeline.track import Track
from tests.faults.clocked_s3 import DatedS3
from tests.faults.kill_points import KillableServer, Killed, KillPoints
from tests.faults.paid_server import PaidServer

UPLOADS, OUTPUTS = "uploads", "outputs"
CATALOG = load_catalog(
    '{"tiny": {"seconds": [1], "usd_per_second": {"64x48": "0.40"}},'
    ' "expensive": {"seconds": [1], "usd_per_second": {"64x48": "1.20"}}}'
)
DEFAULTS = {"size": "auto", "mode": "cover", "background": "black", "model": "tiny", "seconds": "1", "prompt": "a sea"}
# As the template has them: how often a message is tried, and how long it is invisible (seconds).
MAX_RECEIVES = {"normalize": 3, "submit": 20, "track": 5}
INVISIBLE = {"normalize": 360, "submit": 720, "track": 1800}
SWEEP_EVERY = timedelta(minutes=5)


@dataclass
class Message:
    """What a step is resumed by. `receives` counts the deliveries, `due` is when the next one is."""

    queue: str
    body: Any
    due: datetime
    number: int
    receives: int = 0


@dataclass
class Clock:
    """The time of everything in the stack, the video server included; it only moves on."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def unix(self) -> float:
        return self.moment.timestamp()

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass(frozen=True)
class Delivery:
    """How messages travel: `copies` of each, `late` by up to so many seconds, due ones in any order if `mixed`."""

    copies: int = 1
    late: float = 0
    mixed: bool = False


ONCE = Delivery()


@dataclass
class SimulatedStack:
    """One stack, its queues and its clock. `aws` holds its clients, by name."""

    aws: Mapping[str, Any]
    table: str
    paid: PaidServer
    video_server: VideoServerClient
    clock: Clock
    points: KillPoints
    delivery: Delivery = ONCE
    budget: Decimal = Decimal(25)
    sweep_limit: int = 500
    seed: int = 0
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    sources: list[SourceObject] = field(default_factory=list)
    decisions: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    line: Any = None

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._highest = self.budget
        self._ended: set[SourceObject] = set()
        self.numbers = itertools.count()
        self.jobs = JobTable(self.aws["dynamodb"], self.table, now=self.clock)
        self.ledger = Ledger(self.aws["dynamodb"], f"{self.table}-ledger", self.jobs, pause=lambda _: None)
        self.s3 = DatedS3(self.aws["s3"], self.clock)
        uploads: Any = self.s3
        self.uploads = UploadBucket(uploads)
        self.outputs = OutputBucket(self.aws["s3"], OUTPUTS)
        self.server: Any = KillableServer(self.video_server, self.points)
        self.next_sweep = self.clock() + SWEEP_EVERY
        self.steps: dict[str, Callable[[Message], Any]] = {
            "normalize": self._normalize,
            "submit": self._submit,
            "track": self._track,
        }

    # ---- what the queues' adapters offer to the steps

    def send_upload(self, source: SourceObject) -> None:
        self._send("normalize", source)

    def send_job(self, job_id: str) -> None:
        self._send("submit", (job_id, None))

    def send_poll(self, job_id: str, *, polls: int, delay_seconds: int) -> None:
        self._send("track", (job_id, polls), delay_seconds)

    # ---- what people do

    def drop(self, key: str, picture: bytes, prompt: str, **options: str) -> SourceObject:
        """Upload a picture; S3 announces it."""
        metadata = {"prompt": prompt} | options
        answer = self.aws["s3"].put_object(Bucket=UPLOADS, Key=key, Body=picture, Metadata=metadata)
        source = SourceObject(UPLOADS, key, answer["ETag"].strip('"'), None, f"{next(self.numbers):018d}")
        self._send("normalize", source)
        self.sources.append(replace(source, modified=self.s3.modified(UPLOADS, key)))  # not announced
        return self.sources[-1]

    def decide(self, source: SourceObject, decision: str, video_id: str = "") -> Job:
        """Resolve a job that is `unconfirmed`, as an operator does."""
        queue: Any = self
        job = Resolve(self.jobs, self.ledger, queue, queue)(make_job_id(source), decision, video_id=video_id)
        self.decisions.append((job.id, decision))
        return job

    def job_of(self, source: SourceObject) -> Job | None:
        return self.jobs.get_job(make_job_id(source))

    def job(self, source: SourceObject) -> Job:
        """Return the job of an upload that must have a record."""
        job = self.job_of(source)
        assert job, f"{source.key} has no record"
        return job

    def accepted(self) -> list[LoggedRequest]:
        """Every POST that the server took, and would have billed."""
        return self.paid.request_log.accepted()

    @property
    def highest_budget(self) -> Decimal:
        """The highest that the budget was set to; one that is lowered later takes nothing back."""
        self._highest = max(self._highest, self.budget)
        return self._highest

    def day_of(self, moment: float) -> str:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()

    # ---- how time passes

    def run(self, hours: float = 8) -> None:
        """Deliver what is due, sweep every five minutes, until nothing is left to do or so much time is over."""
        end = self.clock() + timedelta(hours=hours)
        while self.clock() < end and not self.is_quiet():
            soonest = min([*(message.due for message in self.messages), self.next_sweep])
            self.clock.moment = max(self.clock(), min(soonest, end))
            if self.clock() >= self.next_sweep:
                self.sweep()
            due = self.due()
            if due:
                self.deliver(self.dice.choice(due) if self.delivery.mixed else due[0])

    def due(self) -> list[Message]:
        """The messages that may be delivered now, the longest due first."""
        due = [message for message in self.messages if message.due <= self.clock()]
        return sorted(due, key=lambda message: (message.due, message.number))

    def is_quiet(self) -> bool:
        """Tell whether nothing more will happen by itself: every job has ended or waits for a person."""
        return not self.messages and all(map(self._is_settled, self.sources))

    def _is_settled(self, source: SourceObject) -> bool:
        if source not in self._ended:
            job = self.job_of(source)
            if job is None:  # its worker was killed to the last try, before it wrote anything
                return source.key in {message.body.key for message in self.dead if message.queue == "normalize"}
            if job.status not in FINAL and not waits_for_operator(job):
                return False
            if job.status in FINAL:
                self._ended.add(source)
        return True

    def deliver(self, message: Message) -> None:
        """Have a worker take the message; it is gone when the step has come to its end, or has failed too often."""
        message.receives += 1
        message.due = self.clock() + timedelta(seconds=INVISIBLE[message.queue])
        last = message.receives >= MAX_RECEIVES[message.queue]
        try:
            with self.points.during(message.queue):
                self.steps[message.queue](message)
                # The worker is done, and its message is not deleted yet.
                self.points.reach("done")
        except Killed:
            if last:
                self._bury(message)
        except Exception as error:  # noqa: BLE001 - whatever a step raises, its message comes back
            if last:
                self._bury(message)
                self._mark(message, error)
        else:
            self._take_away(message)

    def sweep(self) -> dict[str, int] | None:
        """Sweep once; None where the worker was killed."""
        self.next_sweep = self.clock() + SWEEP_EVERY
        queue: Any = self
        sweep = Sweep(self.jobs, self.ledger, queue, queue, queue, self.budget, self.sweep_limit)
        with suppress(Killed), self.points.during("sweep"):
            resumed = sweep()
            self.points.reach("done")
            return resumed
        return None

    def _bury(self, message: Message) -> None:
        self._take_away(message)
        self.dead.append(message)

    def _take_away(self, message: Message) -> None:
        # A worker that stopped for long may find that another has dealt with its message.
        if message in self.messages:
            self.messages.remove(message)

    def _mark(self, message: Message, error: Exception) -> None:
        if message.queue == "normalize":
            mark_dead_upload(message.body, error, self.jobs, self.uploads)
        else:
            mark_dead_letter(message.body[0], message.queue.title(), error, self.jobs)

    def _send(self, queue: str, body: Any, delay_seconds: float = 0) -> None:
        for _ in range(self.delivery.copies):
            late = self.dice.uniform(0, self.delivery.late)
            due = self.clock() + timedelta(seconds=delay_seconds + late)
            self.messages.append(Message(queue, body, due, next(self.numbers)))

    def _normalize(self, message: Message) -> None:
        Normalize(
            jobs=self.jobs,
            uploads=self.uploads,
            outputs=self.outputs,
            catalog=CATALOG,
            defaults=DEFAULTS,
            max_source_bytes=1_000_000,
            decode_timeout_seconds=90,
        )(message.body)

    def _submit(self, message: Message) -> None:
        job_id, copy_key = message.body
        queue: Any = self
        submit = Submit(
            jobs=self.jobs,
            ledger=self.ledger,
            outputs=self.outputs,
            video_server=self.server,
            track_queue=queue,
            lease_seconds=180,
            budget=self.budget,
        )
        try:
            submit(job_id, copy_key, redelivered=message.receives > 1)
        except Exception as error:
            seconds = min(retry_delay_seconds(error, message.receives), 3600)
            message.due = self.clock() + timedelta(seconds=seconds)
            raise

    def _track(self, message: Message) -> None:
        job_id, polls = message.body
        queue: Any = self
        track = Track(
            jobs=self.jobs,
            outputs=self.outputs,
            video_server=self.server,
            track_queue=queue,
            reconcile=Reconcile(self.jobs, self.ledger, self.server, queue, Metrics("simulated")),
            max_video_bytes=10_000_000,
            deadline=timedelta(minutes=120),
        )
        track(job_id, polls, redelivered=message.receives > 1)

    # ---- what AWS itself does

    def hear_call(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Called after each call to AWS: a saved copy is announced, and the worker may be killed."""
        self.calls.append(f"{service}.{operation}")
        self.s3.hear(operation, params)
        if operation == "PutObject" and params["bucket"] == OUTPUTS:
            job_id = job_id_of_ready_key(params["key"])
            if job_id:
                self._send("submit", (job_id, params["key"]))
        self.points.reach(f"{service}.{operation}")


def waits_for_operator(job: Job) -> bool:
    """Return whether only an operator moves the job, and its record says so."""
    alerted = job.reconciliation.checks > len(RECONCILE_BACKOFF)
    return (job.error is not None and job.error.code == "dead_letter") or (job.status == "unconfirmed" and alerted)
