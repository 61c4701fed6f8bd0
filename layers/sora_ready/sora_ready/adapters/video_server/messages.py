"""What the steps exchange with the client of the video server."""

from __future__ import annotations

from dataclasses import dataclass

from sora_ready.adapters.video_server.status_words import STATE_OF_WORD, VideoState
from sora_ready.domain.job import ServerVideo


@dataclass(frozen=True)
class ServerResponse:
    """What a response says about one video. `poll_after_ms` is when the server wants the next poll, in milliseconds."""

    video: ServerVideo
    error_code: str | None = None
    error_message: str | None = None
    poll_after_ms: int | None = None

    @property
    def state(self) -> VideoState:
        """What the video's status means."""
        return STATE_OF_WORD.get(self.video.status, VideoState.RUNNING)


@dataclass(frozen=True)
class Frame:
    """The frame as it is uploaded. Servers refuse a multipart file without a name."""

    file_name: str
    data: bytes
    content_type: str


@dataclass(frozen=True)
class VideoServerConnection:
    """Where the server is, and the secret that holds its API key. The timeout is for one response."""

    base_url: str
    key_secret: str
    timeout_seconds: float = 60
