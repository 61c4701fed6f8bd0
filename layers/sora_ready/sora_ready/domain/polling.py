"""How often a running video is polled."""

from __future__ import annotations

FIRST_POLL_SECONDS = 10
MAX_POLL_SECONDS = 60
POLL_GROWTH = 1.3


def poll_delay_seconds(polls: int, advised_ms: int | None = None) -> int:
    """Return the delay before the next poll: what the server advises, else 10 s growing to a minute."""
    if advised_ms is not None:
        return max(1, min(round(advised_ms / 1000), MAX_POLL_SECONDS))
    # Twenty steps are far beyond the maximum: an endless count must not end in an overflow.
    return min(round(FIRST_POLL_SECONDS * POLL_GROWTH ** min(polls, 20)), MAX_POLL_SECONDS)
