"""GET /videos: one query for a page, and every job once, even while others arrive."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from sora_ready.adapters import job_list
from sora_ready.domain.job import Channel, Decoding, Invocation, Job, Polling, SourceObject, Status, timestamp
from sora_ready.domain.job_id import hash_job_id
from tests.openai_schema import VIDEO, VIDEO_LIST, assert_holds

from .api_requests import send_request
from .function_modules import Load
from .stack_fixtures import UPLOAD_BUCKET, Stack, make_copy, make_job, new_submission

OWN_SIZE = {"size": {"enum": ["64x48", "48x64"]}}
LIST = VIDEO_LIST | {
    "properties": VIDEO_LIST["properties"] | {"data": {"items": VIDEO | {"properties": VIDEO["properties"] | OWN_SIZE}}}
}


def add(stack: Stack, name: str, status: Status = Status.READY, **parts: Any) -> Job:
    """Record a job a millisecond after the previous one."""
    stack.clock.advance(milliseconds=1)
    now = timestamp(stack.clock())
    job = make_job(SourceObject(UPLOAD_BUCKET, f"{name}.jpg", "e", "v"), hash_job_id(name), status)
    return stack.jobs.put_job(replace(job, created_at=now, updated_at=now, **parts))


def page(api: ModuleType, query: str) -> dict[str, Any]:
    response = send_request(api, "GET", f"/videos?{query}")
    assert response.status == 200, response.body
    assert_holds(LIST, response.body)
    body: dict[str, Any] = response.body
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [video["id"] for video in body["data"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_forty_five_jobs_are_listed_once_each_while_others_arrive(stack: Stack, load: Load, order: str) -> None:
    api = load("api")
    before = [add(stack, f"job {number}").id for number in range(45)]
    expected = before if order == "asc" else before[::-1]
    arrived: list[str] = []
    seen: list[str] = []
    after = ""
    while True:
        body = page(api, f"limit=10&order={order}{after}")
        seen += ids(body)
        assert body["first_id"] == body["data"][0]["id"]
        if not body["has_more"]:
            break
        after = f"&after={body['last_id']}"
        if len(arrived) < 3:
            arrived.append(add(stack, f"late {len(arrived)}").id)
    assert seen == (expected + arrived if order == "asc" else expected)


def test_the_first_page_is_the_newest_twenty_by_default(stack: Stack, load: Load) -> None:
    jobs = [add(stack, f"job {number}").id for number in range(21)]
    assert ids(page(load("api"), "")) == jobs[:0:-1]


def test_a_page_is_one_query_and_a_cursor_one_read(stack: Stack, load: Load) -> None:
    api = load("api")
    jobs = [add(stack, f"job {number}") for number in range(3)]
    api.get_context()
    stack.calls.clear()
    page(api, "limit=2")
    assert stack.calls.names() == ["dynamodb.Query"]
    stack.calls.clear()
    page(api, f"limit=2&after={jobs[2].id}")
    assert stack.calls.names() == ["dynamodb.GetItem", "dynamodb.Query"]


def test_two_jobs_created_at_once_have_different_positions(stack: Stack, load: Load) -> None:
    api, created_at = load("api"), "2026-11-12T08:00:00.000Z"
    for name in "abc":
        job = make_job(SourceObject(UPLOAD_BUCKET, name, "e", "v"), hash_job_id(name))
        stack.jobs.put_job(replace(job, created_at=created_at))
    first = page(api, "limit=1")
    second = page(api, f"limit=1&after={first['last_id']}")
    third = page(api, f"limit=1&after={second['last_id']}")
    assert len({*ids(first), *ids(second), *ids(third)}) == 3
    assert third["has_more"] is False


def test_an_empty_list_is_a_list(stack: Stack, load: Load) -> None:
    body = page(load("api"), "")
    assert body == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


def test_a_video_in_the_list_equals_the_video_itself(stack: Stack, load: Load) -> None:
    api = load("api")
    copy = replace(make_copy("a"), region=(0.25, 0, 1, 1))
    job = add(stack, "a", invocation=Invocation(Channel.API, file_name="beach.jpg"), copy=copy)
    assert page(api, "")["data"] == [send_request(api, "GET", f"/videos/{job.id}").body]


def test_the_index_has_neither_history_nor_attempts(stack: Stack) -> None:
    parts: dict[str, Any] = {
        "submission": new_submission(stack.clock),
        "polling": Polling(1),
        "decoding": Decoding(("x",)),
    }
    add(stack, "a", option_sources={"mode": "tag"}, **parts)
    [job] = job_list.JobList(stack.dynamodb, stack.table).read_page(limit=1).jobs
    assert (job.history, job.submission, job.polling, job.option_sources) == ((), None, Polling(), {})
    assert job.decoding == Decoding()


@pytest.mark.parametrize(
    ("word", "names"),
    [("queued", "ready received"), ("failed", "rejected"), ("rejected", "rejected"), ("received", "received")],
)
def test_the_list_can_be_filtered_by_status(stack: Stack, load: Load, word: str, names: str) -> None:
    for status in (Status.RECEIVED, Status.READY, Status.REJECTED):
        add(stack, str(status), status)
    body = page(load("api"), f"status={word}&order=asc")
    assert sorted(video["job"]["status"] for video in body["data"]) == sorted(names.split())


def test_a_page_of_a_rare_status_is_filled_by_further_queries(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "QUERY_SIZE", 4)
    rare = [add(stack, f"job {number}", Status.REJECTED if number % 5 == 0 else Status.READY) for number in range(16)]
    api = load("api")
    body = page(api, "status=rejected&limit=3&order=asc")
    assert ids(body) == [rare[0].id, rare[5].id, rare[10].id]
    assert body["has_more"] is True
    assert ids(page(api, f"status=rejected&limit=3&order=asc&after={body['last_id']}")) == [rare[15].id]


def test_a_search_is_bounded_and_returns_where_to_continue(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "QUERY_SIZE", 2)
    monkeypatch.setattr(job_list, "MAX_QUERIES", 3)
    jobs = [add(stack, f"job {number}") for number in range(8)]
    last = add(stack, "rare", Status.REJECTED)
    api = load("api")
    body = page(api, "status=rejected&order=asc")
    assert (body["data"], body["has_more"], body["last_id"]) == ([], True, jobs[5].id)
    assert ids(page(api, f"status=rejected&order=asc&after={body['last_id']}")) == [last.id]


def test_a_cursor_stays_valid_when_its_job_is_deleted(stack: Stack, load: Load) -> None:
    api = load("api")
    jobs = [add(stack, f"job {number}", Status.REJECTED) for number in range(3)]
    stack.jobs.tombstone_job(jobs[1])
    assert ids(page(api, "")) == [jobs[2].id, jobs[0].id]
    assert ids(page(api, f"after={jobs[1].id}")) == [jobs[0].id]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=٣", "limit"),
        (f"limit={'9' * 5000}", "limit"),
        ("order=up", "order"),
        ("status=lost", "status"),
        ("status=deleted", "status"),
        ("after=video_1", "after"),
        (f"after=video_{'0' * 32}", "after"),
        (f"after={'x' * 5000}", "after"),
    ],
)
def test_an_invalid_query_is_rejected_with_its_param(stack: Stack, load: Load, query: str, param: str) -> None:
    response = send_request(load("api"), "GET", f"/videos?{query}")
    assert (response.status, response.body["error"]["param"]) == (400, param)
