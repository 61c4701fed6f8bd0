"""The job: one picture on its way to one video. Its statuses, the one table of transitions, its typed parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict, TypeVar

from sora_ready.domain.codec import JsonObject, decode_fields, encode_fields
from sora_ready.domain.errors import JobError, JobRecordError

T = TypeVar("T")


class Status(StrEnum):
    """Where a job stands. The words `queued`, `in_progress`, `completed` and `failed` are the Videos API's own."""

    RECEIVED = "received"  # seen; its frame is being made
    READY = "ready"  # the frame is saved; nothing has been sent
    HELD = "held"  # waits for budget
    SUBMITTING = "submitting"  # one worker, under a lease, may send it once
    UNCONFIRMED = "unconfirmed"  # it may have been sent, and no response was recorded
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"  # the video is in the output bucket, checked
    FAILED = "failed"
    REJECTED = "rejected"  # the picture or its request cannot be used; nothing was sent
    CANCELED = "canceled"
    DELETED = "deleted"  # its files are gone; the record stays so that nothing creates the job again


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset({Status.READY, Status.REJECTED, Status.CANCELED}),
    Status.READY: frozenset({Status.SUBMITTING, Status.HELD, Status.CANCELED}),
    Status.HELD: frozenset({Status.READY, Status.CANCELED}),
    Status.SUBMITTING: frozenset({Status.QUEUED, Status.READY, Status.FAILED, Status.UNCONFIRMED}),
    Status.UNCONFIRMED: frozenset({Status.QUEUED, Status.FAILED, Status.READY}),
    Status.QUEUED: frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.FAILED}),
    Status.IN_PROGRESS: frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.FAILED}),
    Status.COMPLETED: frozenset({Status.DELETED}),
    Status.FAILED: frozenset({Status.DELETED}),
    Status.REJECTED: frozenset({Status.DELETED}),
    Status.CANCELED: frozenset({Status.DELETED}),
    Status.DELETED: frozenset(),
}
"""What may follow each status. Every write of a status is conditional on this table."""

INITIAL = frozenset({Status.RECEIVED, Status.READY, Status.REJECTED})
"""The statuses that a new record may have. An upload that is rejected unread was never `received`."""

FINAL = frozenset(status for status, following in TRANSITIONS.items() if following <= {Status.DELETED})
"""The statuses in which a job has ended. It may be deleted then, and nothing else happens to it."""

CANCELABLE = frozenset(status for status, following in TRANSITIONS.items() if Status.CANCELED in following)
"""The statuses in which nothing has been sent yet."""

AT_SERVER = frozenset({Status.QUEUED, Status.IN_PROGRESS})

UNSETTLED = frozenset({Status.SUBMITTING, Status.UNCONFIRMED})
"""The statuses in which nobody knows yet whether the server made a video."""

DUE_AFTER: Mapping[Status, timedelta] = {
    Status.RECEIVED: timedelta(minutes=30),
    Status.READY: timedelta(minutes=30),
    Status.HELD: timedelta(hours=1),
    Status.SUBMITTING: timedelta(minutes=5),
    Status.UNCONFIRMED: timedelta(minutes=5),
    Status.QUEUED: timedelta(minutes=35),
    Status.IN_PROGRESS: timedelta(minutes=35),
}
"""How long after its last write the sweep resumes a job that nothing else has moved.

Each is longer than a message stays invisible after its worker died, so no second message runs beside a living worker.
"""

REMIND_AFTER = timedelta(days=1)
"""How often an operator is reminded of an `unconfirmed` job, which stays due."""


def statuses_before(status: Status) -> frozenset[Status]:
    """Return every status that `status` may follow."""
    return frozenset(before for before, following in TRANSITIONS.items() if status in following)


class Channel(StrEnum):
    """How a job's picture came in."""

    UPLOAD = "upload"  # dropped into the bucket
    API = "api"
    DIRECT = "direct"  # a direct invocation of a function
    BACKFILL = "backfill"  # S3 Batch Operations


class SweepPartition(StrEnum):
    """A partition of the index by-due. The sweep resumes each on its own, the longest overdue first."""

    ACTIVE = "active"  # being sent, unconfirmed, or at the server
    UNSENT = "unsent"
    HELD = "held"  # waits for the day's budget, the oldest first
    HELD_BACKFILL = "held-backfill"  # the same, behind everything else that is held


@dataclass(frozen=True)
class SourceObject:
    """The uploaded object of a job: exactly this version, where the bucket keeps versions.

    Before the picture is here neither version nor ETag is known, and any object under the key is meant. `modified` is
    S3's LastModified (ISO 8601, UTC, whole seconds) of an object without a version, known after a HEAD.
    """

    bucket: str
    key: str
    etag: str = ""
    version_id: str | None = None
    sequencer: str | None = None
    modified: str | None = None

    @property
    def reference(self) -> str:
        """`bucket/key`, the key of the index by-source."""
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Invocation:
    """How the job came in, and who waits for it. Never published: it holds task tokens.

    `submit` is False while only the ready copy is wanted. `body_sha256` is the API request's, `batch_job` and
    `batch_task` are S3 Batch's.
    """

    channel: Channel = Channel.UPLOAD
    submit: bool = True
    task_tokens: tuple[str, ...] = ()
    body_sha256: str = ""
    file_name: str = ""
    batch_job: str = ""
    batch_task: str = ""


@dataclass(frozen=True)
class JobRequest:
    """What is asked of the server, and how the frame was made. `requested_size` is the size option as it was given."""

    model: str
    size: str
    requested_size: str
    seconds: int
    mode: str
    focus: str
    crop: str
    background: str
    format: str
    quality: int
    prompt: str
    price_usd: Decimal
    preset: str = ""


