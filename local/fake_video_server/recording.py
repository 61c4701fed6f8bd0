"""The layer that puts every request to /v1/* into the request_log."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .request_log import Entry, RequestLog

_SCOPE_KEY = "fake_server.entry"


class Recording:
    """ASGI middleware; a handler adds to its request's entry by `entry_of(request)`."""

    def __init__(self, app: ASGIApp, request_log: RequestLog, clock: Callable[[], float]) -> None:
        """Wrap `app`."""
        self._app = app
        self._ledger = request_log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open an entry, and close it before the first byte of the answer is out."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        key = Headers(scope=scope).get("idempotency-key")
        entry = self._ledger.open(self._clock(), scope["method"], scope["path"], key)
        scope[_SCOPE_KEY] = entry

        async def send_recorded(message: Message) -> None:
            # Before, not after: a test that has its answer must find the request in the request_log.
            if message["type"] == "http.response.start":
                self._ledger.close(entry, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        finally:
            self._ledger.close(entry, None)


def entry_of(request: Request) -> Entry:
    """The request_log's entry for a request to /v1/*."""
    return cast(Entry, request.scope[_SCOPE_KEY])
