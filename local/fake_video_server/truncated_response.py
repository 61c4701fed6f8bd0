"""Answers that break off: responses whose connection is closed before they are whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CLOSE_EXTENSION = "fake_server.close_connection"
"""Name, in an ASGI scope's extensions, of the function by which the server closes the connection."""


class DroppedConnection(Response):
    """No answer at all."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection before the first byte."""
        await _close(scope, receive)


class CutFile(Response):
    """A file promised whole, of which only the first bytes are sent."""

    def __init__(self, path: Path, count: int, media_type: str) -> None:
        """Promise `path`; send `count` bytes."""
        super().__init__(media_type=media_type)
        self._data = path.read_bytes()
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning, then close."""
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
    # The server takes a return without an answer for a mistake, unless it knows that the client is gone.
    while (await receive())["type"] != "http.disconnect":
        pass
