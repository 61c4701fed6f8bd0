"""The log of every request to /v1/*, refused ones included. Tests count submissions by it.

In memory a request appears on arrival. In `request_log.jsonl` it gets one line, written just before its response
starts, or when its connection is dropped. The Authorization header is never logged.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCOPE_KEY = "fake_server.logged_request"


@dataclass
class LoggedRequest:
    """One request.

    number: 1 for the first. time: Unix seconds at arrival. status: HTTP status of the response, None while there is
    none. For creates also the fields as they were sent, the image part's name, MIME type, length in bytes and SHA-256
    in hex, and the video's id if the job was accepted, whatever the response was. error: the message of the refusal.
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
    """Requests in order of arrival, also kept in the file `path` if there is one. Safe to read from any thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Start with the requests that `path` holds."""
        self._path = path
        self._lock = threading.Lock()
        self._entries: list[LoggedRequest] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            entries = [LoggedRequest(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
            self._entries = sorted(entries, key=lambda entry: entry.number)
        self._finished = {entry.number for entry in self._entries}

    def start(self, time: float, method: str, path: str, idempotency_key: str | None) -> LoggedRequest:
        """Add a request that has arrived. The entry is live: what is set on it shows at once."""
        with self._lock:
            number = self._entries[-1].number + 1 if self._entries else 1
            entry = LoggedRequest(number, time, method, path, idempotency_key=idempotency_key)
            self._entries.append(entry)
            return entry

    def finish(self, entry: LoggedRequest, status: int | None) -> None:
        """Set the status of a request's response and write its line; only the first call for an entry counts."""
        with self._lock:
            if entry.number in self._finished:
                return
            self._finished.add(entry.number)
            entry.status = status
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(entry)) + "\n")

    def entries(self) -> list[LoggedRequest]:
        """Return every request so far, as copies."""
        with self._lock:
            return [replace(entry) for entry in self._entries]

    def creates(self) -> list[LoggedRequest]:
        """Return every `POST /v1/videos`, refused or not."""
        return [entry for entry in self.entries() if (entry.method, entry.path) == ("POST", "/v1/videos")]

    def accepted(self) -> list[LoggedRequest]:
        """Return every create that started a job, and so would have been billed, whether or not it got a response."""
        return [entry for entry in self.creates() if entry.video_id is not None]


class RequestLogMiddleware:
    """ASGI middleware that logs every request to /v1/*; a handler adds to the entry with `logged_request`."""

    def __init__(self, app: ASGIApp, request_log: RequestLog, clock: Callable[[], float]) -> None:
        self._app = app
        self._log = request_log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start an entry, and finish it before the first byte of the response is sent."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        key = Headers(scope=scope).get("idempotency-key")
        entry = self._log.start(self._clock(), scope["method"], scope["path"], key)
        scope[_SCOPE_KEY] = entry

        async def send_logged(message: Message) -> None:
            # Before, not after: a test that has its response must find the request in the log.
            if message["type"] == "http.response.start":
                self._log.finish(entry, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_logged)
        finally:
            self._log.finish(entry, None)


def logged_request(request: Request) -> LoggedRequest:
    """Return the log's entry for a request to /v1/*."""
    return cast("LoggedRequest", request.scope[_SCOPE_KEY])
