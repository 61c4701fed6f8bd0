"""If no response proves what the server did, the job is unconfirmed and never sent again by itself."""

from __future__ import annotations

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Status

from .canned_server import CannedResponse, canned_server
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
def test_a_job_that_may_have_been_accepted_is_unconfirmed_and_never_sent_again(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, fault: faults.Fault, accepted: int
) -> None:
    job = stack.ready_job()
    fake_server.faults.plan(fault)
    unconfirmed = submit(stack, video_server, job)
    assert (unconfirmed.status, unconfirmed.error.code) == (Status.UNCONFIRMED, "unconfirmed")
    assert "Look for it at the server" in unconfirmed.error.hint
    assert submit(stack, video_server, job) == submit(stack, video_server, job, redelivered=True) == unconfirmed
    assert (len(fake_server.request_log.creates()), len(fake_server.request_log.accepted())) == (1, accepted)
    assert recorded(stack, job) == unconfirmed
    assert stack.polls() == []


def test_a_redirect_is_not_followed_with_the_picture(stack: Stack, connect: Connect) -> None:
    job = stack.ready_job()
    with canned_server(CannedResponse.of_json({"id": "video_elsewhere", "status": "queued"})) as elsewhere:
        redirect = CannedResponse(307, b"", {"Location": f"{elsewhere.base_url}/videos", "Content-Length": "0"})
        with canned_server(redirect) as server:
            unconfirmed = submit(stack, connect(server.base_url), job)
            assert server.requests == ["POST /v1/videos"]
        assert elsewhere.requests == []
    assert unconfirmed.status is Status.UNCONFIRMED


@pytest.mark.parametrize(
    "response",
    [
        CannedResponse.of_json({}),
        CannedResponse.of_json({"id": None, "status": "queued"}),
        CannedResponse.of_json([]),
        CannedResponse.of_json(None),
        CannedResponse(200, b'{"id": "video_1", "sta', {"Content-Type": "application/json"}),
        CannedResponse(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        CannedResponse(200, b"", {"Content-Type": "application/json"}),
    ],
    ids=["empty object", "null id", "list", "null", "truncated json", "page", "empty body"],
)
def test_a_response_without_an_id_makes_the_job_unconfirmed(
    stack: Stack, connect: Connect, response: CannedResponse
) -> None:
    job = stack.ready_job()
    with canned_server(response) as server:
        unconfirmed = submit(stack, connect(server.base_url), job)
        assert server.requests == ["POST /v1/videos"]
    assert (unconfirmed.status, unconfirmed.server) == (Status.UNCONFIRMED, None)
    assert stack.polls() == []


@pytest.mark.parametrize("error", [TypeError("an unknown shape"), KeyError("id"), MemoryError()])
def test_any_error_while_the_response_is_read_makes_the_job_unconfirmed(
    stack: Stack,
    fake_server: FakeVideoServer,
    video_server: VideoServerClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def read(*_: object) -> None:
        raise error

    job = stack.ready_job()
    monkeypatch.setattr("sora_ready.adapters.video_server.client.read_response", read)
    unconfirmed = submit(stack, video_server, job)
    assert (unconfirmed.status, unconfirmed.error.code) == (Status.UNCONFIRMED, "unconfirmed")
    assert submit(stack, video_server, job, redelivered=True) == unconfirmed == recorded(stack, job)
    assert (len(fake_server.request_log.accepted()), stack.polls()) == (1, [])
