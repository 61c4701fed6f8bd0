"""POST /uploads: a form for one picture, under one key, of one type and so many bytes, for fifteen minutes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sora_ready.domain.job import SourceObject, Status
from sora_ready.domain.job_id import api_object_key

from .api_requests import call, job_of
from .function_modules import Load
from .run_steps import normalize
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

ASKED = {"prompt": "a calm sea", "mode": "pad", "file_name": "big.heic", "content_type": "image/heic", "bytes": 9000}


def ask(api: Any, body: Any = ASKED, **headers: str) -> Any:
    return call(api, "POST", "/uploads", body, **headers)


def policy(told: Any) -> dict[str, Any]:
    signed: dict[str, Any] = json.loads(base64.b64decode(told.body["fields"]["policy"]))
    return signed


def test_the_answer_names_the_job_and_the_form(stack: Stack, load: Load) -> None:
    told = ask(load("api"))
    assert told.status == 200
    assert (told.body["object"], told.body["max_bytes"]) == ("upload", 9000)
    assert UPLOAD_BUCKET in told.body["url"]
    job = job_of(stack, told)
    assert (job.status, job.request.mode, job.option_sources["mode"]) == (Status.RECEIVED, "pad", "body")
    assert job.invocation.file_name == "big.heic"


def test_the_signed_policy_fixes_every_field(stack: Stack, load: Load) -> None:
    told = ask(load("api"))
    fields, signed = told.body["fields"], policy(told)
    exact = {
        name: value
        for condition in signed["conditions"]
        if isinstance(condition, dict)
        for name, value in condition.items()
    }
    ranges = [condition for condition in signed["conditions"] if isinstance(condition, list)]
    assert ranges == [["content-length-range", 9000, 9000]]
    assert exact["bucket"] == UPLOAD_BUCKET
    assert exact["key"] == fields["key"] == api_object_key(told.body["id"])
    assert exact["Content-Type"] == fields["Content-Type"] == "image/heic"
    assert exact["x-amz-meta-request"] == fields["x-amz-meta-request"]
    # nothing may be sent that is not signed, and no condition leaves a beginning open
    assert set(fields) - {"policy", "x-amz-signature", "AWSAccessKeyId", "signature"} <= set(exact)
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_the_form_is_good_for_fifteen_minutes_at_most(stack: Stack, load: Load) -> None:
    before = datetime.now(UTC)
    signed = policy(ask(load("api")))
    expiry = datetime.fromisoformat(signed["expiration"])
    assert before + timedelta(minutes=14) < expiry <= datetime.now(UTC) + timedelta(minutes=15)


def test_without_a_length_any_up_to_the_limit_may_come(stack: Stack, load: Load) -> None:
    told = ask(load("api"), {})
    assert ["content-length-range", 1, 100_000_000] in policy(told)["conditions"]
    assert told.body["max_bytes"] == 100_000_000


def test_the_request_that_is_signed_is_another_for_another_request(stack: Stack, load: Load) -> None:
    api = load("api")
    one, two = ask(api), ask(api, ASKED | {"mode": "blur"})
    assert one.body["fields"]["x-amz-meta-request"] != two.body["fields"]["x-amz-meta-request"]


def test_what_is_posted_becomes_what_was_asked_for(stack: Stack, load: Load) -> None:
    job = job_of(stack, ask(load("api")))
    upload = stack.upload(job.source.key, picture(40, 120), Metadata={"request": "a hash"})
    made = normalize(stack, upload)
    assert (made.id, made.status, made.request.mode) == (job.id, Status.READY, "pad")


def test_a_call_that_comes_again_gets_the_same_job_and_another_is_a_conflict(stack: Stack, load: Load) -> None:
    api = load("api")
    first = ask(api, idempotency_key="k")
    assert ask(api, idempotency_key="k").body["id"] == first.body["id"]
    told = ask(api, ASKED | {"bytes": 9001}, idempotency_key="k")
    assert (told.status, told.code) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": 100_000_001}, "bytes"),
        ({"bytes": "5"}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"content_type": "image"}, "content_type"),
        ({"content_type": "image/jpeg\r\nx: y"}, "content_type"),
        ({"file_name": 5}, "file_name"),
        ({"file_name": "x" * 1025}, "file_name"),
        ({"size": "1x1"}, "size"),
        ({"key": "other"}, "key"),
        ({"input_reference": "x"}, "input_reference"),
        ({"prompt": ""}, "prompt"),
    ],
)
def test_what_cannot_be_signed_is_refused_by_name(stack: Stack, load: Load, body: Any, param: str) -> None:
    told = ask(load("api"), body)
    assert (told.status, told.body["error"]["param"]) == (400, param)
    assert "dynamodb.PutItem" not in stack.calls.names()


def test_a_form_for_a_picture_that_never_comes_ends_as_rejected(stack: Stack, load: Load) -> None:
    job = job_of(stack, ask(load("api")))
    made = normalize(stack, SourceObject(UPLOAD_BUCKET, job.source.key))
    assert (made.status, made.error.code) == (Status.REJECTED, "source_missing")
