"""Planned faults: what a test makes go wrong, at which point of a request, and the broken responses that result.

A request passes these points, in this order:

    create    before_accepting (it is valid, nothing is stored) → after_accepting (the job exists)
    retrieve  retrieving
    content   sending_content

Each operation has a queue of planned faults. A request takes the first fault of its operation's queue, and the fault
happens at its own point. A request that is refused takes none.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypedDict

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .errors import ApiError

BEFORE_ACCEPTING = "before_accepting"
AFTER_ACCEPTING = "after_accepting"
RETRIEVING = "retrieving"
SENDING_CONTENT = "sending_content"

CLOSE_EXTENSION = "fake_server.close_connection"
"""Name, in an ASGI scope's extensions, of the function with which the server closes the connection."""

_OPERATIONS: Mapping[str, str] = {
    BEFORE_ACCEPTING: "create",
    AFTER_ACCEPTING: "create",
    RETRIEVING: "retrieve",
    SENDING_CONTENT: "content",
}
_KINDS = ("none", "status", "drop_connection", "delay", "cut_content")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong for one request.

    kind: "none" (this request succeeds), "status" (respond with `status`, `headers`, `message`), "drop_connection" (no
    response at all), "delay" (respond `seconds` later), "cut_content" (send only the first `bytes` of the file).
    point: one of the four points above.
    """

    kind: str
    point: str = BEFORE_ACCEPTING
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    seconds: float = 0.0
    bytes: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` for a fault that could never happen."""
        if self.kind not in _KINDS:
            raise ValueError(f"there is no fault {self.kind!r}; choose from {', '.join(_KINDS)}")
        _check_point(self.point)
        if self.kind == "cut_content" and self.point != SENDING_CONTENT:
            raise ValueError("cut_content happens at sending_content only")

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """Read `{"kind": …, …}` with the field names above. Raises `ValueError` or `TypeError` for anything else."""
        if not isinstance(value, dict) or "kind" not in value:
            raise ValueError('a fault is an object with a "kind"')
        unknown = set(value) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(map(str, unknown)))}")
        default_point = SENDING_CONTENT if value["kind"] == "cut_content" else BEFORE_ACCEPTING
        return cls(**{"point": default_point, **value})


def none() -> Fault:
    """Let one create succeed, so that a later one fails."""
    return Fault("none")


def status(code: int, *, headers: Mapping[str, str] | None = None, message: str | None = None) -> Fault:
    """Refuse the next create with this HTTP status; nothing is stored."""
    return Fault("status", status=code, headers=dict(headers or {}), message=message)


def drop_connection() -> Fault:
    """Close the next create's connection without a byte of response; nothing is stored."""
    return Fault("drop_connection")


def delay(seconds: float) -> Fault:
    """Wait this long before the next create is accepted."""
    return Fault("delay", seconds=seconds)


def accept_then(fault: Fault) -> Fault:
    """Return the same fault for after the job exists: the client can't know whether it has to pay."""
    return replace(fault, point=AFTER_ACCEPTING)


def accept_then_drop_connection() -> Fault:
    """Accept the next create, then close its connection without a byte of response."""
    return accept_then(drop_connection())


def on_retrieve(fault: Fault) -> Fault:
    """Return the same fault for the next `GET /v1/videos/{id}`."""
    return replace(fault, point=RETRIEVING)


def on_content(fault: Fault) -> Fault:
    """Return the same fault for the next download."""
    return replace(fault, point=SENDING_CONTENT)


def cut_content(count: int) -> Fault:
    """Send the first `count` bytes of the next download, under the whole file's content-length, and close."""
    return Fault("cut_content", point=SENDING_CONTENT, bytes=count)


# ---------------------------------------------------------------- the plan


class FaultPoint(TypedDict):
    """The point that a request has reached; `video_id` and `prompt` are None where they are not known."""

    point: str
    video_id: str | None
    prompt: str | None


Hook = Callable[[FaultPoint], Fault | None]
"""Called when a request reaches a point; a `Fault` that it returns happens there.

It runs on a worker thread, so it may block: that request waits, the server doesn't.
"""


class Faults:
    """The planned faults and the hooks. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._hooks: defaultdict[str, list[Hook]] = defaultdict(list)

    def plan(self, *faults: Fault) -> None:
        """Queue faults, one for each of the next requests of their operations."""
        with self._lock:
            for fault in faults:
                self._queues[_OPERATIONS[fault.point]].append(fault)

    def on(self, point: str, hook: Hook) -> None:
        """Call `hook` whenever a request reaches `point`."""
        _check_point(point)
        with self._lock:
            self._hooks[point].append(hook)

    def clear(self) -> None:
        """Remove all planned faults and hooks."""
        with self._lock:
            self._queues.clear()
            self._hooks.clear()

    def pending(self) -> list[Fault]:
        """Return the planned faults that have not happened yet: for creates, then retrievals, then downloads."""
        with self._lock:
            return [fault for operation in dict.fromkeys(_OPERATIONS.values()) for fault in self._queues[operation]]

    def take(self, operation: str) -> Fault | None:
        """Remove and return the next fault planned for "create", "retrieve" or "content"."""
        with self._lock:
            queue = self._queues[operation]
            return queue.popleft() if queue else None

    async def pass_point(
        self, point: str, planned: Fault | None, video_id: str | None = None, prompt: str | None = None
    ) -> Response | None:
        """Let a hook's fault, or else the planned one, happen at `point`.

        A response replaces the usual one. Raises `ApiError` for a status.
        """
        reached = FaultPoint(point=point, video_id=video_id, prompt=prompt)
        fault = await run_in_threadpool(self._call_hooks, reached)
        return await _respond_with(fault or (planned if planned and planned.point == point else None))

    def _call_hooks(self, reached: FaultPoint) -> Fault | None:
        """Call the hooks of the point in turn, until one returns a fault."""
        with self._lock:
            hooks = list(self._hooks[reached["point"]])
        return next((fault for hook in hooks if (fault := hook(reached)) is not None), None)


def _check_point(point: str) -> None:
    if point not in _OPERATIONS:
        raise ValueError(f"there is no point {point!r}; choose from {', '.join(_OPERATIONS)}")


# ---------------------------------------------------------------- the broken responses


async def _respond_with(fault: Fault | None) -> Response | None:
    if fault is None or fault.kind == "none":
        return None
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "drop_connection":
        return DroppedConnection()
    raise ApiError(
        fault.message or "The server had an error while processing your request. Sorry about that!",
        status=fault.status,
        type="rate_limit_error" if fault.status == 429 else "server_error",
        code="rate_limit_exceeded" if fault.status == 429 else None,
        headers=fault.headers,
    )


class DroppedConnection(Response):
    """No response: the connection is closed before the first byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection."""
        await _close(scope, receive)


class TruncatedFile(Response):
    """The first `count` bytes of a file, under the content-length of all of it."""

    def __init__(self, path: Path, count: int, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._data = path.read_bytes()
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first bytes, then close the connection."""
        self.headers["content-length"] = str(len(self._data))
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._data[: self._count], "more_body": True})
        await _close(scope, receive)


async def _close(scope: Scope, receive: Receive) -> None:
    close: Callable[[], Awaitable[None]] | None = scope.get("extensions", {}).get(CLOSE_EXTENSION)
    if close is None:
        # Without a server there is no connection to close; an in-process client sees the same error.
        raise ConnectionResetError("the connection was dropped on purpose")
    await close()
    # The server reports a return without a response as an error, unless it knows that the client has disconnected.
    while (await receive())["type"] != "http.disconnect":
        pass
