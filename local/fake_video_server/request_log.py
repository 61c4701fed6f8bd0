"""The record of every request to /v1/*, refused ones included: what tests count submissions by.

In memory a request is there from its arrival. In `request_log.jsonl` it gets one line, written just before its
answer starts, or when its connection is given up. The Authorization header is never handed to this module.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

CREATE = ("POST", "/v1/videos")


@dataclass
class Entry:
    """One request.

    number: 1 for the first. time: Unix seconds at arrival. status: HTTP status of the answer, None when
    there was none (yet). For creates also the fields as they were sent, the image's part name, MIME type,
    length in bytes and SHA-256 in hex, and the video's id if the job was accepted, whatever was answered.
    error: the message of the refusal.
    """

    number: int
    time: float
    method: str
    path: str
    status: int | None = None
    idempotency_key: str | None = None
    model: str | None = None
    size: str | None = None
    seconds: str | None = None
    prompt: str | None = None
    image_name: str | None = None
    image_type: str | None = None
    image_bytes: int | None = None
    image_sha256: str | None = None
    video_id: str | None = None
    error: str | None = None


class RequestLog:
    """Entries in order of arrival, kept in `path` too when there is one; safe to read from any thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Start from what `path` already holds."""
        self._path = path
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._written: set[int] = set()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path is not None and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            entries = [Entry(**json.loads(line)) for line in lines if line]
            self._entries = sorted(entries, key=lambda entry: entry.number)
            self._written = {entry.number for entry in self._entries}

    def open(self, time: float, method: str, path: str, idempotency_key: str | None) -> Entry:
        """Note an arrival. The entry returned is live: what is set on it shows at once."""
        with self._lock:
            number = self._entries[-1].number + 1 if self._entries else 1
            entry = Entry(number, time, method, path, idempotency_key=idempotency_key)
            self._entries.append(entry)
            return entry

    def close(self, entry: Entry, status: int | None) -> None:
        """Note how a request was answered; only the first call for an entry counts."""
        with self._lock:
            if entry.number in self._written:
                return
            self._written.add(entry.number)
            entry.status = status
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(entry)) + "\n")

    def entries(self) -> list[Entry]:
        """Every request so far, as copies."""
        with self._lock:
            return [replace(entry) for entry in self._entries]

    def creates(self) -> list[Entry]:
        """Every `POST /v1/videos`, refused or not."""
        return [entry for entry in self.entries() if (entry.method, entry.path) == CREATE]

    def accepted(self) -> list[Entry]:
        """Every create that made a job, and so would have been billed, whether or not it was answered."""
        return [entry for entry in self.creates() if entry.video_id is not None]
