"""Where no answer proves what the server did, the job is unconfirmed, and it is never sent again by itself."""

from __future__ import annotations

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Status

from .canned_server import CannedResponse, scripted_server
from .run_steps import Connect, recorded, submit
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (faults.status(500), 0),
        (faults.status(503), 0),
        (faults.status(408), 0),
        (faults.status(409), 0),
        (faults.drop_connection(), 0),
        (faults.accept_then(faults.status(500)), 1),
        (faults.accept_then_drop_connection(), 1),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_what_may_have_been_taken_is_unconfirmed_and_never_sent_again(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, fault: faults.Fault, accepted: int
) -> None:
    job = stack.ready_job()
    fake_server.faults.plan(fault)
    doubted = submit(stack, video_server, job)
    assert (doubted.status, doubted.error.code) == (Status.UNCONFIRMED, "unconfirmed")
    assert "Look for it at the server" in doubted.error.hint
    assert submit(stack, video_server, job) == submit(stack, video_server, job, redelivered=True) == doubted
    assert (len(fake_server.request_log.creates()), len(fake_server.request_log.accepted())) == (1, accepted)
    assert recorded(stack, job) == doubted
    assert stack.polls() == []


def test_a_redirect_is_not_followed_with_the_picture(stack: Stack, connect: Connect) -> None:
    job = stack.ready_job()
    with scripted_server(CannedResponse.of_json({"id": "video_elsewhere", "status": "queued"})) as elsewhere:
        there = CannedResponse(307, b"", {"Location": f"{elsewhere.base_url}/videos", "Content-Length": "0"})
        with scripted_server(there) as server:
            doubted = submit(stack, connect(server.base_url), job)
            assert server.requests == ["POST /v1/videos"]
        assert elsewhere.requests == []
    assert doubted.status is Status.UNCONFIRMED


@pytest.mark.parametrize(
    "answer",
    [
        CannedResponse.of_json({}),
        CannedResponse.of_json({"id": None, "status": "queued"}),
        CannedResponse.of_json([]),
        CannedResponse.of_json(None),
        CannedResponse(200, b'{"id": "video_1", "sta', {"Content-Type": "application/json"}),
        CannedResponse(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        CannedResponse(200, b"", {"Content-Type": "application/json"}),
    ],
    ids=["empty object", "null id", "list", "null", "cut json", "page", "nothing"],
)
def test_an_answer_without_an_id_leaves_the_job_unconfirmed(
    stack: Stack, connect: Connect, answer: CannedResponse
) -> None:
    job = stack.ready_job()
    with scripted_server(answer) as server:
        doubted = submit(stack, connect(server.base_url), job)
        assert server.requests == ["POST /v1/videos"]
    assert (doubted.status, doubted.server) == (Status.UNCONFIRMED, {})
    assert stack.polls() == []


@pytest.mark.parametrize("broken", [TypeError("an answer of no known shape"), KeyError("id"), MemoryError()])
def test_whatever_goes_wrong_while_the_answer_is_read_is_unconfirmed(
    stack: Stack,
    fake_server: FakeVideoServer,
    video_server: VideoServerClient,
    monkeypatch: pytest.MonkeyPatch,
    broken: Exception,
) -> None:
    def read(*_: object) -> None:
        raise broken

    job = stack.ready_job()
    monkeypatch.setattr("sora_ready.adapters.video_server.client.read_response", read)
    doubted = submit(stack, video_server, job)
    assert (doubted.status, doubted.error.code) == (Status.UNCONFIRMED, "unconfirmed")
    assert submit(stack, video_server, job, redelivered=True) == doubted == recorded(stack, job)
    assert (len(fake_server.request_log.accepted()), stack.polls()) == (1, [])
