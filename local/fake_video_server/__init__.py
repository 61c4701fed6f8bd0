"""A fake video server on loopback: OpenAI's Videos API, as strict as the real one was.

OpenAI's endpoint is closed. This server accepts the same requests and refuses the others in the same words. It renders
a real MP4 whose first frame is the reference image, and it logs every request, so a test can count what would have
been billed.

    with serve(FakeVideoServerConfig(key="sk-local")) as fake_server:
        client = OpenAI(base_url=fake_server.base_url, api_key="sk-local", max_retries=0)
        ...
        assert len(fake_server.request_log.accepted()) == 1

As a process: `python -m local.fake_video_server --port 4010 --key sk-local --data DIR`. Other processes read the
request log at `GET /_fake_server/requests` and plan faults with `POST /_fake_server/faults`.
"""

from .app import create_app
from .config import SORA_CATALOG, FakeVideoServerConfig, ModelRules
from .faults import Fault, FaultPoint, Faults
from .request_log import LoggedRequest, RequestLog
from .server import FakeVideoServer, serve

__all__ = [
    "SORA_CATALOG",
    "FakeVideoServer",
    "FakeVideoServerConfig",
    "Fault",
    "FaultPoint",
    "Faults",
    "LoggedRequest",
    "ModelRules",
    "RequestLog",
    "create_app",
    "serve",
]
