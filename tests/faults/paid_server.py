"""The fake video server as the paid server, in this process: its own routes, rules and ledger, without a socket between.

A video here is drawn at once and holds its own id, so that no two have the same bytes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image
from starlette.responses import Response

from local.fake_video_server import FakeVideoServerConfig, Faults, ModelRules, RequestLog, app, create_app, video_store
from local.fake_video_server.render import render
from sora_ready.adapters.video_server.client import VideoServerClient, open_video_server

KEY = "sk-loopback-fa17"
RENDER_SECONDS = 20
CATALOG = {"tiny": ModelRules(("64x48",), ("1",)), "expensive": ModelRules(("64x48",), ("1",))}


class SweepPartition(httpx2.BaseTransport):
    """The way to the server of the stack under way.

    `breaks` are raised in turn instead of its next answers to POSTs; `rewrite` may change what `GET /videos` answers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = 0
        self.app: Any = None
        self.breaks: list[Exception] = []
        self.rewrite: Callable[[dict[str, Any]], tuple[int, Any]] | None = None
        self._loop = asyncio.new_event_loop()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Hand the request to the application and wait for its whole answer."""
        sent: list[dict[str, Any]] = []
        incoming = [{"type": "http.request", "body": request.read(), "more_body": False}]

        async def receive() -> dict[str, Any]:
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
        }
        try:
            self._loop.run_until_complete(self.app(scope, receive, send))
        except ConnectionResetError as error:
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.") from error
        broken = self.breaks.pop(0) if self.breaks and request.method == "POST" else None
        if broken:
            raise broken
        body = b"".join(message.get("body", b"") for message in sent[1:])
        if self.rewrite and (request.method, request.url.path) == ("GET", "/v1/videos"):
            status, page = self.rewrite(json.loads(body))
            return httpx2.Response(status, json=page)
        return httpx2.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)

    def close(self) -> None:
        """End the loop too."""
        self._loop.close()


class PaidServer:
    """One server, with a ledger of its own."""

    def __init__(self, line: SweepPartition, clock: Any) -> None:
        line.servers += 1
        config = FakeVideoServerConfig(
            key=KEY,
            data=line.folder / str(line.servers),
            render_seconds=RENDER_SECONDS,
            poll_after_ms=15_000,
            keep_seconds=10**8,
            catalog=CATALOG,
            clock=clock,
        )
        self._app = create_app(config)
        self.request_log: RequestLog = self._app.state.request_log
        self.faults: Faults = self._app.state.faults
        line.app, line.breaks, line.rewrite = self._app, [], None


class _AtOnce:
    """An executor that has done it when it is asked to."""

    def __init__(self, **_: Any) -> None:
        pass

    def submit(self, work: Any, *given: Any) -> None:
        work(*given)


@contextmanager
def open_line() -> Iterator[tuple[SweepPartition, VideoServerClient]]:
    """Open the way to the servers, with a client that production made: its settings are what is under test."""

    async def here(work: Any, *given: Any, **options: Any) -> Any:
        return work(*given, **options)

    client = openai.DefaultHttpxClient
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        line = SweepPartition(Path(folder))
        patch.setattr(video_store, "ThreadPoolExecutor", _AtOnce)
        patch.setattr(video_store, "render", _copy_video)
        patch.setattr(app, "run_in_threadpool", here)
        patch.setattr(app, "FileResponse", _whole_file)
        patch.setattr(openai, "DefaultHttpxClient", lambda **options: client(transport=line, **options))
        yield line, open_video_server("http://127.0.0.1/v1", KEY)
        line.close()


def _whole_file(path: Path, media_type: str) -> Response:
    return Response(path.read_bytes(), media_type=media_type)


def _copy_video(_picture: Any, _seconds: int, path: Path, *_: Any) -> None:
    name = path.name.encode()
    # A box that players pass over, with what makes this video another than the others.
    path.write_bytes(_video() + (8 + len(name)).to_bytes(4, "big") + b"free" + name)


@cache
def _video() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "video.mp4")
        render(Image.new("RGB", (64, 48)), 1, path, lambda _: None, lambda: False)
        return path.read_bytes()
