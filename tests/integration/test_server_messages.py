"""What servers say, each in its own way, arrives in the job's record; what they say oddly does no harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sora_ready.adapters.video_server.client import open_video_server
from sora_ready.domain.errors import SettingsError
from sora_ready.domain.job import Job, Status

from .canned_server import CannedResponse, scripted_server
from .run_steps import Connect, recorded, submit, track
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

HUGE = [1e40, 1e300, 10**39, 10**400]


def raw(text: str, status: int = 200, kind: str = "application/json", **headers: str) -> CannedResponse:
    body = text.encode()
    return CannedResponse(status, body, {"Content-Type": kind, "Content-Length": str(len(body))} | headers)


def refused(stack: Stack, connect: Connect, answer: CannedResponse) -> Job:
    """Submit a job to a server that answers so; the refusal must end it."""
    with scripted_server(answer) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
        assert server.requests == ["POST /v1/videos"]
    assert job == recorded(stack, job)
    assert (job.status, stack.polls()) == (Status.FAILED, [])
    return job


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"error": {"message": "No such size."}}, "No such size."),
        ({"error": "No such size."}, "No such size."),
        ({"detail": "No such size."}, "No such size."),
        ({"detail": [{"loc": ["body", "size"], "msg": "no such size"}]}, "no such size"),
        ({"detail": [{"msg": "field required"}, {"msg": "not a number"}]}, "field required; not a number"),
        ({"detail": ["one", {"loc": ["size"]}]}, "one; {'loc': ['size']}"),
        ({"message": "No such size."}, "No such size."),
        ({"error": {"message": "", "detail": "No such size."}}, "No such size."),
        ("No such size.", "No such size."),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(stack: Stack, connect: Connect, said: Any, words: str) -> None:
    assert refused(stack, connect, CannedResponse.of_json(said, 422)).error.message == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size is wrong\n", "size is wrong"),
        ("<h1>Bad Request</h1>", "<h1>Bad Request</h1>"),
        ("", "HTTP 400"),
        ("[]", "[]"),
        ("x" * 5000, "x" * 2000),
    ],
    ids=["words", "page", "nothing", "list", "long"],
)
def test_a_refusal_that_is_no_object_is_told_as_it_stands(
    stack: Stack, connect: Connect, text: str, words: str
) -> None:
    assert refused(stack, connect, raw(text, 400, "text/plain")).error.message == words


def test_words_without_end_are_cut(stack: Stack, connect: Connect) -> None:
    assert (
        refused(stack, connect, CannedResponse.of_json({"error": {"message": "x" * 5000}}, 400)).error.message
        == "x" * 2000
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("invalid_size", "invalid_size"),
        ("Invalid-Size", "http_400"),
        ("1_size", "http_400"),
        ("two words", "http_400"),
        ("", "http_400"),
        (None, "http_400"),
        (400, "http_400"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "http_400"),
        ("größe", "http_400"),
        ("invalid_size\n", "http_400"),
        (["invalid_size"], "http_400"),
        ({"a": 1}, "http_400"),
    ],
)
def test_a_code_that_is_no_word_becomes_the_http_status(stack: Stack, connect: Connect, given: Any, code: str) -> None:
    error = refused(stack, connect, CannedResponse.of_json({"error": {"message": "no", "code": given}}, 400)).error
    assert (error["code"], error["http_status"]) == (code, 400)


def test_a_refusal_of_an_odd_type_is_refused(stack: Stack, connect: Connect) -> None:
    said = {"error": {"message": "no", "code": "invalid_size", "type": ["invalid"]}}
    assert refused(stack, connect, CannedResponse.of_json(said, 400)).error.code == "invalid_size"


@pytest.mark.parametrize(
    "said",
    [
        {"code": "insufficient_quota"},
        {"type": "insufficient_quota"},
        {"code": None, "type": "insufficient_quota"},
        {"code": "billing", "type": "insufficient_quota"},
    ],
)
@pytest.mark.parametrize("status", [429, 403])
def test_an_empty_account_is_refused_for_good(
    stack: Stack, connect: Connect, said: dict[str, Any], status: int
) -> None:
    error = refused(stack, connect, CannedResponse.of_json({"error": {"message": "quota"} | said}, status)).error
    assert error["code"] == "insufficient_quota"
    assert "top it up" in error["hint"]


def test_payment_required_is_refused_with_its_hint(stack: Stack, connect: Connect) -> None:
    error = refused(stack, connect, raw("", 402)).error
    assert error["code"] == "http_402"
    assert "top it up" in error["hint"]


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-海", "sk-one\nsk-two", "sk-one\rsk-two", "sk-\x00", "sk-\u200b"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        open_video_server("http://127.0.0.1:9/v1", key)
    assert refusal.value.code == "invalid_api_key"
    assert "VideoApiKeySecret" in refusal.value.message
    assert "sk-" not in json.dumps(refusal.value.to_record())


# ---------------------------------------------------------------- numbers that are none

ODD = ["1e400", "-1e400", "NaN", '"half"', "[]", "{}", "null", "-3", "0.5", "true"]


@pytest.mark.parametrize("number", ODD)
def test_an_odd_number_in_the_answer_to_a_submission_does_no_harm(stack: Stack, connect: Connect, number: str) -> None:
    with scripted_server(
        raw(f'{{"id": "video_1", "status": "queued", "progress": {number}, "expires_at": {number}}}')
    ) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert job == recorded(stack, job)
    assert (job.status, job.server.id) == (Status.QUEUED, "video_1")
    assert len(stack.polls()) == 1


@pytest.mark.parametrize("number", ODD)
def test_an_odd_number_in_the_answer_to_a_look_does_no_harm(stack: Stack, connect: Connect, number: str) -> None:
    job = stack.sent_job("video_1")
    with scripted_server(
        raw(f'{{"id": "video_1", "status": "in_progress", "progress": {number}, "expires_at": {number}}}')
    ) as server:
        looked = track(stack, connect(server.base_url), job.id)
    assert looked == recorded(stack, job)
    assert (looked.status, looked.error) == (Status.IN_PROGRESS, {})
    assert len(stack.polls()) == 1


@pytest.mark.parametrize("number", HUGE, ids=["1e40", "1e300", "39 digits", "401 digits"])
def test_a_huge_number_in_the_answer_to_a_submission_does_no_harm(
    stack: Stack, connect: Connect, number: float
) -> None:
    with scripted_server(raw(f'{{"id": "video_1", "status": "queued", "progress": {number}}}')) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert (job.status, job.server.id) == (Status.QUEUED, "video_1")


@pytest.mark.parametrize("number", HUGE, ids=["1e40", "1e300", "39 digits", "401 digits"])
def test_a_huge_number_in_the_answer_to_a_look_does_no_harm(stack: Stack, connect: Connect, number: float) -> None:
    job = stack.sent_job("video_1")
    with scripted_server(raw(f'{{"id": "video_1", "status": "in_progress", "progress": {number}}}')) as server:
        assert track(stack, connect(server.base_url), job.id).status is Status.IN_PROGRESS
    assert len(stack.polls()) == 1


@pytest.mark.parametrize(
    ("advised", "seconds"),
    [
        ("0", 1),
        ("1500", 2),
        ("99999999", 60),
        ("-5", 10),
        ("soon", 10),
        ("1e400", 10),
        ("²", 10),
        ("9" * 400, 60),
    ],
    ids=["none", "1500", "a day", "minus", "word", "1e400", "superscript", "400 digits"],
)
def test_odd_advice_on_when_to_look_does_no_harm(stack: Stack, connect: Connect, advised: str, seconds: int) -> None:
    answer = raw('{"id": "video_1", "status": "queued"}', **{"openai-poll-after-ms": advised})
    with scripted_server(answer) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, seconds)]
