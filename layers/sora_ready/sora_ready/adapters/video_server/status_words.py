"""What the status words of video servers mean. A new server's words go here."""

from __future__ import annotations

from enum import Enum, auto


class VideoState(Enum):
    """What a server's status word means for the job."""

    WAITING = auto()
    RUNNING = auto()
    COMPLETED = auto()
    FAILED = auto()


# OpenAI's words, and those of other servers. A word that isn't here means that the video is still being made.
STATE_OF_WORD = {
    **dict.fromkeys(("queued", "pending", "unknown"), VideoState.WAITING),
    "completed": VideoState.COMPLETED,
    **dict.fromkeys(("failed", "cancelled", "canceled", "expired", "error"), VideoState.FAILED),
}
