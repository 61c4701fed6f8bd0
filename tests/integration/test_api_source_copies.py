"""POST /videos with an s3:// URL: an object of the upload bucket is copied, within limits, without its tags."""

from __future__ import annotations

from typing import Any

import pytest

from sora_ready.domain.errors import JobError
from sora_ready.domain.job import Status
from sora_ready.domain.job_id import api_object_key

from .api_requests import ApiResponse, job_of, send_request
from .function_modules import Load
from .run_steps import normalize
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, picture


def create_from(api: Any, key: str, bucket: str = UPLOAD_BUCKET, **headers: str) -> ApiResponse:
    body = {"prompt": "a calm sea", "input_reference": {"image_url": f"s3://{bucket}/{key}"}}
    return send_request(api, "POST", "/videos", body, **headers)


def test_the_object_is_copied_to_the_jobs_key(stack: Stack, load: Load) -> None:
    stack.upload("holiday/ü 1.jpg", picture(80, 60))
    response = create_from(load("api"), "holiday/ü 1.jpg")
    assert response.status == 200
    key = api_object_key(response.body["id"])
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read() == picture(80, 60)
    assert response.body["job"]["file_name"] == "ü 1.jpg"


def test_its_tags_and_metadata_are_not_copied(stack: Stack, load: Load) -> None:
    stack.upload("tagged.jpg", picture(80, 60), Tagging="mode=sideways", Metadata={"size": "1x1"})
    response = create_from(load("api"), "tagged.jpg")
    source = job_of(stack, response).source
    assert normalize(stack, source).status is Status.READY


def test_an_object_that_is_not_there_is_a_bad_request(stack: Stack, load: Load) -> None:
    response = create_from(load("api"), "nothing.jpg")
    assert (response.status, response.code, response.body["error"]["param"]) == (
        400,
        "source_missing",
        "input_reference",
    )
    assert stack.dynamodb.scan(TableName=stack.table)["Count"] == 0


@pytest.mark.parametrize("length", [0, 101])
def test_an_object_that_is_empty_or_too_large_is_rejected(stack: Stack, load: Load, length: int) -> None:
    stack.upload("odd.jpg", b"x" * length)
    response = create_from(load("api", MAX_SOURCE_BYTES="100"), "odd.jpg")
    assert (response.status, response.code) == (400, "source_size")


def test_another_bucket_is_never_read(stack: Stack, load: Load) -> None:
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key="videos/a.mp4", Body=b"video")
    api = load("api")
    response = create_from(api, "videos/a.mp4", OUTPUT_BUCKET)
    assert (response.status, response.code) == (400, "url_not_fetched")
    assert stack.calls.names() == []


def test_a_repeated_request_succeeds_after_the_object_is_gone(stack: Stack, load: Load) -> None:
    stack.upload("once.jpg", picture(80, 60))
    api = load("api")
    first = create_from(api, "once.jpg", idempotency_key="k")
    stack.jobs.move_job(first.body["id"], Status.REJECTED, error=JobError("odd", "Odd."))
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key="once.jpg")
    assert create_from(api, "once.jpg", idempotency_key="k").body["id"] == first.body["id"]