@dataclass(frozen=True)
class Picture:
    """The source picture: its format, its upright width and height in pixels, its length in bytes."""

    format: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True)
class ReadyCopy:
    """The frame in the output bucket. `region` is the visible part of the upright picture, as fractions."""

    bucket: str
    key: str
    content_type: str
    width: int
    height: int
    mode: str
    background: str
    region: tuple[float, ...]
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Decoding:
    """When each attempt to decode the picture started, oldest first. One that raised an error is removed."""

    started_at: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """The last attempt to send the job, and what it may cost: the price in US dollars, and the day that pays it."""

    attempt_id: str
    started_at: str
    lease_until: str
    price_usd: Decimal
    budget_day: str


@dataclass(frozen=True)
class ServerVideo:
    """The server's video. `status` is the server's own word, which may be one that nobody knows."""

    id: str
    status: str
    progress: int | None = None
    expires_at: int | None = None


@dataclass(frozen=True)
class Polling:
    """How often the server was polled, since when, and when the next poll is due."""

    polls: int = 0
    since: str | None = None
    next_at: str | None = None


@dataclass(frozen=True)
class Reconciliation:
    """What the server's list says about an unconfirmed submission.

    `candidate` is the one video that matched last, `matches` how many checks in a row found it; `candidates` are the
    videos that an operator may choose from. `finding` says it in words.
    """

    since: str | None = None
    checks: int = 0
    next_at: str | None = None
    candidate: str | None = None
    matches: int = 0
    candidates: tuple[str, ...] = ()
    finding: str = ""


@dataclass(frozen=True)
class StoredVideo:
    """The MP4 in the output bucket."""

    bucket: str
    key: str
    content_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class HistoryEntry:
    """One status that the job has had, and since when."""

    status: Status
    at: str


@dataclass(frozen=True)
class Job:
    """A job record. A part is None, or holds its defaults, until its step has been reached.

    `options` are the options as given (text), by name, until the frame is made; `request` replaces them then.
    `option_sources` says where each option came from. `due_at` is when the sweep resumes the job if nothing else moves
    it; None where only an operator can.
    """

    id: str
    status: Status
    source: SourceObject
    created_at: str
    updated_at: str
    invocation: Invocation = field(default_factory=Invocation)
    options: Mapping[str, str] = field(default_factory=dict)
    option_sources: Mapping[str, str] = field(default_factory=dict)
    request: JobRequest | None = None
    picture: Picture | None = None
    copy: ReadyCopy | None = None
    decoding: Decoding = field(default_factory=Decoding)
    submission: Submission | None = None
    server: ServerVideo | None = None
    polling: Polling = field(default_factory=Polling)
    reconciliation: Reconciliation = field(default_factory=Reconciliation)
    video: StoredVideo | None = None
    error: JobError | None = None
    due_at: str | None = None
    history: tuple[HistoryEntry, ...] = ()

    @property
    def awaits_submit_invocation(self) -> bool:
        """Whether only the ready copy was asked for: the job is then submitted by a direct invocation alone."""
        return self.status is Status.READY and not self.invocation.submit

    @property
    def sweep_partition(self) -> SweepPartition:
        """The partition of the index by-due in which the job waits."""
        return sweep_partition_of(self.status, self.invocation.channel)

    def to_record(self) -> JsonObject:
        """Return the whole record as JSON-able values, without what is still empty."""
        parts = {name: value for name, value in encode_fields(self).items() if value != {}}
        return {"job_id": parts.pop("id"), "source_ref": self.source.reference, "history": []} | parts

    def to_public_dict(self) -> JsonObject:
        """Return the record as it leaves the stack: without `invocation`, which holds task tokens."""
        return {name: value for name, value in self.to_record().items() if name != "invocation"}

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Job:
        """Read back what `to_record` wrote. Raises `JobRecordError`.

        A field that is added to a part after 0.2.0 needs a default, so that older records can be read.
        """
        try:
            return decode_fields(cls, {"id": record["job_id"], **record})
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise JobRecordError(
                str(record.get("job_id")), f"cannot be read ({type(error).__name__} {error})"
            ) from error


class JobChanges(TypedDict, total=False):
    """The parts of a record that a write may set; None removes a part."""

    invocation: Invocation
    decoding: Decoding
    submission: Submission
    server: ServerVideo
    polling: Polling
    reconciliation: Reconciliation | None
    video: StoredVideo
    error: JobError | None
    fingerprint: str


class JobConditions(TypedDict, total=False):
    """What a record must still hold for a write to happen.

    None, 0 and a part that holds only defaults mean that the attribute must not be there, as the codec leaves it out.
    """

    status: Status
    due_at: str | None
    invocation: Invocation
    decoding: Decoding
    attempt_id: str
    polls: int
    checks: int


def required(part: T | None, name: str) -> T:
    """Return a part of a job that its status promises. Raises `JobRecordError` where the record lacks it."""
    if part is None:
        raise JobRecordError(None, f"has no {name}")
    return part


def sweep_partition_of(status: Status, channel: Channel = Channel.UPLOAD) -> SweepPartition:
    """Return the partition of the index by-due for a job in this status."""
    if status is Status.HELD:
        return SweepPartition.HELD_BACKFILL if channel is Channel.BACKFILL else SweepPartition.HELD
    return SweepPartition.UNSENT if status in {Status.RECEIVED, Status.READY} else SweepPartition.ACTIVE


def whole_seconds(moment: datetime) -> str:
    """Return `moment` as a source's `modified` holds it: UTC, ISO 8601, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def timestamp(moment: datetime) -> str:
    """Return `moment` as the records hold it: UTC, ISO 8601, milliseconds, sortable as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
