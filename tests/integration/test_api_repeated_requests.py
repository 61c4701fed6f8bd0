"""The SDK repeats a call whose answer was lost: it is the same job, though no Idempotency-Key says so."""

from __future__ import annotations

import pytest
from sora_ready.adapters.inbox import Inbox

from sora_ready.domain.job import Status

from .api_requests import call, create, uploaded_versions
from .function_modules import Load
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

AGAIN = {"x_stainless_retry_count": "1"}


def test_a_repeated_call_is_the_job_that_it_made_before_whatever_came_between(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api, {"prompt": "a calm sea"})
    for number in range(3):
        create(api, {"prompt": f"another sea {number}"})
    again = create(api, {"prompt": "a calm sea"}, repeats=1)
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 4


def test_a_repeated_call_whose_first_never_arrived_makes_its_job(stack: Stack, load: Load) -> None:
    assert create(load("api"), repeats=1).status == 200
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1


def test_a_repeated_call_whose_first_died_half_way_makes_one_job(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = load("api")
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "put_picture", lambda *_: (_ for _ in ()).throw(RuntimeError()))
        assert create(api).status == 500
    again, once_more = create(api, repeats=1), create(api, repeats=2)
    assert again.body["id"] == once_more.body["id"]
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1
    assert stack.dynamodb.scan(TableName=stack.table)["Count"] == 1


@pytest.mark.parametrize("fields", [{"prompt": "a wild sea"}, {"prompt": "a calm sea", "mode": "pad"}])
def test_a_repeated_call_with_another_body_is_another_job(stack: Stack, load: Load, fields: dict[str, str]) -> None:
    api = load("api")
    first = create(api, {"prompt": "a calm sea"})
    assert create(api, fields, repeats=1).body["id"] != first.body["id"]


def test_a_job_that_has_ended_is_not_what_a_repeated_call_means(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api)
    call(api, "DELETE", f"/videos/{first.body['id']}")
    again = create(api, repeats=1)
    assert again.body["id"] != first.body["id"]
    assert again.body["status"] == "queued"


def test_the_same_call_made_twice_on_purpose_is_two_jobs(stack: Stack, load: Load) -> None:
    api = load("api")
    assert create(api).body["id"] != create(api).body["id"]


def test_what_was_asked_for_long_ago_is_not_meant(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api)
    door = api.get_context()
    stack.clock.moment = door.jobs.now()
    door.jobs.now = stack.clock
    stack.clock.advance(minutes=31)
    assert create(api, repeats=1).body["id"] != first.body["id"]


def test_a_repeated_delete_deletes_nothing_that_the_first_canceled(stack: Stack, load: Load) -> None:
    api = load("api")
    job = stack.ready_job()
    first = call(api, "DELETE", f"/videos/{job.id}")
    again = call(api, "DELETE", f"/videos/{job.id}", **AGAIN)
    assert first.body == again.body
    assert again.body["deleted"] is False
    assert stack.jobs.get_job(job.id).status is Status.CANCELED  # type: ignore[union-attr]
    # and a person who asks again gets it deleted
    assert call(api, "DELETE", f"/videos/{job.id}").body["deleted"] is True


def test_no_form_is_signed_for_a_job_that_has_its_picture(stack: Stack, load: Load) -> None:
    api = load("api")
    form = {"prompt": "a calm sea", "content_type": "image/jpeg"}
    first = call(api, "POST", "/uploads", form, idempotency_key="holiday")
    assert call(api, "POST", "/uploads", form, idempotency_key="holiday").body["id"] == first.body["id"]
    call(api, "DELETE", f"/videos/{first.body['id']}")
    over = call(api, "POST", "/uploads", form, idempotency_key="holiday")
    assert (over.status, over.code) == (409, "upload_over")


def test_a_form_that_is_asked_for_again_is_waited_for_as_long_again(stack: Stack, load: Load) -> None:
    api = load("api")
    door = api.get_context()
    stack.clock.moment = door.jobs.now()
    door.jobs.now = stack.clock
    told = call(api, "POST", "/uploads", {"prompt": "a calm sea"}, idempotency_key="holiday")
    stack.clock.advance(minutes=20)
    call(api, "POST", "/uploads", {"prompt": "a calm sea"}, idempotency_key="holiday")
    job = stack.jobs.get_job(told.body["id"])
    assert job is not None
    stack.clock.advance(minutes=15)
    assert str(job.due_at) > stack.clock().isoformat()


def test_an_archived_object_is_a_bad_request(stack: Stack, load: Load) -> None:
    stack.s3.put_object(Bucket=UPLOAD_BUCKET, Key="old.jpg", Body=picture(80, 60), StorageClass="GLACIER")
    body = {"prompt": "a calm sea", "input_reference": {"image_url": f"s3://{UPLOAD_BUCKET}/old.jpg"}}
    told = call(load("api"), "POST", "/videos", body, content_type="application/json")
    assert (told.status, told.code) == (400, "source_archived")
