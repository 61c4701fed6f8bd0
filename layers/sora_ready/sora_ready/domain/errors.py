"""Every error of the project, in one hierarchy, each named for its condition.

    SoraReadyError
    ├── Rejected                        the upload cannot become a video; nothing was sent
    │   ├── RequestRejected             an option cannot be used
    │   ├── ImageRejected               the bytes are not a usable picture
    │   └── SourceRejected              the object is gone, replaced, archived or our own
    ├── SourceForbidden                 the stack may not read the object
    ├── JobNotFound                     there is no such job
    ├── JobConflict                     the job's status forbids what was asked
    │   └── RequestConflict             the upload is a job with other options
    ├── JobCanceled                     it was canceled before it was sent
    ├── JobNotReadyError                the record isn't there yet; retry later
    ├── JobLeasedError                  another worker is sending it; retry later
    ├── JobRecordError                  a record cannot be read: somebody edited it
    ├── TransitionRefused               a write lost the race
    ├── BudgetSpent                     the day's budget doesn't cover it
    ├── TaskTokenEvictedError           a newer execution took this one's slot
    ├── DecisionRejected                an operator's decision cannot be applied
    ├── InvocationRejected              a direct invocation cannot be read
    ├── VideoServerError                the video server, or the way to it, said no
    │   ├── SubmissionRefused           it will never make this video
    │   ├── SubmissionNotAcceptedError  it provably started nothing; send again later
    │   ├── SubmissionUnconfirmed       it may have started; never send again by itself
    │   ├── VideoListUnsupported        it has no usable list
    │   ├── ServerVideoNotFound         it no longer has the video
    │   └── VideoServerUnavailableError it cannot be asked now
    ├── VideoFailed                     it was accepted and no video came of it
    ├── VideoClaimedError               the video belongs to another job
    ├── VideoCorruptError               the download is not the whole video
    ├── VideoTooLargeError              the video is larger than the stack stores
    ├── AwsServiceError                 a call to AWS failed
    └── SettingsError                   a function is configured wrongly

An error has a `code` (a stable snake_case word), a `message` (what is wrong), a `hint` (what to do) and `facts`
(JSON-able values). Programs branch on the class or the code, never on the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Self

from sora_ready.domain.codec import JsonObject, JsonValue


@dataclass(frozen=True)
class JobError:
    """An error as a job record holds it. The facts stand beside `code`, `message` and `hint` in the record."""

    code: str
    message: str
    hint: str | None = None
    facts: JsonObject = field(default_factory=dict)

    def to_record(self) -> JsonObject:
        """Return code, message, hint where there is one, and the facts, in one object."""
        return {"code": self.code, "message": self.message} | ({"hint": self.hint} if self.hint else {}) | self.facts

    @classmethod
    def from_record(cls, record: Mapping[str, JsonValue]) -> JobError:
        """Read back what `to_record` wrote."""
        hint = record.get("hint")
        facts = {name: value for name, value in record.items() if name not in {"code", "message", "hint"}}
        return cls(str(record["code"]), str(record["message"]), str(hint) if hint else None, facts)


class SoraReadyError(Exception):
    """The root."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, **facts: JsonValue) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.facts: JsonObject = facts

    def to_job_error(self) -> JobError:
        """Return the error as a job record holds it."""
        return JobError(self.code, self.message, self.hint, self.facts)

    @classmethod
    def from_job_error(cls, recorded: JobError, **facts: JsonValue) -> Self:
        """Return the error that a record holds, with more `facts`."""
        error = cls.__new__(cls)
        SoraReadyError.__init__(error, recorded.code, recorded.message, hint=recorded.hint, **(recorded.facts | facts))
        return error


class Rejected(SoraReadyError):
    """The upload cannot become a video as it is. Nothing was sent, and sending it again would not help."""


