"""Was it sent? Which video in a server's list is the one that a job in doubt may have started.

A video carries nothing of the client's own, so it is told by what was asked for and when. Whatever leaves room for a
second answer is no answer: a video given to the wrong job is worse than a job that asks a person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sora_ready.domain.job import Job, Status

# How far the server's clock may be from ours.
SKEW = timedelta(seconds=60)
# After the try's lease, for a list that is written late, and for our own index.
GRACE = timedelta(seconds=60)
# The one candidate must be seen this often, each time alone.
REQUIRED_MATCHES = 2
# When to look again, after the looks so far; then a person is asked, and reminded once a day.
RECONCILE_BACKOFF = (timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=30))
REMIND_AFTER = timedelta(days=1)

UNSETTLED = frozenset({Status.SUBMITTING, Status.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video in the server's list. What the server left out is None; `created_at` is in seconds since 1970."""

    id: str
    model: str | None = None
    size: str | None = None
    seconds: str | None = None
    prompt: str | None = None
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What a look at the list told: ids that match in all, and ids that might, were the server to say more."""

    exact: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()

    @property
    def unique(self) -> str | None:
        """The one video that can be meant, None where there is none or more than one."""
        return self.exact[0] if len(self.exact) == 1 and not self.ambiguous else None


def fingerprint(request: Mapping[str, Any]) -> str:
    """Return what two jobs share whose videos could not be told apart: a hash of model, size, seconds and prompt."""
    asked = [str(request[name]) for name in ("model", "size", "seconds", "prompt")]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def submission_window(job: Job) -> tuple[datetime, datetime]:
    """Return when the server may have begun the video of a job's last try, by its own clock."""
    begun = datetime.fromisoformat(job.attempt["started_at"])
    ended = datetime.fromisoformat(job.attempt["lease_until"])
    return begun - SKEW, ended + SKEW


def can_be_settled(job: Job, now: datetime) -> bool:
    """Tell whether the try is over for good, and its traces are where they can be seen."""
    return now >= submission_window(job)[1] + GRACE


def overlap(job: Job, other: Job) -> bool:
    """Tell whether two tries could have started each other's video."""
    begun, ended = submission_window(job)
    other_begun, other_ended = submission_window(other)
    return begun <= other_ended and other_begun <= ended


def match_videos(job: Job, listed: Iterable[ListedVideo], claimed: Collection[str]) -> MatchResult:
    """Return which of the `listed` videos may be the job's, less those `claimed` for other jobs."""
    exact: list[str] = []
    ambiguous: list[str] = []
    for video in listed:
        verdict = None if video.id in claimed else _compare(job, video)
        if verdict is not None:
            (exact if verdict else ambiguous).append(video.id)
    return MatchResult(tuple(exact), tuple(ambiguous))


def _compare(job: Job, video: ListedVideo) -> bool | None:
    """Return True for a match, False where only the server's silence keeps it from one, None for another video."""
    told = {"model": video.model, "size": video.size, "seconds": video.seconds, "prompt": video.prompt}
    if any(said is not None and said != str(job.request[name]) for name, said in told.items()):
        return None
    begun, ended = submission_window(job)
    if video.created_at is not None and not begun.timestamp() <= video.created_at <= ended.timestamp():
        return None
    # Size and length are often left out, and the prompt says more than both.
    return video.prompt is not None and video.created_at is not None
