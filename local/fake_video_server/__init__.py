"""A fake video server for OpenAI's Videos API, on loopback, as strict as the real one was.

OpenAI's endpoint is closed. This one takes the same requests, refuses what it refused in the same words,
renders a real MP4 whose first frame is the picture it was sent, and writes down every request, so that a
test can count what would have been billed.

    with serve(FakeVideoServerConfig(key="sk-local")) as fake_server:
        client = OpenAI(base_url=fake_server.base_url, api_key="sk-local", max_retries=0)
        ...
        assert len(fake_server.request_log.accepted()) == 1

As a process: `python -m local.fake_video_server --port 4010 --key sk-local --data DIR`. From outside, the request_log is
at `GET /_fake_server/requests`, and faults are planned by `POST /_fake_server/faults`.
"""

from .app import create_app
from .config import SORA_CATALOG, FakeVideoServerConfig, ModelRules
from .faults import Fault, Faults
from .request_log import Entry, RequestLog
from .server import FakeVideoServer, serve

__all__ = [
    "SORA_CATALOG",
    "Entry",
    "FakeVideoServer",
    "FakeVideoServerConfig",
    "Fault",
    "Faults",
    "ModelRules",
    "RequestLog",
    "create_app",
    "serve",
]
