"""The job: one uploaded picture on its way to one video, and the one table of what may follow what."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Where a job stands. The words `queued`, `in_progress`, `completed` and `failed` are the Videos API's own."""

    RECEIVED = "received"  # seen; its frame is being made
    READY = "ready"  # the frame is saved; nothing has been sent
    HELD = "held"  # waiting for the next day's budget
    SUBMITTING = "submitting"  # one worker, under a lease, may send it once
    UNCONFIRMED = "unconfirmed"  # it may have been sent, and no answer was recorded
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"  # the video lies in the output bucket, checked
    FAILED = "failed"
    REJECTED = "rejected"  # the picture or its request cannot be used; nothing was sent
    CANCELED = "canceled"
    DELETED = "deleted"  # its files are gone; the record stays so that nothing makes the job again


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

FIRST = frozenset({Status.RECEIVED, Status.READY, Status.REJECTED})
"""The statuses that need none before them: an upload that is refused unread was never `received`."""

FINAL = frozenset(status for status, following in TRANSITIONS.items() if following <= {Status.DELETED})
"""The statuses in which a job has ended. It may be deleted then, and nothing else happens to it."""

NOT_SENT = frozenset(status for status, following in TRANSITIONS.items() if Status.CANCELED in following)
"""The statuses in which nothing has been sent yet, so that a job can still be canceled."""

AT_THE_SERVER = frozenset({Status.QUEUED, Status.IN_PROGRESS})


DUE_AFTER: Mapping[Status, timedelta] = {
    Status.RECEIVED: timedelta(minutes=30),
    Status.READY: timedelta(minutes=30),
    Status.HELD: timedelta(hours=1),
    Status.SUBMITTING: timedelta(minutes=5),
    Status.UNCONFIRMED: timedelta(minutes=5),
    Status.QUEUED: timedelta(minutes=35),
    Status.IN_PROGRESS: timedelta(minutes=35),
}
"""How long after a job was last written it is looked at again, should nothing else have moved it by then.

Each is beyond the time for which a message stays invisible whose worker died, so that no second one is sent beside a
living one. A job that has ended is never resumed.
"""


class SweepPartition(StrEnum):
    """Which jobs are resumed one behind the other, the longest overdue first. No line waits for another."""

    DUE = "due"  # being sent, in doubt, or at the server
    NEW = "new"  # nothing was sent yet
    HELD = "held"  # waiting for a day's budget: the oldest first
    BACKLOG = "backlog"  # the same of a backlog: behind whatever else is held


BACKFILL = "backfill"
"""The door of a backlog, as a job's `caller` names it."""


def sweep_partition_of(status: Status, caller: Mapping[str, Any]) -> SweepPartition:
    """Return the line in which a job of this status and caller waits to be resumed."""
    if status is Status.HELD:
        return SweepPartition.BACKLOG if caller.get("door") == BACKFILL else SweepPartition.HELD
    return SweepPartition.NEW if status in {Status.RECEIVED, Status.READY} else SweepPartition.DUE


_JOB_ID = re.compile(r"video_[0-9a-f]{32}")
# A key that names its job: the id is known, and its request on record, before the picture is here.
_NAMED_KEY = re.compile(r"(?:.*/)?api/(video_[0-9a-f]{32})/picture", re.DOTALL)

_PARTS = (
    "caller",
    "request",
    "option_sources",
    "picture",
    "copy",
    "attempt",
    "server",
    "follow",
    "doubt",
    "video",
    "error",
)


def statuses_before(status: Status) -> frozenset[Status]:
    """Return every status that `status` may follow."""
    return frozenset(before for before, following in TRANSITIONS.items() if status in following)


@dataclass(frozen=True, slots=True)
class SourceObject:
    """The uploaded object a job is made of: exactly this version of it, where the bucket keeps versions.

    Before the picture is here neither version nor ETag is known; whatever lies under the key is meant then. `modified`
    is S3's LastModified (ISO 8601, UTC, whole seconds) of an object without a version, once somebody has looked at it.
    """

    bucket: str
    key: str
    etag: str = ""
    version_id: str | None = None
    sequencer: str | None = None
    modified: str | None = None

    @property
    def reference(self) -> str:
        """Bucket and key in one, as the table's index by source holds it."""
        return f"{self.bucket}/{self.key}"

    def as_record(self) -> dict[str, Any]:
        """Bucket, key, ETag and, where there are any, the version id, the sequencer and when it was modified."""
        return {name: value for name, value in asdict(self).items() if value}


