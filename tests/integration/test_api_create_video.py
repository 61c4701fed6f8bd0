"""POST /videos: a picture of any kind becomes a job that the pipeline takes up, once for each Idempotency-Key."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sora_ready.domain.job import SourceObject, Status
from sora_ready.domain.job_id import api_object_key
from tests.openai_schema import CREATE, ERROR, VIDEO, assert_holds

from .api_requests import PICTURE, call, create, form, job_of, uploaded_versions
from .function_modules import Load
from .log_capture import Heard
from .run_steps import normalize, path_of
from .stack_fixtures import UPLOAD_BUCKET, OneAtATime, Stack, load_event, picture

DATA_URL = "data:image/jpeg;base64," + base64.b64encode(PICTURE).decode()


def test_the_answer_is_a_video_object_and_the_picture_lies_where_its_job_says(stack: Stack, load: Load) -> None:
    told = create(load("api"), {"prompt": "a calm sea", "size": "64x48"})
    assert told.status == 200
    assert_holds(VIDEO | {"properties": VIDEO["properties"] | {"size": {"enum": ["64x48"]}}}, told.body)
    job = job_of(stack, told)
    assert (job.status, job.source) == (Status.RECEIVED, SourceObject(UPLOAD_BUCKET, api_object_key(job.id)))
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=job.source.key)["Body"].read() == PICTURE
    assert told.body["job"]["file_name"] == "beach.jpg"


def test_the_pipeline_makes_of_it_what_was_asked_for(stack: Stack, load: Load) -> None:
    told = create(
        load("api"), {"prompt": "a calm sea", "mode": "pad", "background": "white", "crop[left_fraction]": "0.25"}
    )
    head = stack.s3.head_object(Bucket=UPLOAD_BUCKET, Key=api_object_key(told.body["id"]))
    job = normalize(stack, SourceObject(UPLOAD_BUCKET, api_object_key(told.body["id"]), version_id=head["VersionId"]))
    assert (job.id, job.status) == (told.body["id"], Status.READY)
    assert (job.request.mode, job.request.background, job.request.crop) == ("pad", "ffffff", "0.25 0 1 1")
    assert job.option_sources["mode"] == job.option_sources["prompt"] == "body"
    assert path_of(job) == ["received", "ready"]


def test_json_with_a_data_url_is_the_same_request(stack: Stack, load: Load) -> None:
    body = {"prompt": "a calm sea", "seconds": "4", "input_reference": {"image_url": DATA_URL}}
    assert_holds(CREATE, body)
    told = call(load("api"), "POST", "/videos", body, content_type="application/json")
    assert told.status == 200
    key = api_object_key(told.body["id"])
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read() == PICTURE


def test_the_sample_is_answered(stack: Stack, load: Load) -> None:
    answer = load("api").handler(load_event("api-create-video.json"), None)
    assert answer["statusCode"] == 200
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"size": "1x1"}, "invalid_size", "size"),
        ({"model": "nobody's"}, "invalid_model", "model"),
        ({"seconds": "5"}, "invalid_seconds", "seconds"),
        ({"mode": "sideways"}, "invalid_mode", "mode"),
        ({"crop[left_fraction]": "2"}, "invalid_crop", "crop"),
        ({"prompt": "x" * 32_001}, "invalid_prompt", "prompt"),
        ({"width": "5"}, "unknown_parameter", "width"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_served_is_refused_at_once_by_name(
    stack: Stack, load: Load, fields: dict[str, str], code: str, param: str
) -> None:
    told = create(load("api"), fields)
    assert_holds(ERROR, told.body)
    assert (told.status, told.code, told.body["error"]["param"]) == (400, code, param)
    # and nothing was written
    assert [name for name in stack.calls.names() if "Put" in name] == []


def test_text_without_a_picture_is_told_what_is_missing(stack: Stack, load: Load) -> None:
    told = call(load("api"), "POST", "/videos", {"prompt": "a calm sea"})
    assert (told.status, told.body["error"]["param"]) == (400, "input_reference")
    assert "Text alone" in told.body["error"]["message"]


# ---------------------------------------------------------------- once for each key


def test_a_call_that_comes_again_gets_the_same_job_and_no_second_picture(stack: Stack, load: Load) -> None:
    api = load("api")
    first, again = create(api, key="holiday-1"), create(api, key="holiday-1")
    assert again.body["id"] == first.body["id"]
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1
    assert path_of(job_of(stack, first)) == ["received"]


def test_without_a_key_every_call_is_a_job_of_its_own(stack: Stack, load: Load) -> None:
    api = load("api")
    assert create(api).body["id"] != create(api).body["id"]


@pytest.mark.parametrize(
    "other", [{"fields": {"prompt": "a storm"}}, {"data": picture(60, 80)}], ids=["fields", "picture"]
)
def test_the_same_key_with_another_body_is_a_conflict(stack: Stack, load: Load, other: dict[str, Any]) -> None:
    api = load("api")
    create(api, key="holiday-1")
    told = create(api, key="holiday-1", **other)
    assert (told.status, told.code) == (409, "idempotency_key_reused")
    assert told.headers["x-should-retry"] == "false"


def test_a_form_and_json_of_the_same_request_are_the_same_call(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api, {"prompt": "a calm sea", "crop[left_fraction]": "0.1"}, key="holiday-1")
    body = {"input_reference": DATA_URL, "crop": {"left_fraction": 0.1}, "prompt": "a calm sea"}
    assert call(api, "POST", "/videos", body, idempotency_key="holiday-1").body["id"] == first.body["id"]


def test_a_caller_that_died_before_the_picture_was_saved_is_made_good_by_the_next(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api, key="holiday-1")
    key = api_object_key(first.body["id"])
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=key)
    create(api, key="holiday-1")
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read() == PICTURE


def test_a_job_that_went_on_is_answered_as_it_is(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api, key="holiday-1")
    stack.jobs.move_job(first.body["id"], Status.REJECTED, error={"code": "odd", "message": "Odd."})
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=api_object_key(first.body["id"]))
    again = create(api, key="holiday-1")
    assert (again.status, again.body["status"]) == (200, "failed")
    assert "s3.PutObject" not in stack.calls.names()[-2:]


def test_a_deleted_job_is_not_made_again(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api, key="holiday-1")
    for _ in range(2):
        call(api, "DELETE", f"/videos/{first.body['id']}")
    told = create(api, key="holiday-1")
    assert (told.status, told.code) == (409, "video_deleted")


@pytest.mark.parametrize("key", ["", "  ", "k" * 256])
def test_a_key_that_is_none_is_refused(stack: Stack, load: Load, key: str) -> None:
    told = call(load("api"), "POST", "/videos", {"input_reference": DATA_URL}, idempotency_key=key)
    assert (told.status, told.body["error"]["param"]) == (400, "Idempotency-Key")


def test_twenty_calls_at_once_make_one_job_of_one_picture(stack: Stack, load: Load) -> None:
    api = load("api")
    door = api.get_context()
    for part in (door.jobs, door.inbox):
        part._client = OneAtATime(part._client)
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: door_call(api), range(20)))
    assert {answer.status for answer in told} == {200}
    [job_id] = {answer.body["id"] for answer in told}
    assert uploaded_versions(stack, UPLOAD_BUCKET) == [api_object_key(job_id)]
    assert path_of(job_of(stack, told[0])) == ["received"]


def door_call(api: Any) -> Any:
    """Call past the resolver of Powertools, which serves one call at a time as a function does."""
    from sora_ready.entrypoints.api.dispatch import RequestLimits, dispatch
    from sora_ready.entrypoints.api.http import Response

    event = load_event("api-create-video.json")
    answer = dispatch("create_video", event, {}, api.get_context, RequestLimits(4_500_000, frozenset()))
    assert isinstance(answer, Response)
    return answer


# ---------------------------------------------------------------- bounds


def test_a_body_over_the_limit_is_refused_unread_and_told_the_other_way(stack: Stack, load: Load) -> None:
    told = create(load("api"), data=b"x" * 4_500_000)
    assert (told.status, told.code) == (413, "body_too_large")
    assert "POST /v1/uploads" in told.body["error"]["message"]
    assert stack.calls.names() == []


def test_a_body_of_ten_megabytes_is_not_even_decoded(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    api = load("api")
    body = b"x" * 10_000_000
    event = load_event("api-create-video.json") | {"body": base64.b64encode(body).decode()}
    monkeypatch.setattr(base64, "b64decode", lambda *_, **__: pytest.fail("decoded"))
    assert api.handler(event, None)["statusCode"] == 413


def test_the_largest_body_that_fits_is_taken(stack: Stack, load: Load) -> None:
    room = 4_500_000 - len(form({"prompt": "a calm sea"}, b""))
    assert create(load("api"), data=b"x" * room).status == 200
    assert create(load("api"), data=b"x" * (room + 1)).status == 413


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "海 🌊.heic", "x" * 1024, "a/b\\c", "", "%00%2e%2e", "CON", "a;b=c"]
)
def test_no_file_name_reaches_a_key(stack: Stack, load: Load, name: str) -> None:
    told = create(load("api"), file_name=name)
    assert told.status == 200
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == [api_object_key(told.body["id"])]
    assert len(told.body["job"].get("file_name", "")) <= 255


def test_base64_that_is_none_is_a_bad_request(load: Load) -> None:
    event = load_event("api-create-video.json") | {"body": "***"}
    assert load("api").handler(event, None)["statusCode"] == 400


def test_a_fault_is_told_without_what_was_sent(
    stack: Stack, load: Load, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    api = load("api")
    stack.s3.delete_bucket(Bucket=UPLOAD_BUCKET)
    told = create(api, {"prompt": "a secret sea"})
    assert (told.status, told.code) == (500, "internal_error")
    assert told.headers["x-should-retry"] == "false"
    [fault] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert fault.__dict__["request_id"] == "3f1c9e52-7a0b-4c55-9d57-0a4f7f1b2c3d"
    assert "secret sea" not in heard()
