"""The fake video server in this process: its own routes, validation and request log, without a socket or files.

Its videos are not rendered: each is a copy of one sample with the video's id in it, so that no two have the same bytes.
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

ListRewrite = Callable[[dict[str, Any]], tuple[int, Any]]


class InProcessTransport(httpx2.BaseTransport):
    """The HTTP transport to the current stack's server.

    `response_errors` are raised, one each, instead of the next responses to POSTs; the server has processed the request
    by then. `rewrite_list` returns the status and body to send instead of a page of `GET /videos`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app: Any = None
        self.response_errors: list[Exception] = []
        self.rewrite_list: ListRewrite | None = None
        self._loop = asyncio.new_event_loop()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Run the request through the application and return its whole response."""
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
        if self.response_errors and request.method == "POST":
            raise self.response_errors.pop(0)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        if self.rewrite_list and (request.method, request.url.path) == ("GET", "/v1/videos"):
            status, page = self.rewrite_list(json.loads(body))
            return httpx2.Response(status, json=page)
        return httpx2.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)

    def close(self) -> None:
        """Close the event loop too."""
        self._loop.close()


class InProcessServer:
    """A new fake video server, with its own request log, at the other end of `transport`."""

    def __init__(self, transport: InProcessTransport, clock: Callable[[], float]) -> None:
        config = FakeVideoServerConfig(
            key=KEY,
            data=transport.folder,
            render_seconds=RENDER_SECONDS,
            poll_after_ms=15_000,
            keep_seconds=10**8,
            catalog=CATALOG,
            clock=clock,
        )
        self.app = create_app(config)
        self.request_log: RequestLog = self.app.state.request_log
        self.faults: Faults = self.app.state.faults
        transport.app, transport.response_errors, transport.rewrite_list = self.app, [], None


class _ImmediateExecutor:
    """An executor that runs its work at once, in the caller's thread."""

    def __init__(self, **_: Any) -> None:
        pass

    def submit(self, work: Callable[..., None], *arguments: Any) -> None:
        work(*arguments)


@contextmanager
def open_transport() -> Iterator[tuple[InProcessTransport, VideoServerClient]]:
    """Open the transport to the servers, and the client as production opens it: its settings are under test too."""

    async def run_here(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return work(*arguments, **options)

    http_client = openai.DefaultHttpxClient
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        transport = InProcessTransport(Path(folder))
        patch.setattr(video_store, "ThreadPoolExecutor", _ImmediateExecutor)
        patch.setattr(video_store, "_write", lambda _path, _data: None)
        patch.setattr(video_store.VideoStore, "_render", lambda _store, _job: None)
        patch.setattr(app, "RequestLog", lambda _path: RequestLog())
        patch.setattr(app, "run_in_threadpool", run_here)
        patch.setattr(app, "FileResponse", _respond_with_sample)
        patch.setattr(openai, "DefaultHttpxClient", lambda **options: http_client(transport=transport, **options))
        yield transport, open_video_server("http://127.0.0.1/v1", KEY)
        transport.close()


def _respond_with_sample(path: Path, media_type: str) -> Response:
    name = path.name.encode()
    # Players skip a `free` box; its content makes this video's bytes unique.
    return Response(_sample_video() + (8 + len(name)).to_bytes(4, "big") + b"free" + name, media_type=media_type)


@cache
def _sample_video() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "video.mp4")
        render(Image.new("RGB", (64, 48)), 1, path, lambda _: None, lambda: False)
        return path.read_bytes()