def make_job_id(source: SourceObject, client_token: str = "") -> str:
    """Return the id of the job for this upload: the same however often S3 announces it, another for a new upload.

    In a bucket without versions an upload is told apart by its ETag and LastModified, which every door learns by
    looking at the object; where it cannot be looked at any more, by its ETag and the sequencer of its event. So two
    identical uploads under one key within the same second are one job, and so are two of which the first was replaced
    before anybody looked at it. A key of `api_object_key` names its job itself.
    """
    if named := _NAMED_KEY.fullmatch(source.key):
        return named[1]
    upload = [source.version_id] if source.version_id else [source.etag, source.modified or source.sequencer or ""]
    return hash_job_id(source.bucket, source.key, upload, client_token)


def is_api_object_key(key: str) -> bool:
    """Tell whether a key is one of `api_object_key`."""
    return bool(_NAMED_KEY.fullmatch(key))


def has_stable_id(source: SourceObject) -> bool:
    """Tell whether the upload's job is known by what is known of it: nobody has to look at the object for that."""
    return bool(source.version_id or source.modified or is_api_object_key(source.key))


def is_job_id(text: str) -> bool:
    """Tell whether `text` can be a job's id at all."""
    return bool(_JOB_ID.fullmatch(text))


def hash_job_id(*told: Any) -> str:
    """Return the id of the job that these JSON-able values tell apart from every other."""
    return "video_" + hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def api_object_key(job_id: str, prefix: str = "") -> str:
    """Return the key under which a picture belongs to this job, however often and in whatever version it comes."""
    return f"{prefix}api/{job_id}/picture"


def whole_seconds(moment: datetime) -> str:
    """Return `moment` as a source's `modified` holds it: UTC, ISO 8601, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def timestamp(moment: datetime) -> str:
    """Return `moment` as the records hold it: UTC, ISO 8601, milliseconds, sortable as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class ServerVideo:
    """What the video server says of a video. `status` is its own word, which may be one nobody has heard of."""

    id: str
    status: str
    progress: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    expires_at: int | None = None
    poll_after_ms: int | None = None

    def as_record(self) -> dict[str, Any]:
        """The parts that a job record keeps; what the server left out is left out."""
        told = {"id": self.id, "status": self.status, "progress": self.progress, "expires_at": self.expires_at}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Job:
    """A job record. The mappings are JSON-able; each is empty until its step has been reached.

    `caller` is which door it came by and what that door has to remember, `request` the request as understood (as asked,
    until the frame is made), `option_sources` where each value came from,
    `copy` the sora-ready copy, `attempt` the decodes begun and later the last try to send it and what that may cost,
    `server` what the video server says, `follow` since when and how often it was asked, `doubt` what became known of a
    try in doubt, `video` the stored MP4. `due_at` is when the job is looked at again should nothing else move it; None
    where only a person can.
    """

    id: str
    status: Status
    source: SourceObject
    created_at: str
    updated_at: str
    caller: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    option_sources: Mapping[str, str] = field(default_factory=dict)
    picture: Mapping[str, Any] = field(default_factory=dict)
    copy: Mapping[str, Any] = field(default_factory=dict)
    attempt: Mapping[str, Any] = field(default_factory=dict)
    server: Mapping[str, Any] = field(default_factory=dict)
    follow: Mapping[str, Any] = field(default_factory=dict)
    doubt: Mapping[str, Any] = field(default_factory=dict)
    video: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)
    due_at: str | None = None
    history: tuple[Mapping[str, str], ...] = ()

    def as_record(self) -> dict[str, Any]:
        """The whole record as JSON-able values, without what is still empty."""
        told: dict[str, Any] = {
            "job_id": self.id,
            "status": str(self.status),
            "source": self.source.as_record(),
            "source_ref": self.source.reference,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        for name in _PARTS:
            if getattr(self, name):
                told[name] = dict(getattr(self, name))
        if self.due_at:
            told["due_at"] = self.due_at
        return told | {"history": [dict(entry) for entry in self.history]}

    def as_told(self) -> dict[str, Any]:
        """The record as it leaves the stack: without what its door remembers of the caller, task tokens among it."""
        return {name: value for name, value in self.as_record().items() if name != "caller"}

    @property
    def waits_for_call(self) -> bool:
        """Whether the copy alone was asked for: nothing but a call submits the job then."""
        return self.status is Status.READY and self.caller.get("submit") is False

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Job:
        """Read back what `as_record` gave."""
        return cls(
            id=record["job_id"],
            status=Status(record["status"]),
            source=SourceObject(**record["source"]),
            created_at=record["created_at"],
            updated_at=record["updated_at"],
            due_at=record.get("due_at"),
            history=tuple(record.get("history", ())),
            **{name: record[name] for name in _PARTS if name in record},
        )
