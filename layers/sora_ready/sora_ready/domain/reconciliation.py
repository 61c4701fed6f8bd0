"""Matches an unconfirmed submission to a video in the server's list.

A video carries nothing of the client's own, so it is matched by what was asked for and when. Anything ambiguous is no
match: a video given to the wrong job is worse than a job that waits for an operator.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from sora_ready.domain.job import Job, JobRequest, Submission, required

CLOCK_SKEW = timedelta(seconds=60)
"""How far the server's clock may be from ours."""

LIST_DELAY = timedelta(seconds=60)
"""How long after a lease the server's list, and our own index, may still lack the video."""

REQUIRED_MATCHES = 2
"""How many checks in a row must find the same video, each time alone."""

RECONCILE_BACKOFF = (timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=30))
"""The delay before each next check. After the last one an operator is alerted, and reminded once a day."""


@dataclass(frozen=True)
class SettledAttempt:
    """An attempt to send a job that an operator settled without knowing whether it made a video. ISO 8601 times."""

    job_id: str
    started_at: str
    lease_until: str


Attempt: TypeAlias = Submission | SettledAttempt


@dataclass(frozen=True)
class ListedVideo:
    """A video in the server's list. What the server left out is None; `created_at` is in seconds since 1970."""

    id: str
    model: str | None = None
    size: str | None = None
    seconds: str | None = None
    prompt: str | None = None
    created_at: int | None = None


@dataclass(frozen=True)
class MatchResult:
    """The ids of the videos that match a job exactly, and of those that might, as the server leaves fields out."""

    exact: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def unique(self) -> str | None:
        """The one video that matches, None where there is none or more than one."""
        return self.exact[0] if len(self.exact) == 1 and not self.ambiguous else None

    @property
    def candidates(self) -> tuple[str, ...]:
        """Up to ten videos that an operator may choose from."""
        return (*self.exact, *self.ambiguous)[:10]


def fingerprint(request: JobRequest) -> str:
    """Return a hash of model, size, seconds and prompt: the same for jobs whose videos cannot be distinguished."""
    fields = [request.model, request.size, str(request.seconds), request.prompt]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:16]


def submission_window(attempt: Attempt) -> tuple[datetime, datetime]:
    """Return when, by the server's clock, this attempt may have started its video."""
    started = datetime.fromisoformat(attempt.started_at)
    expired = datetime.fromisoformat(attempt.lease_until)
    return started - CLOCK_SKEW, expired + CLOCK_SKEW


def can_be_settled(attempt: Attempt, now: datetime) -> bool:
    """Return whether the attempt is over for good, and its video, if any, is in the list."""
    return now >= submission_window(attempt)[1] + LIST_DELAY


def windows_overlap(one: Attempt, other: Attempt) -> bool:
    """Return whether two attempts could have started each other's video."""
    start, end = submission_window(one)
    other_start, other_end = submission_window(other)
    return start <= other_end and other_start <= end


def match_videos(job: Job, listed: Iterable[ListedVideo], claimed: Collection[str] = ()) -> MatchResult:
    """Return which of the `listed` videos may be the job's, without those `claimed` by other jobs."""
    exact: list[str] = []
    ambiguous: list[str] = []
    for video in listed:
        verdict = None if video.id in claimed else _compare(job, video)
        if verdict is not None:
            (exact if verdict else ambiguous).append(video.id)
    return MatchResult(tuple(exact), tuple(ambiguous))


def _compare(job: Job, video: ListedVideo) -> bool | None:
    """Return True for a match, False where only a field that the server left out prevents one, None for no match."""
    request = required(job.request, "request")
    wanted = (request.model, request.size, str(request.seconds), request.prompt)
    listed = (video.model, video.size, video.seconds, video.prompt)
    if any(value is not None and value != expected for value, expected in zip(listed, wanted, strict=True)):
        return None
    start, end = submission_window(required(job.submission, "submission"))
    if video.created_at is not None and not start.timestamp() <= video.created_at <= end.timestamp():
        return None
    # Size and seconds are often left out, and the prompt says more than both.
    return video.prompt is not None and video.created_at is not None
