"""POST /videos: a picture of any format becomes a job of the pipeline, one for each Idempotency-Key."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sora_ready.domain.errors import JobError
from sora_ready.domain.job import SourceObject, Status
from sora_ready.domain.job_id import api_object_key
from sora_ready.entrypoints.api.dispatch import dispatch
from sora_ready.entrypoints.api.http import Response
from tests.openai_schema import CREATE, ERROR, VIDEO, assert_holds

from .api_requests import CONTEXT, PICTURE, create_video, form, job_of, send_request, uploaded_versions
from .function_modules import Load
from .log_capture import LogOutput
from .run_steps import normalize, path_of
from .stack_fixtures import UPLOAD_BUCKET, OneAtATime, Stack, load_event, picture

DATA_URL = "data:image/jpeg;base64," + base64.b64encode(PICTURE).decode()


def test_the_response_is_a_video_object_and_the_picture_is_saved_as_its_jobs_source(stack: Stack, load: Load) -> None:
    response = create_video(load("api"), {"prompt": "a calm sea", "size": "64x48"})
    assert response.status == 200
    assert_holds(VIDEO | {"properties": VIDEO["properties"] | {"size": {"enum": ["64x48"]}}}, response.body)
    job = job_of(stack, response)
    assert (job.status, job.source) == (Status.RECEIVED, SourceObject(UPLOAD_BUCKET, api_object_key(job.id)))
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=job.source.key)["Body"].read() == PICTURE
    assert response.body["job"]["file_name"] == "beach.jpg"


def test_the_pipeline_makes_the_requested_frame(stack: Stack, load: Load) -> None:
    response = create_video(
        load("api"), {"prompt": "a calm sea", "mode": "pad", "background": "white", "crop[left_fraction]": "0.25"}
    )
    head = stack.s3.head_object(Bucket=UPLOAD_BUCKET, Key=api_object_key(response.body["id"]))
    job = normalize(
        stack, SourceObject(UPLOAD_BUCKET, api_object_key(response.body["id"]), version_id=head["VersionId"])
    )
    assert (job.id, job.status) == (response.body["id"], Status.READY)
    assert (job.request.mode, job.request.background, job.request.crop) == ("pad", "ffffff", "0.25 0 1 1")
    assert job.option_sources["mode"] == job.option_sources["prompt"] == "body"
    assert path_of(job) == ["received", "ready"]


def test_json_with_a_data_url_is_the_same_request(stack: Stack, load: Load) -> None:
    body = {"prompt": "a calm sea", "seconds": "4", "input_reference": {"image_url": DATA_URL}}
    assert_holds(CREATE, body)
    response = send_request(load("api"), "POST", "/videos", body, content_type="application/json")
    assert response.status == 200
    key = api_object_key(response.body["id"])
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read() == PICTURE


def test_the_sample_creates_a_job(stack: Stack, load: Load) -> None:
    response = load("api").handler(load_event("api-create-video.json"), CONTEXT)
    assert response["statusCode"] == 200
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
def test_options_that_cannot_be_used_are_rejected_at_once_with_their_param(
    stack: Stack, load: Load, fields: dict[str, str], code: str, param: str
) -> None:
    response = create_video(load("api"), fields)
    assert_holds(ERROR, response.body)
    assert (response.status, response.code, response.body["error"]["param"]) == (400, code, param)
    # Nothing was written.
    assert [name for name in stack.calls.names() if "Put" in name] == []


def test_a_request_without_a_picture_is_rejected_with_what_is_missing(stack: Stack, load: Load) -> None:
    response = send_request(load("api"), "POST", "/videos", {"prompt": "a calm sea"})
    assert (response.status, response.body["error"]["param"]) == (400, "input_reference")
    assert "Text alone" in response.body["error"]["message"]


# ---------------------------------------------------------------- once for each key


def test_a_repeated_request_gets_the_same_job_and_saves_no_second_picture(stack: Stack, load: Load) -> None:
    api = load("api")
    first, again = create_video(api, key="holiday-1"), create_video(api, key="holiday-1")
    assert again.body["id"] == first.body["id"]
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1
    assert path_of(job_of(stack, first)) == ["received"]


def test_without_a_key_every_request_creates_its_own_job(stack: Stack, load: Load) -> None:
    api = load("api")
    assert create_video(api).body["id"] != create_video(api).body["id"]


@pytest.mark.parametrize(
    "other", [{"fields": {"prompt": "a storm"}}, {"data": picture(60, 80)}], ids=["fields", "picture"]
)
def test_the_same_key_with_another_body_is_a_conflict(stack: Stack, load: Load, other: dict[str, Any]) -> None:
    api = load("api")
    create_video(api, key="holiday-1")
    response = create_video(api, key="holiday-1", **other)
    assert (response.status, response.code) == (409, "idempotency_key_reused")
    assert response.headers["x-should-retry"] == "false"


def test_a_form_and_json_with_the_same_content_are_the_same_request(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api, {"prompt": "a calm sea", "crop[left_fraction]": "0.1"}, key="holiday-1")
    body = {"input_reference": DATA_URL, "crop": {"left_fraction": 0.1}, "prompt": "a calm sea"}
    assert send_request(api, "POST", "/videos", body, idempotency_key="holiday-1").body["id"] == first.body["id"]


def test_a_picture_that_was_not_saved_is_saved_by_the_next_request(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api, key="holiday-1")
    key = api_object_key(first.body["id"])
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=key)
    create_video(api, key="holiday-1")
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read() == PICTURE


def test_a_repeated_request_gets_its_job_as_it_is_now(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api, key="holiday-1")
    stack.jobs.move_job(first.body["id"], Status.REJECTED, error=JobError("odd", "Odd."))
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=api_object_key(first.body["id"]))
    again = create_video(api, key="holiday-1")
    assert (again.status, again.body["status"]) == (200, "failed")
    assert "s3.PutObject" not in stack.calls.names()[-2:]


def test_a_deleted_job_is_not_created_again(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create_video(api, key="holiday-1")
    for _ in range(2):
        send_request(api, "DELETE", f"/videos/{first.body['id']}")
    response = create_video(api, key="holiday-1")
    assert (response.status, response.code) == (409, "video_deleted")


@pytest.mark.parametrize("key", ["", "  ", "k" * 256])
def test_an_invalid_key_is_rejected(stack: Stack, load: Load, key: str) -> None:
    response = send_request(load("api"), "POST", "/videos", {"input_reference": DATA_URL}, idempotency_key=key)
    assert (response.status, response.body["error"]["param"]) == (400, "Idempotency-Key")


def test_twenty_simultaneous_requests_create_one_job_with_one_picture(stack: Stack, load: Load) -> None:
    api = load("api")
    context = api.get_context()
    for adapter in (context.jobs, context.uploads):
        adapter._client = OneAtATime(adapter._client)
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: dispatch_sample(api), range(20)))
    assert {response.status for response in responses} == {200}
    [job_id] = {json.loads(response.to_text())["id"] for response in responses}
    assert uploaded_versions(stack, UPLOAD_BUCKET) == [api_object_key(job_id)]
    assert path_of(stack.jobs.get_job(job_id)) == ["received"]


def dispatch_sample(api: Any) -> Response:
    """Bypass Powertools' resolver, which handles one request at a time."""
    event = load_event("api-create-video.json")
    return dispatch("create_video", event, {}, api.get_context, max_body_bytes=4_500_000, allowed_origins=())


