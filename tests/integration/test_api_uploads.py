"""POST /uploads: a form for one picture, with a fixed key, type and length, valid for fifteen minutes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sora_ready.domain.job import SourceObject, Status
from sora_ready.domain.job_id import api_object_key

from .api_requests import job_of, send_request
from .function_modules import Load
from .run_steps import normalize
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

BODY = {"prompt": "a calm sea", "mode": "pad", "file_name": "big.heic", "content_type": "image/heic", "bytes": 9000}


def create_upload(api: Any, body: Any = BODY, **headers: str) -> Any:
    return send_request(api, "POST", "/uploads", body, **headers)


def policy(response: Any) -> dict[str, Any]:
    signed: dict[str, Any] = json.loads(base64.b64decode(response.body["fields"]["policy"]))
    return signed


def test_the_response_has_the_job_and_the_form(stack: Stack, load: Load) -> None:
    response = create_upload(load("api"))
    assert response.status == 200
    assert (response.body["object"], response.body["max_bytes"]) == ("upload", 9000)
    assert UPLOAD_BUCKET in response.body["url"]
    job = job_of(stack, response)
    assert (job.status, job.options["mode"], job.option_sources["mode"]) == (Status.RECEIVED, "pad", "body")
    assert job.invocation.file_name == "big.heic"


def test_the_signed_policy_fixes_every_field(stack: Stack, load: Load) -> None:
    response = create_upload(load("api"))
    fields, signed = response.body["fields"], policy(response)
    exact = {
        name: value
        for condition in signed["conditions"]
        if isinstance(condition, dict)
        for name, value in condition.items()
    }
    ranges = [condition for condition in signed["conditions"] if isinstance(condition, list)]
    assert ranges == [["content-length-range", 9000, 9000]]
    assert exact["bucket"] == UPLOAD_BUCKET
    assert exact["key"] == fields["key"] == api_object_key(response.body["id"])
    assert exact["Content-Type"] == fields["Content-Type"] == "image/heic"
    assert exact["x-amz-meta-request"] == fields["x-amz-meta-request"]
    # Every field is signed, and no condition is a prefix.
    assert set(fields) - {"policy", "x-amz-signature", "AWSAccessKeyId", "signature"} <= set(exact)
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_the_form_is_valid_for_at_most_fifteen_minutes(stack: Stack, load: Load) -> None:
    before = datetime.now(UTC)
    signed = policy(create_upload(load("api")))
    expiry = datetime.fromisoformat(signed["expiration"])
    assert before + timedelta(minutes=14) < expiry <= datetime.now(UTC) + timedelta(minutes=15)


def test_without_a_length_any_up_to_the_limit_is_accepted(stack: Stack, load: Load) -> None:
    response = create_upload(load("api"), {})
    assert ["content-length-range", 1, 100_000_000] in policy(response)["conditions"]
    assert response.body["max_bytes"] == 100_000_000


def test_the_signed_hash_differs_for_different_requests(stack: Stack, load: Load) -> None:
    api = load("api")
    one, two = create_upload(api), create_upload(api, BODY | {"mode": "blur"})
    assert one.body["fields"]["x-amz-meta-request"] != two.body["fields"]["x-amz-meta-request"]


def test_the_posted_picture_becomes_the_requested_frame(stack: Stack, load: Load) -> None:
    job = job_of(stack, create_upload(load("api")))
    upload = stack.upload(job.source.key, picture(40, 120), Metadata={"request": "a hash"})
    made = normalize(stack, upload)
    assert (made.id, made.status, made.request.mode) == (job.id, Status.READY, "pad")


def test_a_repeated_request_gets_the_same_job_and_another_is_a_conflict(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_upload(api, idempotency_key="k")
    assert create_upload(api, idempotency_key="k").body["id"] == first.body["id"]
    response = create_upload(api, BODY | {"bytes": 9001}, idempotency_key="k")
    assert (response.status, response.code) == (409, "idempotency_key_reused")


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
def test_an_invalid_upload_request_is_rejected_with_its_param(stack: Stack, load: Load, body: Any, param: str) -> None:
    response = create_upload(load("api"), body)
    assert (response.status, response.body["error"]["param"]) == (400, param)
    assert "dynamodb.PutItem" not in stack.calls.names()


def test_a_job_whose_picture_never_comes_is_rejected(stack: Stack, load: Load) -> None:
    job = job_of(stack, create_upload(load("api")))
    made = normalize(stack, SourceObject(UPLOAD_BUCKET, job.source.key))
    assert (made.status, made.error.code) == (Status.REJECTED, "source_missing")
