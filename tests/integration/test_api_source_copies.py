"""POST /videos with s3://: an object of the upload bucket is copied, within bounds and without what it says."""

from __future__ import annotations

import pytest

from sora_ready.domain.job import Status
from sora_ready.domain.job_id import api_object_key

from .api_requests import Told, call, job_of
from .function_modules import Load
from .run_steps import normalize
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, picture


def ask(api: object, key: str, bucket: str = UPLOAD_BUCKET, **headers: str) -> Told:
    body = {"prompt": "a calm sea", "input_reference": {"image_url": f"s3://{bucket}/{key}"}}
    return call(api, "POST", "/videos", body, **headers)  # type: ignore[arg-type]


def test_the_object_is_copied_to_the_jobs_key(stack: Stack, load: Load) -> None:
    stack.upload("holiday/ü 1.jpg", picture(80, 60))
    told = ask(load("api"), "holiday/ü 1.jpg")
    assert told.status == 200
    key = api_object_key(told.body["id"])
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read() == picture(80, 60)
    assert told.body["job"]["file_name"] == "ü 1.jpg"


def test_its_tags_and_metadata_stay_behind(stack: Stack, load: Load) -> None:
    stack.upload("tagged.jpg", picture(80, 60), Tagging="mode=sideways", Metadata={"size": "1x1"})
    told = ask(load("api"), "tagged.jpg")
    source = job_of(stack, told).source
    assert normalize(stack, source).status is Status.READY


def test_an_object_that_is_not_there_is_a_bad_request(stack: Stack, load: Load) -> None:
    told = ask(load("api"), "nothing.jpg")
    assert (told.status, told.code, told.body["error"]["param"]) == (400, "source_missing", "input_reference")
    assert stack.dynamodb.scan(TableName=stack.table)["Count"] == 0


@pytest.mark.parametrize("length", [0, 101])
def test_an_object_of_no_bytes_or_too_many_is_refused(stack: Stack, load: Load, length: int) -> None:
    stack.upload("odd.jpg", b"x" * length)
    told = ask(load("api", MAX_SOURCE_BYTES="100"), "odd.jpg")
    assert (told.status, told.code) == (400, "source_size")


def test_another_bucket_is_never_read(stack: Stack, load: Load) -> None:
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key="videos/a.mp4", Body=b"video")
    api = load("api")
    told = ask(api, "videos/a.mp4", OUTPUT_BUCKET)
    assert (told.status, told.code) == (400, "url_not_fetched")
    assert stack.calls.names() == []


def test_a_call_that_comes_again_is_answered_though_the_object_is_gone(stack: Stack, load: Load) -> None:
    stack.upload("once.jpg", picture(80, 60))
    api = load("api")
    first = ask(api, "once.jpg", idempotency_key="k")
    stack.jobs.move_job(first.body["id"], Status.REJECTED, error={"code": "odd", "message": "Odd."})
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key="once.jpg")
    assert ask(api, "once.jpg", idempotency_key="k").body["id"] == first.body["id"]
