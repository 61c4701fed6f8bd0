"""The SDK retries a request whose response was lost: it gets the same job, even without an Idempotency-Key."""

from __future__ import annotations

import pytest

from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.job import Status

from .api_requests import create_video, send_request, uploaded_versions
from .function_modules import Load
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

RETRY = {"x_stainless_retry_count": "1"}


def test_a_retry_gets_the_job_that_it_created_before_other_requests(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api, {"prompt": "a calm sea"})
    for number in range(3):
        create_video(api, {"prompt": f"another sea {number}"})
    again = create_video(api, {"prompt": "a calm sea"}, retries=1)
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 4


def test_a_retry_of_a_request_that_never_arrived_creates_its_job(stack: Stack, load: Load) -> None:
    assert create_video(load("api"), retries=1).status == 200
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1


def test_retries_of_a_request_that_failed_halfway_create_one_job(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = load("api")
    with monkeypatch.context() as patch:
        patch.setattr(UploadBucket, "put_picture", lambda *_: (_ for _ in ()).throw(RuntimeError()))
        assert create_video(api).status == 500
    again, once_more = create_video(api, retries=1), create_video(api, retries=2)
    assert again.body["id"] == once_more.body["id"]
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1
    assert stack.dynamodb.scan(TableName=stack.table)["Count"] == 1


@pytest.mark.parametrize("fields", [{"prompt": "a wild sea"}, {"prompt": "a calm sea", "mode": "pad"}])
def test_a_retry_with_another_body_is_another_job(stack: Stack, load: Load, fields: dict[str, str]) -> None:
    api = load("api")
    first = create_video(api, {"prompt": "a calm sea"})
    assert create_video(api, fields, retries=1).body["id"] != first.body["id"]


def test_a_retry_does_not_get_a_job_that_has_ended(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api)
    send_request(api, "DELETE", f"/videos/{first.body['id']}")
    again = create_video(api, retries=1)
    assert again.body["id"] != first.body["id"]
    assert again.body["status"] == "queued"


def test_the_same_request_sent_twice_on_purpose_creates_two_jobs(stack: Stack, load: Load) -> None:
    api = load("api")
    assert create_video(api).body["id"] != create_video(api).body["id"]


def test_a_retry_does_not_get_a_job_of_long_ago(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api)
    context = api.get_context()
    stack.clock.moment = context.jobs.now()
    context.jobs.now = stack.clock
    stack.clock.advance(minutes=31)
    assert create_video(api, retries=1).body["id"] != first.body["id"]


def test_a_retried_delete_does_not_delete_what_the_first_canceled(stack: Stack, load: Load) -> None:
    api = load("api")
    job = stack.ready_job()
    first = send_request(api, "DELETE", f"/videos/{job.id}")
    again = send_request(api, "DELETE", f"/videos/{job.id}", **RETRY)
    assert first.body == again.body
    assert again.body["deleted"] is False
    assert stack.jobs.get_job(job.id).status is Status.CANCELED
    # A new request deletes it.
    assert send_request(api, "DELETE", f"/videos/{job.id}").body["deleted"] is True


def test_no_form_is_presigned_for_a_job_that_has_ended(stack: Stack, load: Load) -> None:
    api = load("api")
    form = {"prompt": "a calm sea", "content_type": "image/jpeg"}
    first = send_request(api, "POST", "/uploads", form, idempotency_key="holiday")
    assert send_request(api, "POST", "/uploads", form, idempotency_key="holiday").body["id"] == first.body["id"]
    send_request(api, "DELETE", f"/videos/{first.body['id']}")
    over = send_request(api, "POST", "/uploads", form, idempotency_key="holiday")
    assert (over.status, over.code) == (409, "upload_over")


def test_a_repeated_upload_request_gets_as_much_time_again(stack: Stack, load: Load) -> None:
    api = load("api")
    context = api.get_context()
    stack.clock.moment = context.jobs.now()
    context.jobs.now = stack.clock
    context.uploads._now = stack.clock
    response = send_request(api, "POST", "/uploads", {"prompt": "a calm sea"}, idempotency_key="holiday")
    stack.clock.advance(minutes=20)
    send_request(api, "POST", "/uploads", {"prompt": "a calm sea"}, idempotency_key="holiday")
    job = stack.jobs.get_job(response.body["id"])
    assert job is not None
    stack.clock.advance(minutes=15)
    assert str(job.due_at) > stack.clock().isoformat()


def test_an_archived_object_is_a_bad_request(stack: Stack, load: Load) -> None:
    stack.s3.put_object(Bucket=UPLOAD_BUCKET, Key="old.jpg", Body=picture(80, 60), StorageClass="GLACIER")
    body = {"prompt": "a calm sea", "input_reference": {"image_url": f"s3://{UPLOAD_BUCKET}/old.jpg"}}
    response = send_request(load("api"), "POST", "/videos", body, content_type="application/json")
    assert (response.status, response.code) == (400, "source_archived")
