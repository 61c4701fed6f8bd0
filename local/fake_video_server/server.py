"""Runs a fake video server on loopback, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from .app import create_app
from .config import FakeVideoServerConfig
from .faults import CLOSE_EXTENSION, Faults
from .request_log import RequestLog

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class FakeVideoServer:
    """A running fake video server. `base_url` ends in /v1, as the SDK expects; `stop()` may be called early."""

    base_url: str
    request_log: RequestLog
    faults: Faults
    stop: Callable[[], None]


@contextmanager
def serve(config: FakeVideoServerConfig) -> Iterator[FakeVideoServer]:
    """Run a fake video server until the block ends; it is ready when the block starts."""
    # Bound here rather than by the server, so that the number behind port 0 is known and a taken port raises.
    listener = socket.create_server((config.host, config.port))
    host, port = listener.getsockname()
    app = create_app(config)
    app_with_close = _ClosingApp(app)
    server = uvicorn.Server(
        uvicorn.Config(
            app_with_close,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    app_with_close.server = server
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="fake-video-server", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()

    try:
        _wait_until_started(server, thread)
        yield FakeVideoServer(f"http://{host}:{port}/v1", app.state.request_log, app.state.faults, stop)
    finally:
        stop()


class _ClosingApp:
    """The application, extended so that it can close a request's connection, which ASGI has no message for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.server: uvicorn.Server | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            close = partial(self._close, scope["client"])
            scope["extensions"] = {**scope.get("extensions", {}), CLOSE_EXTENSION: close}
        await self._app(scope, receive, send)

    async def _close(self, client: tuple[str, int]) -> None:
        """Close the connection from `client` (address, port), after what was written to it is sent."""
        assert self.server is not None
        for connection in list(self.server.server_state.connections):
            transport: asyncio.Transport | None = getattr(connection, "transport", None)
            if transport is not None and getattr(connection, "client", None) == client:
                transport.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the fake video server did not start")
        time.sleep(0.005)
