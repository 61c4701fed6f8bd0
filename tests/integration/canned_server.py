"""Small video servers that say what a test has them say."""

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
    """What a scripted server says. Without a content-length the body ends where the connection does."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> CannedResponse:
        body = json.dumps(value).encode()
        return cls(status, body, {"Content-Type": "application/json", "Content-Length": str(len(body))})


@dataclass(frozen=True)
class ScriptedServer:
    """A server on loopback and what it was asked, as `POST /v1/videos`."""

    base_url: str
    requests: list[str]


@contextmanager
def scripted_server(
    answers: CannedResponse | Mapping[str, CannedResponse], before: Callable[[], object] = lambda: None
) -> Iterator[ScriptedServer]:
    """CannedResponse each request alike, or by its `METHOD /path`, after calling `before`, until the block ends."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = f"{self.command} {self.path}"
            requests.append(asked)
            before()
            said = answers if isinstance(answers, CannedResponse) else answers.get(asked, CannedResponse(500))
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ScriptedServer(f"http://127.0.0.1:{server.server_port}/v1", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
