"""Each server's form of error message reaches the job's record, and malformed values do no harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sora_ready.adapters.video_server.client import open_video_server
from sora_ready.domain.errors import JobError, SettingsError
from sora_ready.domain.job import Status

from .canned_server import CannedResponse, canned_server
from .run_steps import Connect, recorded, submit, track
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

HUGE = [1e40, 1e300, 10**39, 10**400]


def raw(
    text: str, status: int = 200, kind: str = "application/json", *, poll_after_ms: str | None = None
) -> CannedResponse:
    body = text.encode()
    headers = {"Content-Type": kind, "Content-Length": str(len(body))}
    return CannedResponse(status, body, headers | ({"openai-poll-after-ms": poll_after_ms} if poll_after_ms else {}))


def refusal(stack: Stack, connect: Connect, response: CannedResponse) -> JobError:
    """Submit a job to a server that sends `response`. Return the error that the job failed with."""
    with canned_server(response) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
        assert server.requests == ["POST /v1/videos"]
    assert job == recorded(stack, job)
    assert (job.status, stack.polls()) == (Status.FAILED, [])
    assert job.error
    return job.error


@pytest.mark.parametrize(
    ("body", "message"),
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
def test_a_refusals_message_is_the_servers_own(stack: Stack, connect: Connect, body: Any, message: str) -> None:
    assert refusal(stack, connect, CannedResponse.of_json(body, 422)).message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size is wrong\n", "size is wrong"),
        ("<h1>Bad Request</h1>", "<h1>Bad Request</h1>"),
        ("", "HTTP 400"),
        ("[]", "[]"),
        ("x" * 5000, "x" * 2000),
    ],
    ids=["sentence", "page", "empty", "list", "long"],
)
def test_a_refusal_that_is_not_a_json_object_is_its_own_message(
    stack: Stack, connect: Connect, text: str, message: str
) -> None:
    assert refusal(stack, connect, raw(text, 400, "text/plain")).message == message


def test_a_long_message_is_cut(stack: Stack, connect: Connect) -> None:
    response = CannedResponse.of_json({"error": {"message": "x" * 5000}}, 400)
    assert refusal(stack, connect, response).message == "x" * 2000


@pytest.mark.parametrize(
    ("sent", "code"),
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
def test_a_code_that_is_not_a_word_becomes_the_http_status(
    stack: Stack, connect: Connect, sent: Any, code: str
) -> None:
    error = refusal(stack, connect, CannedResponse.of_json({"error": {"message": "no", "code": sent}}, 400))
    assert (error.code, error.facts) == (code, {"http_status": 400})


def test_a_refusal_whose_type_is_not_text_is_read(stack: Stack, connect: Connect) -> None:
    body = {"error": {"message": "no", "code": "invalid_size", "type": ["invalid"]}}
    assert refusal(stack, connect, CannedResponse.of_json(body, 400)).code == "invalid_size"


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "insufficient_quota"},
        {"type": "insufficient_quota"},
        {"code": None, "type": "insufficient_quota"},
        {"code": "billing", "type": "insufficient_quota"},
    ],
)
@pytest.mark.parametrize("status", [429, 403])
def test_an_account_without_credit_fails_the_job(
    stack: Stack, connect: Connect, fields: dict[str, Any], status: int
) -> None:
    error = refusal(stack, connect, CannedResponse.of_json({"error": {"message": "quota"} | fields}, status))
    assert error.code == "insufficient_quota"
    assert error.hint
    assert "top it up" in error.hint


def test_payment_required_fails_the_job_with_its_hint(stack: Stack, connect: Connect) -> None:
    error = refusal(stack, connect, raw("", 402))
    assert error.code == "http_402"
    assert error.hint
    assert "top it up" in error.hint


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-海", "sk-one\nsk-two", "sk-one\rsk-two", "sk-\x00", "sk-\u200b"])
def test_a_key_that_cannot_be_sent_is_a_settings_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        open_video_server("http://127.0.0.1:9/v1", key)
    assert raised.value.code == "invalid_api_key"
    assert "VideoApiKeySecret" in raised.value.message
    assert "sk-" not in json.dumps(raised.value.to_job_error().to_record())


# ---------------------------------------------------------------- malformed numbers

MALFORMED = ["1e400", "-1e400", "NaN", '"half"', "[]", "{}", "null", "-3", "0.5", "true"]


@pytest.mark.parametrize("number", MALFORMED)
def test_a_malformed_number_in_the_response_to_a_submission_does_no_harm(
    stack: Stack, connect: Connect, number: str
) -> None:
    with canned_server(
        raw(f'{{"id": "video_1", "status": "queued", "progress": {number}, "expires_at": {number}}}')
    ) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert job == recorded(stack, job)
    assert job.server
    assert (job.status, job.server.id) == (Status.QUEUED, "video_1")
    assert len(stack.polls()) == 1


@pytest.mark.parametrize("number", MALFORMED)
def test_a_malformed_number_in_the_response_to_a_poll_does_no_harm(stack: Stack, connect: Connect, number: str) -> None:
    job = stack.sent_job("video_1")
    with canned_server(
        raw(f'{{"id": "video_1", "status": "in_progress", "progress": {number}, "expires_at": {number}}}')
    ) as server:
        polled = track(stack, connect(server.base_url), job.id)
    assert polled == recorded(stack, job)
    assert (polled.status, polled.error) == (Status.IN_PROGRESS, None)
    assert len(stack.polls()) == 1


@pytest.mark.parametrize("number", HUGE, ids=["1e40", "1e300", "39 digits", "401 digits"])
def test_a_huge_number_in_the_response_to_a_submission_does_no_harm(
    stack: Stack, connect: Connect, number: float
) -> None:
    with canned_server(raw(f'{{"id": "video_1", "status": "queued", "progress": {number}}}')) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert job.server
    assert (job.status, job.server.id) == (Status.QUEUED, "video_1")


@pytest.mark.parametrize("number", HUGE, ids=["1e40", "1e300", "39 digits", "401 digits"])
def test_a_huge_number_in_the_response_to_a_poll_does_no_harm(stack: Stack, connect: Connect, number: float) -> None:
    job = stack.sent_job("video_1")
    with canned_server(raw(f'{{"id": "video_1", "status": "in_progress", "progress": {number}}}')) as server:
        assert track(stack, connect(server.base_url), job.id).status is Status.IN_PROGRESS
    assert len(stack.polls()) == 1


@pytest.mark.parametrize(
    ("poll_after_ms", "seconds"),
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
    ids=["0", "1500", "a day", "negative", "word", "1e400", "superscript", "400 digits"],
)
def test_a_poll_delay_out_of_range_or_malformed_does_no_harm(
    stack: Stack, connect: Connect, poll_after_ms: str, seconds: int
) -> None:
    response = raw('{"id": "video_1", "status": "queued"}', poll_after_ms=poll_after_ms)
    with canned_server(response) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, seconds)]
