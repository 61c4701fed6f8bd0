"""Faults on purpose: what a test plans to go wrong, and where.

A request passes named points, in this order:

    create    before_accepting (its rules are met, nothing is stored) → after_accepting (the job exists)
    retrieve  retrieving
    content   sending_content

Each operation has a queue of planned faults. A request takes the first of its operation's queue when it
reaches the first point, and it strikes at the fault's own point; a request that is refused takes none.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

BEFORE_ACCEPTING = "before_accepting"
AFTER_ACCEPTING = "after_accepting"
RETRIEVING = "retrieving"
SENDING_CONTENT = "sending_content"

_OPERATION_AT: Mapping[str, str] = {
    BEFORE_ACCEPTING: "create",
    AFTER_ACCEPTING: "create",
    RETRIEVING: "retrieve",
    SENDING_CONTENT: "content",
}
_KINDS = ("none", "status", "drop_connection", "delay", "cut_content")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong for one request.

    kind: "none" (a request that is spared), "status" (answer with `status`, `headers`, `message`),
    "drop_connection" (no answer at all), "delay" (`seconds` later, then as usual), "cut_content" (the first
    `bytes` of what was promised). point: one of the four points above.
    """

    kind: str
    point: str = BEFORE_ACCEPTING
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    seconds: float = 0.0
    bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse a fault that could never strike."""
        if self.kind not in _KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; there are {', '.join(_KINDS)}")
        if self.point not in _OPERATION_AT:
            raise ValueError(f"no point is called {self.point!r}; there are {', '.join(_OPERATION_AT)}")
        if self.kind == "cut_content" and self.point != SENDING_CONTENT:
            raise ValueError("cut_content strikes at sending_content only")

    @classmethod
    def from_json(cls, plan: object) -> Fault:
        """Read `{"kind": …, …}` with the field names above; ValueError or TypeError if it is none."""
        if not isinstance(plan, dict) or "kind" not in plan:
            raise ValueError('a fault is an object with a "kind"')
        unknown = set(plan) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(map(str, unknown)))}")
        default_point = SENDING_CONTENT if plan["kind"] == "cut_content" else BEFORE_ACCEPTING
        return cls(**{"point": default_point, **plan})


def none() -> Fault:
    """Spare one create, so that a later one is struck."""
    return Fault("none")


def status(code: int, *, headers: Mapping[str, str] | None = None, message: str | None = None) -> Fault:
    """Refuse the next create with this HTTP status; nothing is stored."""
    return Fault("status", status=code, headers=dict(headers or {}), message=message)


def drop_connection() -> Fault:
    """Close the next create's connection without a byte of answer; nothing is stored."""
    return Fault("drop_connection")


def delay(seconds: float) -> Fault:
    """Let the next create wait this long before it is accepted."""
    return Fault("delay", seconds=seconds)


def accept_then(fault: Fault) -> Fault:
    """The same fault, but once the job exists: what makes a client unsure whether it has paid."""
    return replace(fault, point=AFTER_ACCEPTING)


def accept_then_drop_connection() -> Fault:
    """Accept the next create, then close its connection without a byte of answer."""
    return accept_then(drop_connection())


def on_retrieve(fault: Fault) -> Fault:
    """The same fault for the next `GET /v1/videos/{id}`."""
    return replace(fault, point=RETRIEVING)


def on_content(fault: Fault) -> Fault:
    """The same fault for the next download."""
    return replace(fault, point=SENDING_CONTENT)


def cut_content(count: int) -> Fault:
    """Promise the next download whole, send its first `count` bytes, and close."""
    return Fault("cut_content", point=SENDING_CONTENT, bytes=count)


Hook = Callable[[Mapping[str, Any]], Fault | None]
"""Called with `{"point", "video_id", "prompt"}` (None where unknown); a Fault returned strikes there.

It runs on a worker thread, so it may block: the one request waits, the server does not.
"""


class Faults:
    """The plan. Safe to use from any thread."""

    def __init__(self) -> None:
        """Start with nothing planned."""
        self._lock = threading.Lock()
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._hooks: defaultdict[str, list[Hook]] = defaultdict(list)

    def plan(self, *faults: Fault) -> None:
        """Queue faults, one for each of the next requests of their operations."""
        with self._lock:
            for fault in faults:
                self._queues[_OPERATION_AT[fault.point]].append(fault)

    def on(self, point: str, hook: Hook) -> None:
        """Call `hook` whenever a request reaches `point`."""
        if point not in _OPERATION_AT:
            raise ValueError(f"no point is called {point!r}; there are {', '.join(_OPERATION_AT)}")
        with self._lock:
            self._hooks[point].append(hook)

    def clear(self) -> None:
        """Forget every plan and hook."""
        with self._lock:
            self._queues.clear()
            self._hooks.clear()

    def pending(self) -> list[Fault]:
        """What is planned and has not struck yet: creates first, then retrievals, then downloads."""
        with self._lock:
            order = dict.fromkeys(_OPERATION_AT.values())
            return [fault for operation in order for fault in self._queues[operation]]

    def take(self, operation: str) -> Fault | None:
        """Take the next fault planned for "create", "retrieve" or "content"."""
        with self._lock:
            queue = self._queues[operation]
            return queue.popleft() if queue else None

    def call_hooks(self, details: Mapping[str, Any]) -> Fault | None:
        """Call the hooks of `details["point"]` in turn, until one asks for a fault."""
        with self._lock:
            hooks = list(self._hooks[details["point"]])
        for hook in hooks:
            fault = hook(details)
            if fault is not None:
                return fault
        return None
