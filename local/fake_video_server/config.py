"""The settings of a fake video server, and its catalog of models."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


@dataclass(frozen=True)
class ModelRules:
    """The sizes and lengths that one model supports. The first of each is the default.

    sizes: "WIDTHxHEIGHT" in pixels. seconds: whole numbers, as the strings that the API carries.
    """

    sizes: tuple[str, ...]
    seconds: tuple[str, ...]


# Source: OpenAI's video generation guide and API reference as of March 2026, after 16 and 20 seconds and the 1080p
# sizes were added.
_SECONDS = ("4", "8", "12", "16", "20")
SORA_CATALOG: Mapping[str, ModelRules] = {
    "sora-2": ModelRules(("720x1280", "1280x720"), _SECONDS),
    "sora-2-pro": ModelRules(("720x1280", "1280x720", "1024x1792", "1792x1024", "1080x1920", "1920x1080"), _SECONDS),
}


def parse_size(text: str) -> tuple[int, int]:
    """Read "1280x720" as (width, height) in pixels. Raises `ValueError` for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a size, which is WIDTHxHEIGHT in pixels: {text!r}")
    return int(match[1]), int(match[2])


@dataclass(frozen=True)
class FakeVideoServerConfig:
    """Every setting of a fake video server.

    key: the bearer token that requests must carry.
    host, port: where to listen; loopback only, and port 0 picks a free one.
    data: a folder that outlives the process; None keeps everything in a temporary one.
    render_seconds: the shortest time from a job's acceptance to its end, so that progress can be watched.
    poll_after_ms: the value of the `openai-poll-after-ms` header.
    keep_seconds: how long after completion a video can be downloaded.
    catalog: model name → its rules; the first model is the default.
    clock: Unix time in seconds; a test may pass one that it sets itself.
    """

    key: str = "sk-local"
    host: str = "127.0.0.1"
    port: int = 0
    data: Path | None = None
    render_seconds: float = 3.0
    poll_after_ms: int = 1000
    keep_seconds: float = 24 * 60 * 60
    catalog: Mapping[str, ModelRules] = field(default_factory=lambda: SORA_CATALOG)
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        """Raise `ValueError` for settings that cannot work, or would open the server to other machines."""
        if not _is_loopback(self.host):
            raise ValueError(f"the fake video server listens on IPv4 loopback only, not on {self.host!r}")
        if not self.key:
            raise ValueError("the fake video server needs a key")
        if not self.catalog:
            raise ValueError("the catalog names no model")
        for model, rules in self.catalog.items():
            if not rules.sizes or not rules.seconds:
                raise ValueError(f"the catalog gives {model!r} no sizes or no seconds")
            # yuv420p halves both sides for color, so H.264 has no odd sizes.
            if any(side % 2 for size in rules.sizes for side in parse_size(size)):
                raise ValueError(f"the catalog gives {model!r} a size with an odd side")
            if any(int(seconds) < 1 for seconds in rules.seconds):
                raise ValueError(f"the catalog gives {model!r} a length under a second")


def _is_loopback(host: str) -> bool:
    """Return whether `host` is a literal 127.x.y.z. Names are not, because they may resolve to any address."""
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
