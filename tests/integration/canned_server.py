"""Small HTTP servers with canned responses, in place of a video server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class CannedResponse:
    """One response. Without a content-length header the body ends where the connection does."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> CannedResponse:
        body = json.dumps(value).encode()
        return cls(status, body, {"Content-Type": "application/json", "Content-Length": str(len(body))})


@dataclass(frozen=True)
class CannedServer:
    """A running server on loopback, and the requests that it got, as `POST /v1/videos`."""

    base_url: str
    requests: list[str]


@contextmanager
def canned_server(
    responses: CannedResponse | Mapping[str, CannedResponse], before: Callable[[], object] = lambda: None
) -> Iterator[CannedServer]:
    """Give each request the same response, or the one of its `METHOD /path`, after calling `before`."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = f"{self.command} {self.path}"
            requests.append(request)
            before()
            canned = responses if isinstance(responses, CannedResponse) else responses.get(request, CannedResponse(500))
            self.send_response(canned.status)
            for name, value in canned.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(canned.body)

        do_GET = do_POST = respond  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield CannedServer(f"http://127.0.0.1:{server.server_port}/v1", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
