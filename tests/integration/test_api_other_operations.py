"""The other routes: one job, links to its files, decisions about doubt, the catalog, and what is not there."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from sora_ready.adapters.inbox import Inbox

from sora_ready.domain.job import Status
from sora_ready.domain.job_id import api_object_key
from tests.openai_schema import ERROR, assert_holds

from .api_requests import call, create
from .function_modules import JOB, Load, ready_sample
from .run_steps import recorded
from .stack_fixtures import OUTPUT_BUCKET, Stack, load_event

# ---------------------------------------------------------------- one job


def test_a_get_is_one_consistent_read(stack: Stack, load: Load) -> None:
    ready_sample(stack)
    api = load("api")
    api.get_context()
    stack.calls.clear()
    answer = api.handler(load_event("api-get-video.json"), None)
    assert answer["statusCode"] == 200
    assert stack.calls.names() == ["dynamodb.GetItem"]
    assert stack.calls.sent("dynamodb.GetItem")[0]["ConsistentRead"] is True


@pytest.mark.parametrize(
    "video_id", ["video_1", "x" * 2000, "video_" + "0" * 32, "%2e%2e", "' OR 1=1", "é\"'", "x" * 5000]
)
def test_a_video_that_is_not_there_is_not_found(stack: Stack, load: Load, video_id: str) -> None:
    told = call(load("api"), "GET", f"/videos/{video_id}")
    assert_holds(ERROR, told.body)
    assert (told.status, told.body["error"]["type"]) == (404, "not_found_error")


# ---------------------------------------------------------------- links to files


def link(stack: Stack, load: Load, video_id: str, variant: str = "") -> dict[str, Any]:
    told = call(load("api"), "GET", f"/videos/{video_id}/content" + (f"?variant={variant}" if variant else ""))
    assert (told.status, told.body) == (302, None)
    parts = urlsplit(told.headers["location"])
    return {"host": parts.netloc, "path": unquote(parts.path)} | {
        name: values[0] for name, values in parse_qs(parts.query).items()
    }


def test_the_link_to_a_video_is_signed_for_the_file_and_for_five_minutes(stack: Stack, load: Load) -> None:
    job = stack.sent_job("video_1")
    place = {"bucket": OUTPUT_BUCKET, "key": f"videos/{job.id}.mp4"}
    stack.jobs.move_job(job.id, Status.COMPLETED, video=place)
    told = link(stack, load, job.id)
    assert told["path"] == f"/videos/{job.id}.mp4"
    assert told["host"].startswith(f"{OUTPUT_BUCKET}.s3.")
    assert int(told["X-Amz-Expires"]) <= 300
    assert told["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert f'filename="{job.id}.mp4"' in told["response-content-disposition"]


def test_the_copy_that_was_sent_and_the_picture_can_be_had_too(stack: Stack, load: Load) -> None:
    job = stack.ready_job()
    assert link(stack, load, job.id, "ready")["path"] == f"/{job.copy['key']}"
    video_id = create(load("api"), file_name="海 1.jpg").body["id"]
    told = link(stack, load, video_id, "source")
    assert told["path"] == f"/{api_object_key(video_id)}"
    assert "filename*=UTF-8''%E6%B5%B7%201.jpg" in told["response-content-disposition"]


@pytest.mark.parametrize("variant", ["video", "ready"])
def test_a_file_that_is_not_made_yet_is_a_conflict(stack: Stack, load: Load, variant: str) -> None:
    api = load("api")
    told = call(api, "GET", f"/videos/{create(api).body['id']}/content?variant={variant}")
    assert (told.status, told.code) == (409, "video_not_ready")


def test_a_picture_that_never_came_is_not_found(stack: Stack, load: Load) -> None:
    api = load("api")
    video_id = call(api, "POST", "/uploads", {}).body["id"]
    assert call(api, "GET", f"/videos/{video_id}/content?variant=source").status == 404


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "VIDEO"])
def test_no_other_variant_is_made(stack: Stack, load: Load, variant: str) -> None:
    told = call(load("api"), "GET", f"/videos/{JOB}/content?variant={variant}")
    assert (told.status, told.body["error"]["param"]) == (400, "variant")


@pytest.mark.parametrize("name", ['a"; filename="b', "a\nb", "x" * 255, "💥.jpg", "..", "a%22"])
def test_a_link_carries_any_file_name_as_a_name(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job = stack.jobs.update_job(stack.ready_job(), caller={"file_name": name})
    monkeypatch.setattr(Inbox, "presign_get", lambda *_, disposition, **__: disposition)
    told = call(load("api"), "GET", f"/videos/{job.id}/content?variant=source").headers["location"]
    plain, _, encoded = told.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert set(plain) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert unquote(encoded) == name[:100]


# ---------------------------------------------------------------- decisions about doubt


def resolve(load: Load, video_id: str, body: Any) -> Any:
    return call(load("api"), "POST", f"/videos/{video_id}/resolve", body)


def test_what_a_person_decides_is_done(stack: Stack, load: Load) -> None:
    one, two, three = (stack.unconfirmed_job(f"{name}.jpg", prompt=name) for name in ("one", "two", "three"))
    assert resolve(load, one.id, {"decision": "give_up"}).body["job"]["error"]["code"] == "given_up"
    assert resolve(load, two.id, {"decision": "send_again"}).body["job"]["status"] == "ready"
    assert stack.messages(stack.submit_queue_url) == [{"job_id": two.id}]
    told = resolve(load, three.id, {"decision": "adopt", "video_id": "video_3"}).body
    assert (told["status"], told["job"]["server"]["id"]) == ("queued", "video_3")
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
def test_what_is_no_decision_is_refused(stack: Stack, load: Load, body: Any, param: str) -> None:
    job = stack.unconfirmed_job()
    told = resolve(load, job.id, body)
    assert (told.status, told.body["error"]["param"]) == (400, param)
    assert recorded(stack, job).status is Status.UNCONFIRMED


def test_a_video_that_cannot_be_meant_is_refused(stack: Stack, load: Load) -> None:
    job = stack.unconfirmed_job()
    stack.jobs.update_job(job, doubt={**job.reconciliation, "candidates": ["video_1"]})
    told = resolve(load, job.id, {"decision": "adopt", "video_id": "video_2"})
    assert (told.status, told.body["error"]["param"]) == (400, "video_id")
    assert "video_1" in told.body["error"]["message"]


def test_a_video_of_another_job_is_a_conflict(stack: Stack, load: Load) -> None:
    one, two = stack.unconfirmed_job("one.jpg", prompt="one"), stack.unconfirmed_job("two.jpg", prompt="two")
    assert resolve(load, one.id, {"decision": "adopt", "video_id": "video_1"}).status == 200
    told = resolve(load, two.id, {"decision": "adopt", "video_id": "video_1"})
    assert (told.status, told.code) == (409, "video_claimed")


def test_a_job_that_is_in_no_doubt_is_a_conflict(stack: Stack, load: Load) -> None:
    told = resolve(load, stack.ready_job().id, {"decision": "give_up"})
    assert (told.status, told.code) == (409, "video_not_in_doubt")


# ---------------------------------------------------------------- the catalog, and what is not there


def test_the_models_are_the_catalogs_with_prices(stack: Stack, load: Load) -> None:
    api = load("api")
    told = call(api, "GET", "/models").body
    assert [model["id"] for model in told["data"]] == ["sora-2", "sora-2-pro", "tiny"]
    tiny = call(api, "GET", "/models/tiny").body
    assert tiny == told["data"][2]
    assert tiny == {
        "id": "tiny",
        "object": "model",
        "created": 0,
        "owned_by": "sora-ready",
        "sizes": ["64x48", "48x64"],
        "seconds": ["4"],
        "usd_per_second": {"64x48": "0.10", "48x64": "0.10"},
    }
    assert call(api, "GET", "/models/nobody's").status == 404
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
def test_an_unknown_path_is_not_found_and_a_wrong_method_not_allowed(
    stack: Stack, load: Load, method: str, path: str, status: int, allow: str | None
) -> None:
    told = call(load("api"), method, path)
    assert_holds(ERROR, told.body)
    assert (told.status, told.headers.get("allow")) == (status, allow)
    assert stack.calls.names() == []


def test_a_domain_of_ones_own_may_map_the_api_under_v1(stack: Stack, load: Load) -> None:
    assert call(load("api"), "GET", "/v1/models").status == 200


# ---------------------------------------------------------------- pages of other origins

PAGE = "https://app.example.com"


def preflight(api: Any, origin: str) -> Any:
    asked = {"access_control_request_headers": "authorization,x-stainless-lang"}
    return call(api, "OPTIONS", "/videos", origin=origin, **asked)


def test_no_page_may_call_unless_its_origin_is_named(stack: Stack, load: Load) -> None:
    named = f"{PAGE},http://localhost:3000"
    for origins, origin in (("", PAGE), (named, "https://evil.example.com"), (named, "")):
        told = preflight(load("api", API_CORS_ORIGINS=origins), origin)
        assert (told.status, told.body["error"]["type"]) == (401, "authentication_error")
        assert "access-control-allow-origin" not in told.headers


def test_a_page_of_a_named_origin_may_call_and_read_what_it_is_told(stack: Stack, load: Load) -> None:
    api = load("api", API_CORS_ORIGINS=f"{PAGE},http://localhost:3000")
    told = preflight(api, PAGE)
    assert (told.status, told.headers["access-control-allow-origin"]) == (204, PAGE)
    assert told.headers["access-control-allow-headers"] == "authorization,x-stainless-lang"
    for path, status in (("/models", 200), ("/nothing", 404)):
        answer = call(api, "GET", path, origin=PAGE)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, PAGE)
    assert "access-control-allow-origin" not in call(api, "GET", "/models", origin="https://evil.example.com").headers
