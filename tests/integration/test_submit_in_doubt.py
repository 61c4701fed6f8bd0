"""Where no answer proves what the server did, the job is unconfirmed, and it is never sent again by itself."""

from __future__ import annotations

import pytest

from local.stand_in import StandIn, faults
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.job import Status

from .scripted import Answer, scripted_server
from .steps import Connect, recorded, submit
from .support import Stack

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
    stack: Stack, stand_in: StandIn, video_api: VideoApi, fault: faults.Fault, accepted: int
) -> None:
    job = stack.ready_job()
    stand_in.faults.plan(fault)
    doubted = submit(stack, video_api, job)
    assert (doubted.status, doubted.error["code"]) == (Status.UNCONFIRMED, "unconfirmed")
    assert "Look for it at the server" in doubted.error["hint"]
    assert submit(stack, video_api, job) == submit(stack, video_api, job, redelivered=True) == doubted
    assert (len(stand_in.ledger.creates()), len(stand_in.ledger.accepted())) == (1, accepted)
    assert recorded(stack, job) == doubted
    assert stack.polls() == []


def test_a_redirect_is_not_followed_with_the_picture(stack: Stack, connect: Connect) -> None:
    job = stack.ready_job()
    with scripted_server(Answer.of_json({"id": "video_elsewhere", "status": "queued"})) as elsewhere:
        there = Answer(307, b"", {"Location": f"{elsewhere.base_url}/videos", "Content-Length": "0"})
        with scripted_server(there) as server:
            doubted = submit(stack, connect(server.base_url), job)
            assert server.requests == ["POST /v1/videos"]
        assert elsewhere.requests == []
    assert doubted.status is Status.UNCONFIRMED


@pytest.mark.parametrize(
    "answer",
    [
        Answer.of_json({}),
        Answer.of_json({"id": None, "status": "queued"}),
        Answer.of_json([]),
        Answer.of_json(None),
        Answer(200, b'{"id": "video_1", "sta', {"Content-Type": "application/json"}),
        Answer(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        Answer(200, b"", {"Content-Type": "application/json"}),
    ],
    ids=["empty object", "null id", "list", "null", "cut json", "page", "nothing"],
)
def test_an_answer_without_an_id_leaves_the_job_unconfirmed(stack: Stack, connect: Connect, answer: Answer) -> None:
    job = stack.ready_job()
    with scripted_server(answer) as server:
        doubted = submit(stack, connect(server.base_url), job)
        assert server.requests == ["POST /v1/videos"]
    assert (doubted.status, doubted.server) == (Status.UNCONFIRMED, {})
    assert stack.polls() == []


@pytest.mark.parametrize("broken", [TypeError("an answer of no known shape"), KeyError("id"), MemoryError()])
def test_whatever_goes_wrong_while_the_answer_is_read_is_unconfirmed(
    stack: Stack, stand_in: StandIn, video_api: VideoApi, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    def read(*_: object) -> None:
        raise broken

    job = stack.ready_job()
    monkeypatch.setattr("sora_ready.adapters.video_api.read_answer", read)
    doubted = submit(stack, video_api, job)
    assert (doubted.status, doubted.error["code"]) == (Status.UNCONFIRMED, "unconfirmed")
    assert submit(stack, video_api, job, redelivered=True) == doubted == recorded(stack, job)
    assert (len(stand_in.ledger.accepted()), stack.polls()) == (1, [])
