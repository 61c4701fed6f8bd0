"""The other routes: one video, links to its files, decisions, the catalog, unknown paths, and CORS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.job import Channel, Invocation, Status
from sora_ready.domain.job_id import api_object_key
from tests.openai_schema import ERROR, assert_holds

from .api_requests import CONTEXT, complete_job, create_video, send_request
from .function_modules import JOB, Load, ready_sample
from .run_steps import recorded
from .stack_fixtures import OUTPUT_BUCKET, Stack, load_event

# ---------------------------------------------------------------- one job


def test_a_get_is_one_consistent_read(stack: Stack, load: Load) -> None:
    ready_sample(stack)
    api = load("api")
    api.get_context()
    stack.calls.clear()
    response = api.handler(load_event("api-get-video.json"), CONTEXT)
    assert response["statusCode"] == 200
    assert stack.calls.names() == ["dynamodb.GetItem"]
    assert stack.calls.sent("dynamodb.GetItem")[0]["ConsistentRead"] is True


@pytest.mark.parametrize(
    "video_id", ["video_1", "x" * 2000, "video_" + "0" * 32, "%2e%2e", "' OR 1=1", "é\"'", "x" * 5000]
)
def test_an_unknown_video_is_not_found(stack: Stack, load: Load, video_id: str) -> None:
    response = send_request(load("api"), "GET", f"/videos/{video_id}")
    assert_holds(ERROR, response.body)
    assert (response.status, response.body["error"]["type"]) == (404, "not_found_error")


# ---------------------------------------------------------------- links to files


def link(stack: Stack, load: Load, video_id: str, variant: str = "") -> dict[str, Any]:
    query = f"?variant={variant}" if variant else ""
    response = send_request(load("api"), "GET", f"/videos/{video_id}/content{query}")
    assert (response.status, response.body) == (302, None)
    parts = urlsplit(response.headers["location"])
    return {"host": parts.netloc, "path": unquote(parts.path)} | {
        name: values[0] for name, values in parse_qs(parts.query).items()
    }


def test_the_link_to_a_video_is_signed_for_the_file_and_for_five_minutes(stack: Stack, load: Load) -> None:
    job = stack.sent_job("video_1")
    complete_job(stack, job.id)
    signed = link(stack, load, job.id)
    assert signed["path"] == f"/videos/{job.id}.mp4"
    assert signed["host"].startswith(f"{OUTPUT_BUCKET}.s3.")
    assert int(signed["X-Amz-Expires"]) <= 300
    assert signed["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert f'filename="{job.id}.mp4"' in signed["response-content-disposition"]


def test_there_are_links_to_the_ready_copy_and_the_picture_too(stack: Stack, load: Load) -> None:
    job = stack.ready_job()
    assert link(stack, load, job.id, "ready")["path"] == f"/{job.copy.key}"
    video_id = create_video(load("api"), file_name="海 1.jpg").body["id"]
    signed = link(stack, load, video_id, "source")
    assert signed["path"] == f"/{api_object_key(video_id)}"
    assert "filename*=UTF-8''%E6%B5%B7%201.jpg" in signed["response-content-disposition"]


@pytest.mark.parametrize("variant", ["video", "ready"])
def test_a_file_that_is_not_made_yet_is_a_conflict(stack: Stack, load: Load, variant: str) -> None:
    api = load("api")
    response = send_request(api, "GET", f"/videos/{create_video(api).body['id']}/content?variant={variant}")
    assert (response.status, response.code) == (409, "video_not_ready")


def test_a_picture_that_never_came_is_not_found(stack: Stack, load: Load) -> None:
    api = load("api")
    video_id = send_request(api, "POST", "/uploads", {}).body["id"]
    assert send_request(api, "GET", f"/videos/{video_id}/content?variant=source").status == 404


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "VIDEO"])
def test_there_is_no_other_variant(stack: Stack, load: Load, variant: str) -> None:
    response = send_request(load("api"), "GET", f"/videos/{JOB}/content?variant={variant}")
    assert (response.status, response.body["error"]["param"]) == (400, "variant")


@pytest.mark.parametrize("name", ['a"; filename="b', "a\nb", "x" * 255, "💥.jpg", "..", "a%22"])
def test_a_link_may_have_any_file_name(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    job = stack.ready_job(invocation=Invocation(Channel.API, file_name=name))
    monkeypatch.setattr(UploadBucket, "presign_get", lambda *_, disposition, **__: disposition)
    disposition = send_request(load("api"), "GET", f"/videos/{job.id}/content?variant=source").headers["location"]
    plain, _, encoded = disposition.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert set(plain) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert unquote(encoded) == name[:100]


# ---------------------------------------------------------------- decisions about unconfirmed videos


def resolve(load: Load, video_id: str, body: Any) -> Any:
    return send_request(load("api"), "POST", f"/videos/{video_id}/resolve", body)


def test_an_operators_decision_is_applied(stack: Stack, load: Load) -> None:
    one, two, three = (stack.unconfirmed_job(f"{name}.jpg", prompt=name) for name in ("one", "two", "three"))
    assert resolve(load, one.id, {"decision": "give_up"}).body["job"]["error"]["code"] == "given_up"
    assert resolve(load, two.id, {"decision": "send_again"}).body["job"]["status"] == "ready"
    assert stack.messages(stack.submit_queue_url) == [{"job_id": two.id}]
    adopted = resolve(load, three.id, {"decision": "adopt", "video_id": "video_3"}).body
    assert (adopted["status"], adopted["job"]["server"]["id"]) == ("queued", "video_3")
    assert [message["job_id"] for message in stack.messages(stack.track_queue_url)] == [three.id]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "decision"),
        ({"decision": "forget"}, "decision"),
        ({"decision": ["adopt"]}, "decision"),
        ({"decision": "adopt"}, "video_id"),
        ({"decision": "adopt", "video_id": 5}, "video_id"),
        ({"decision": "give_up", "why": "x"}, "why"),
    ],
)
def test_an_invalid_decision_is_rejected(stack: Stack, load: Load, body: Any, param: str) -> None:
    job = stack.unconfirmed_job()
    response = resolve(load, job.id, body)
    assert (response.status, response.body["error"]["param"]) == (400, param)
    assert recorded(stack, job).status is Status.UNCONFIRMED


def test_a_video_that_is_not_a_candidate_is_rejected(stack: Stack, load: Load) -> None:
    job = stack.unconfirmed_job()
    stack.jobs.update_job(job, reconciliation=replace(job.reconciliation, candidates=("video_1",)))
    response = resolve(load, job.id, {"decision": "adopt", "video_id": "video_2"})
    assert (response.status, response.body["error"]["param"]) == (400, "video_id")
    assert "video_1" in response.body["error"]["message"]


def test_a_video_of_another_job_is_a_conflict(stack: Stack, load: Load) -> None:
    one, two = stack.unconfirmed_job("one.jpg", prompt="one"), stack.unconfirmed_job("two.jpg", prompt="two")
    assert resolve(load, one.id, {"decision": "adopt", "video_id": "video_1"}).status == 200
    response = resolve(load, two.id, {"decision": "adopt", "video_id": "video_1"})
    assert (response.status, response.code) == (409, "video_claimed")


def test_a_decision_about_a_job_that_is_not_unconfirmed_is_a_conflict(stack: Stack, load: Load) -> None:
    response = resolve(load, stack.ready_job().id, {"decision": "give_up"})
    assert (response.status, response.code) == (409, "video_not_unconfirmed")


# ---------------------------------------------------------------- the catalog, and unknown paths


def test_the_models_are_those_of_the_catalog_with_prices(stack: Stack, load: Load) -> None:
    api = load("api")
    models = send_request(api, "GET", "/models").body["data"]
    assert [model["id"] for model in models] == ["sora-2", "sora-2-pro", "tiny"]
    tiny = send_request(api, "GET", "/models/tiny").body
    assert tiny == models[2]
    assert tiny == {
        "id": "tiny",
        "object": "model",
        "created": 0,
        "owned_by": "sora-ready",
        "sizes": ["64x48", "48x64"],
        "seconds": ["4"],
        "usd_per_second": {"64x48": "0.10", "48x64": "0.10"},
    }
    assert send_request(api, "GET", "/models/nobody's").status == 404
    assert stack.calls.names() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/", 404, None),
        ("POST", "/videos/x/remix", 404, None),
        ("PUT", "/videos", 405, "GET, POST"),
        ("HEAD", "/videos", 405, "GET, POST"),
        ("PATCH", "/videos/video_1", 405, "DELETE, GET"),
        ("DELETE", "/models", 405, "GET"),
    ],
)
def test_an_unknown_path_is_not_found_and_another_method_not_allowed(
    stack: Stack, load: Load, method: str, path: str, status: int, allow: str | None
) -> None:
    response = send_request(load("api"), method, path)
    assert_holds(ERROR, response.body)
    assert (response.status, response.headers.get("allow")) == (status, allow)
    assert stack.calls.names() == []


def test_a_custom_domain_may_map_the_api_under_v1(stack: Stack, load: Load) -> None:
    assert send_request(load("api"), "GET", "/v1/models").status == 200


# ---------------------------------------------------------------- CORS

PAGE = "https://app.example.com"


def preflight(api: Any, origin: str) -> Any:
    headers = {"access_control_request_headers": "authorization,x-stainless-lang"}
    return send_request(api, "OPTIONS", "/videos", origin=origin, **headers)


def test_only_pages_of_allowed_origins_may_send_requests(stack: Stack, load: Load) -> None:
    allowed = f"{PAGE},http://localhost:3000"
    for origins, origin in (("", PAGE), (allowed, "https://evil.example.com"), (allowed, "")):
        response = preflight(load("api", API_CORS_ORIGINS=origins), origin)
        assert (response.status, response.body["error"]["type"]) == (401, "authentication_error")
        assert "access-control-allow-origin" not in response.headers


def test_a_page_of_an_allowed_origin_may_read_responses(stack: Stack, load: Load) -> None:
    api = load("api", API_CORS_ORIGINS=f"{PAGE},http://localhost:3000")
    response = preflight(api, PAGE)
    assert (response.status, response.headers["access-control-allow-origin"]) == (204, PAGE)
    assert response.headers["access-control-allow-headers"] == "authorization,x-stainless-lang"
    for path, status in (("/models", 200), ("/nothing", 404)):
        response = send_request(api, "GET", path, origin=PAGE)
        assert (response.status, response.headers["access-control-allow-origin"]) == (status, PAGE)
    response = send_request(api, "GET", "/models", origin="https://evil.example.com")
    assert "access-control-allow-origin" not in response.headers