class RequestRejected(Rejected):
    """An option cannot be used. The facts name the `field`, its `value`, its `source` and what is `allowed`."""

    def __init__(self, field: str, value: str, source: str, allowed: Iterable[str], *, why: str = "") -> None:
        shown = value if len(value) <= 80 else value[:79] + "…"
        choices, reason = list(allowed), f" {why}" if why else ""
        message = f"{field}={shown!r} ({source}) cannot be used.{reason} Allowed: {', '.join(choices)}."
        super().__init__(f"invalid_{field}", message, field=field, value=shown, source=source, allowed=choices)


class ImageRejected(Rejected):
    """The bytes are not a picture that can become the frame."""


class SourceRejected(Rejected):
    """The uploaded object cannot be used: it is gone, replaced, archived, or the stack's own output."""


class SourceForbidden(SoraReadyError):
    """The function's role may not read the object. It is not recorded: once the role may, the same call succeeds."""

    def __init__(self, bucket: str, key: str) -> None:
        message = (
            "This stack may not read the object. If its key does not begin with the parameter UploadPrefix, copy it "
            "to where it does. Otherwise let the bucket's policy allow the function's role s3:GetObject, "
            "s3:GetObjectVersion, s3:GetObjectTagging and s3:GetObjectVersionTagging. If a KMS key encrypts the "
            "object, name it in the parameter UploadKeyArn, and let its policy allow the role kms:Decrypt. Then try "
            "again."
        )
        super().__init__("source_forbidden", message, bucket=bucket, key=key)


class JobNotFound(SoraReadyError):
    """There is no such job, or it was deleted."""

    def __init__(self, which: str) -> None:
        super().__init__("job_not_found", f"There is no job {which} in this stack.", job=which)


class JobConflict(SoraReadyError):
    """The job's status, or what it was created with, forbids what was asked."""


class RequestConflict(JobConflict):
    """The upload is a job already, and that job has other options. The fact `fields` names them."""

    def __init__(self, job_id: str, fields: Iterable[str]) -> None:
        differing = list(fields)
        message = (
            f"The upload is job {job_id} already, with a different {', '.join(differing)}. "
            "Nothing was changed. Upload the picture again for a new job, or leave these fields out."
        )
        super().__init__("request_conflict", message, job_id=job_id, fields=differing)


class JobCanceled(SoraReadyError):
    """The job was canceled before it was sent."""


class JobNotReadyError(SoraReadyError):
    """A message names a job whose record is not written yet. The same message succeeds once it is."""

    def __init__(self, job_id: str) -> None:
        retried = "The message is retried; after the last attempt it goes to the dead-letter queue."
        super().__init__("job_not_ready", f"Job {job_id} has no ready copy on record yet. {retried}", job_id=job_id)


class JobLeasedError(SoraReadyError):
    """Another worker holds the job's lease. The outcome is known when the lease has expired."""

    def __init__(self, job_id: str, wait_seconds: int) -> None:
        retried = "The message is retried when its lease has expired."
        super().__init__("job_leased", f"Job {job_id} is being submitted by another worker. {retried}", job_id=job_id)
        self.retry_after_seconds = wait_seconds


class JobRecordError(SoraReadyError):
    """A job record cannot be read, or lacks a part that its status promises. Somebody edited it."""

    def __init__(self, job_id: str | None, problem: str) -> None:
        record = f"The record of job {job_id}" if job_id else "The job's record"
        repair = "Put back what was edited; the table's point-in-time recovery has the earlier record."
        super().__init__("job_record_unreadable", f"{record} {problem}. {repair}", job_id=job_id)


class TransitionRefused(SoraReadyError):
    """The job is not in a status that the wanted one may follow. `current` is its status, None without a record."""

    def __init__(self, job_id: str, wanted: str, current: str | None) -> None:
        message = f"Job {job_id} {f'is {current}' if current else 'has no record'}, so it cannot become {wanted}."
        super().__init__("transition_refused", message, job_id=job_id, wanted=wanted, current=current)
        self.current = current


