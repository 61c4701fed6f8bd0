"""What the steps exchange with the client of the video server, and what each status word of a server means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from sora_ready.domain.job import ServerVideo


class Outcome(Enum):
    """What a server's status word means for the job."""

    WAITING = auto()
    RUNNING = auto()
    COMPLETED = auto()
    FAILED = auto()


# OpenAI's words, and those of other servers. A word that isn't here means that the video is still being made.
_OUTCOMES = {
    **dict.fromkeys(("queued", "pending", "unknown"), Outcome.WAITING),
    "completed": Outcome.COMPLETED,
    **dict.fromkeys(("failed", "cancelled", "canceled", "expired", "error"), Outcome.FAILED),
}


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """What a response says about one video. `poll_after_ms` is when the server wants the next poll, in milliseconds."""

    video: ServerVideo
    error_code: str | None = None
    error_message: str | None = None
    poll_after_ms: int | None = None

    @property
    def outcome(self) -> Outcome:
        """What the video's status means."""
        return _OUTCOMES.get(self.video.status, Outcome.RUNNING)


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame as it is uploaded. Servers refuse a multipart file without a name."""

    file_name: str
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class VideoServerConnection:
    """Where the server is, and the secret that holds its API key. The timeout is for one response."""

    base_url: str
    key_secret: str
    timeout_seconds: float = 60
