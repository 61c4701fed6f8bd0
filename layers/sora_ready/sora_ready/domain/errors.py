"""Every error of the project, in one hierarchy, each named for its condition.

An error carries a `code` for programs, a `message` that says what is wrong and what to do, an optional `hint`, and
`facts` (numbers and names). Programs branch on the class or the code; nobody reads the message but people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

_TOLD = frozenset({"code", "message", "hint"})


class SoraReadyError(Exception):
    """The root. `code` is a stable snake_case word, `facts` are JSON-able values."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.facts = facts

    def as_record(self) -> dict[str, Any]:
        """The error as it stands in a job record: `code`, `message`, `hint` where there is one, and the facts."""
        told = {"code": self.code, "message": self.message}
        if self.hint:
            told["hint"] = self.hint
        return told | self.facts

    @classmethod
    def from_record(cls, record: Mapping[str, Any], **facts: Any) -> Self:
        """Read back what `as_record` gave, with more `facts`."""
        error = cls.__new__(cls)
        facts = {name: value for name, value in record.items() if name not in _TOLD} | facts
        SoraReadyError.__init__(error, record["code"], record["message"], hint=record.get("hint"), **facts)
        return error


class Rejected(SoraReadyError):
    """The upload cannot become a video as it is; nothing was sent, and sending it again would not help."""


class RequestRejected(Rejected):
    """A tag, a metadata entry or a field of a request cannot be used.

    Its facts name the `field`, its `value`, where that came from (`source`) and what is `allowed`.
    """

    def __init__(self, field: str, value: str, source: str, allowed: Iterable[str], *, why: str = "") -> None:
        choices = list(allowed)
        reason = f" {why}" if why else ""
        super().__init__(
            f"invalid_{field}",
            f"{field}={_shorten(value)!r} ({source}) cannot be used.{reason} Allowed: {', '.join(choices)}.",
            field=field,
            value=_shorten(value),
            source=source,
            allowed=choices,
        )


class ImageRejected(Rejected):
    """The bytes are not a picture that can become the frame."""


class SourceRejected(Rejected):
    """The uploaded object cannot be used as it was announced: gone, replaced, archived, or of our own making."""


class CallRefused(SoraReadyError):
    """A call through the API cannot be served as it is. `param` is the field or header that is to blame."""

    def __init__(self, code: str, message: str, *, param: str | None = None, **facts: Any) -> None:
        super().__init__(code, message, **facts)
        self.param = param


class ParameterRejected(CallRefused):
    """A field, a header or a query parameter cannot be used, or the body cannot be read."""


class BodyTooLargeError(CallRefused):
    """The body has more bytes than the API takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            "body_too_large",
            f"The body has more than {limit:,} bytes. POST /v1/uploads gives a form for pictures up to 100 MB.",
            max_bytes=limit,
        )


class RouteNotFound(CallRefused):
    """The API has no such path."""


class MethodNotAllowedError(CallRefused):
    """The path is there, and takes other methods: those `allowed`."""

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(allowed)
        super().__init__("method_not_allowed", f"{method} is not allowed here. Allowed: {self.allowed}.")


class OriginRefused(CallRefused):
    """A browser asks before calling, from an source that the stack does not name."""


class ResourceNotFound(CallRefused):
    """What a call names is not there, or was deleted: a video, a model, a file."""


class JobConflict(CallRefused):
    """The job is not in a state in which it could be done; the same call may succeed later, or never will."""


class TransitionRefused(SoraReadyError):
    """A job is not in a status from which the wanted one may follow. `current` is its status, None without a job."""

    def __init__(self, job_id: str, wanted: str, current: str | None) -> None:
        where = f"is {current}" if current else "has no record"
        super().__init__(
            "transition_refused",
            f"Job {job_id} {where}, so it cannot become {wanted}.",
            job_id=job_id,
            wanted=wanted,
            current=current,
        )
        self.current = current


class RequestConflict(SoraReadyError):
    """The upload is a job already, and that job was made with other options. The fact `fields` names them."""

    def __init__(self, job_id: str, fields: Iterable[str]) -> None:
        differing = list(fields)
        super().__init__(
            "request_conflict",
            f"The upload is job {job_id} already, made with another {', '.join(differing)} than this call asks for. "
            "Nothing was changed. Upload the picture again to have it made anew, or call without these fields.",
            job_id=job_id,
            fields=differing,
        )


class InvocationRejected(SoraReadyError):
    """What a function was called with is nothing it can act on. `fields` names what is missing or not known."""

    def __init__(self, message: str, fields: Iterable[str] = ()) -> None:
        super().__init__("invocation_rejected", message, fields=list(fields))


class JobNotFound(SoraReadyError):
    """There is no such job."""

    def __init__(self, which: str) -> None:
        super().__init__("job_not_found", f"There is no job {which} in this stack.", job=which)


class TaskTokenEvictedError(SoraReadyError):
    """More executions wait for the job than its record holds; this one has waited the longest."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            "task_token_evicted",
            f"Later executions wait for job {job_id}, and its record holds no more task tokens. The job goes on: call "
            "submit again to wait for it, or follow its events.",
            job_id=job_id,
        )