# ---------------------------------------------------------------- bounds


def test_a_body_over_the_limit_is_rejected_unread_and_pointed_to_uploads(stack: Stack, load: Load) -> None:
    response = create_video(load("api"), data=b"x" * 4_500_000)
    assert (response.status, response.code) == (413, "body_too_large")
    assert "POST /v1/uploads" in response.body["error"]["message"]
    assert stack.calls.names() == []


def test_a_body_of_ten_megabytes_is_not_even_decoded(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    api = load("api")
    body = b"x" * 10_000_000
    event = load_event("api-create-video.json") | {"body": base64.b64encode(body).decode()}
    monkeypatch.setattr(base64, "b64decode", lambda *_, **__: pytest.fail("decoded"))
    assert api.handler(event, CONTEXT)["statusCode"] == 413


def test_the_largest_body_that_fits_is_accepted(stack: Stack, load: Load) -> None:
    room = 4_500_000 - len(form({"prompt": "a calm sea"}, b""))
    assert create_video(load("api"), data=b"x" * room).status == 200
    assert create_video(load("api"), data=b"x" * (room + 1)).status == 413


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "海 🌊.heic", "x" * 1024, "a/b\\c", "", "%00%2e%2e", "CON", "a;b=c"]
)
def test_no_file_name_becomes_part_of_a_key(stack: Stack, load: Load, name: str) -> None:
    response = create_video(load("api"), file_name=name)
    assert response.status == 200
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == [api_object_key(response.body["id"])]
    assert len(response.body["job"].get("file_name", "")) <= 255


def test_invalid_base64_is_a_bad_request(load: Load) -> None:
    event = load_event("api-create-video.json") | {"body": "***"}
    assert load("api").handler(event, CONTEXT)["statusCode"] == 400


def test_an_internal_error_is_logged_without_the_requests_content(
    stack: Stack, load: Load, log_output: LogOutput, caplog: pytest.LogCaptureFixture
) -> None:
    api = load("api")
    stack.s3.delete_bucket(Bucket=UPLOAD_BUCKET)
    response = create_video(api, {"prompt": "a secret sea"})
    assert (response.status, response.code) == (500, "internal_error")
    assert response.headers["x-should-retry"] == "false"
    [error] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert error.__dict__["gateway_request_id"] == "3f1c9e52-7a0b-4c55-9d57-0a4f7f1b2c3d"
    assert "secret sea" not in log_output()