class BudgetSpent(SoraReadyError):
    """The day's budget doesn't cover the job. The fact `until` is there where the job continues by itself."""

    def __init__(self, price: Decimal, budget: Decimal, until: datetime) -> None:
        moment = until.isoformat(timespec="minutes").replace("+00:00", "Z")
        facts: JsonObject = {"price_usd": str(price), "budget_usd": str(budget)}
        raise_budget = "Raise the parameter DailyBudgetUsd: held jobs continue within minutes."
        if not budget:
            message, hint = "Spending is paused: the daily budget is 0.", raise_budget
        elif price > budget:
            message, hint = f"The job costs ${price}, more than a whole day's budget of ${budget}.", raise_budget
        else:
            message = f"The rest of today's budget of ${budget} doesn't cover the job, which costs ${price}."
            hint = f"It continues by itself from {moment}, the oldest held job first. {raise_budget}"
            facts["until"] = moment
        super().__init__("budget_spent", message, hint=hint, **facts)


class TaskTokenEvictedError(SoraReadyError):
    """More executions wait for the job than its record holds. This one has waited longest."""

    def __init__(self, job_id: str) -> None:
        evicted = f"Newer executions wait for job {job_id}, and its record holds no more task tokens."
        advice = "The job continues: call submit again to wait for it, or follow its events."
        super().__init__("task_token_evicted", f"{evicted} {advice}", job_id=job_id)


class DecisionRejected(SoraReadyError):
    """An operator's decision about an unconfirmed job cannot be applied."""


class InvocationRejected(SoraReadyError):
    """A direct invocation cannot be read. `fields` names what is missing or unknown."""

    def __init__(self, message: str, fields: Iterable[str] = ()) -> None:
        super().__init__("invocation_rejected", message, fields=[*fields])


class VideoServerError(SoraReadyError):
    """The video server, or the way to it, said no."""


class SubmissionRefused(VideoServerError):
    """The server will not make this video. Nothing is owed, and asking again changes nothing."""


class SubmissionNotAcceptedError(VideoServerError):
    """The request provably started no video; send it again after `retry_after_seconds`, if the server set them."""

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class SubmissionUnconfirmed(VideoServerError):
    """The request may have started a video; never send it again by itself. `what` begins a sentence: what happened."""

    def __init__(self, what: str) -> None:
        hint = "It is not sent again by itself. Look for it at the server before you upload the picture again."
        super().__init__("unconfirmed", f"{what}, so the video may or may not have been started.", hint=hint)


class VideoListUnsupported(VideoServerError):
    """The server has no list of its videos, or one too long to be read to its end."""


class ServerVideoNotFound(VideoServerError):
    """The server no longer has the video."""


class VideoServerUnavailableError(VideoServerError):
    """The server cannot be asked now. Asking again later costs nothing."""


class VideoFailed(SoraReadyError):
    """The server accepted the job, and no video came of it, or none was stored in time."""


class VideoClaimedError(SoraReadyError):
    """The video belongs to another job already. No video is given to two."""

    def __init__(self, job_id: str, video_id: str) -> None:
        message = f"The server's video {video_id} belongs to another job already, so it is not given to {job_id}."
        hint = "Check at the server which picture it was made from."
        super().__init__("video_claimed", message, hint=hint, job_id=job_id, video_id=video_id)


class VideoCorruptError(SoraReadyError):
    """The download is not the whole video."""


class VideoTooLargeError(SoraReadyError):
    """The video has more bytes than the stack stores. Downloading it again changes nothing."""


class AwsServiceError(SoraReadyError):
    """A call to AWS failed: denied, throttled, or out of reach. `code` is AWS's word, `operation` the API call."""

    def __init__(self, operation: str, code: str) -> None:
        super().__init__(code, f"{operation} failed: {code}.", operation=operation)


class SettingsError(SoraReadyError):
    """A function is configured wrongly. Names the variable, never its value."""