class VideoFailed(SoraReadyError):
    """The server took the job and made no video of it, or none that came home in time."""


class JobCanceled(SoraReadyError):
    """The job was canceled before it was sent."""


class BudgetSpent(SoraReadyError):
    """The day's budget does not pay for the job now. The fact `until` is there where it goes on by itself."""

    def __init__(self, price: Decimal, budget: Decimal, until: datetime) -> None:
        moment = until.isoformat(timespec="minutes").replace("+00:00", "Z")
        facts = {"price_usd": str(price), "budget_usd": str(budget)}
        raising = "Raise the parameter DailyBudgetUsd: what is held goes on within minutes."
        if not budget:
            told, hint = "Spending is paused: the daily budget is 0.", raising
        elif price > budget:
            told, hint = f"The job costs ${price}, more than the budget of a whole day, ${budget}.", raising
        else:
            told = f"What is left of today's budget of ${budget} does not pay for the job, which costs ${price}."
            hint = f"It goes on by itself from {moment}, of what is held the oldest first. {raising}"
            facts["until"] = moment
        super().__init__("budget_spent", told, hint=hint, **facts)


class VideoClaimedError(SoraReadyError):
    """The video belongs to another job already; no video is given to two."""

    def __init__(self, job_id: str, video_id: str) -> None:
        super().__init__(
            "video_claimed",
            f"The server's video {video_id} belongs to another job already, so it is not given to {job_id}.",
            hint="Look at the server which picture it was made of.",
            job_id=job_id,
            video_id=video_id,
        )


class JobNotReadyError(SoraReadyError):
    """A message speaks of a job that is not recorded as made yet; the same message succeeds once it is."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            "job_not_ready",
            f"Job {job_id} is not recorded yet. The message is tried again; after the last try it waits in the "
            "dead-letter queue.",
            job_id=job_id,
        )


class JobLeasedError(SoraReadyError):
    """Another worker holds the job's lease. What became of it can be told when the lease is over."""

    def __init__(self, job_id: str, wait_seconds: int) -> None:
        super().__init__(
            "job_leased",
            f"Job {job_id} is being submitted by another worker; the message comes back when its lease is over.",
            job_id=job_id,
        )
        self.retry_after_seconds = wait_seconds


class VideoServerError(SoraReadyError):
    """The video server, or the way to it, said no."""


class SubmissionRefused(VideoServerError):
    """The server answered that it will not make this video. Nothing is owed, and asking again changes nothing."""


class SubmissionNotAcceptedError(VideoServerError):
    """The request provably did not start a video (no connection, or told to wait); it may be sent again later.

    `retry_after_seconds` is what the server asked for, None where it said nothing.
    """

    def __init__(
        self, code: str, message: str, *, retry_after_seconds: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class SubmissionUnconfirmed(VideoServerError):
    """The request may have started a video and no answer says so; it must never be sent again unasked.

    `what` says what happened, as the beginning of a sentence.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            "unconfirmed",
            f"{what}, so the video may or may not have been started.",
            hint="It is not sent again by itself. Look for it at the server before you upload the picture again.",
        )


class VideoListUnsupported(VideoServerError):
    """The server offers no list of its videos, or one too long to be read to its end."""


class VideoNotFound(VideoServerError):
    """The server no longer knows the video."""


class VideoServerUnavailableError(VideoServerError):
    """The server could not be asked just now; asking again later costs nothing."""


class VideoCorruptError(SoraReadyError):
    """What was downloaded is not the whole video."""


class VideoTooLargeError(SoraReadyError):
    """The video has more bytes than this stack stores; fetching it again changes nothing."""


class SettingsError(SoraReadyError):
    """A function is not configured as it must be. Names the variable, never its value."""


def _shorten(value: str, limit: int = 80) -> str:
    return value if len(value) <= limit else value[: limit - 1] + "…"
