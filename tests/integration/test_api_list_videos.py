"""GET /videos: one query for a page, and every job once, whatever arrives meanwhile."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from sora_ready.adapters import job_list
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.domain.job_id import hash_job_id
from tests.openai_schema import VIDEO, VIDEO_LIST, assert_holds

from .api_requests import call
from .function_modules import Load
from .stack_fixtures import UPLOAD_BUCKET, Stack, make_job

OWN_SIZE = {"size": {"enum": ["64x48", "48x64"]}}
LIST = VIDEO_LIST | {
    "properties": VIDEO_LIST["properties"] | {"data": {"items": VIDEO | {"properties": VIDEO["properties"] | OWN_SIZE}}}
}


def add(stack: Stack, name: str, status: Status = Status.READY, **parts: Any) -> Job:
    """Put a job on record a moment after the one before."""
    stack.clock.advance(milliseconds=1)
    made = stack.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    job = make_job(SourceObject(UPLOAD_BUCKET, f"{name}.jpg", "e", "v"), hash_job_id(name), status)
    return stack.jobs.put_job(replace(job, created_at=made, updated_at=made, **parts))


def page(api: ModuleType, query: str) -> dict[str, Any]:
    told = call(api, "GET", f"/videos?{query}")
    assert told.status == 200, told.body
    assert_holds(LIST, told.body)
    body: dict[str, Any] = told.body
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [video["id"] for video in body["data"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_forty_five_jobs_come_once_each_while_others_arrive(stack: Stack, load: Load, order: str) -> None:
    api = load("api")
    before = [add(stack, f"job {number}").id for number in range(45)]
    expected = before if order == "asc" else before[::-1]
    arrived, seen, after = [], [], ""
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


def test_the_newest_twenty_come_first_unless_asked_otherwise(stack: Stack, load: Load) -> None:
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


def test_two_jobs_of_one_moment_are_two_places(stack: Stack, load: Load) -> None:
    api, made = load("api"), "2026-11-12T08:00:00.000Z"
    for name in "abc":
        job = make_job(SourceObject(UPLOAD_BUCKET, name, "e", "v"), hash_job_id(name))
        stack.jobs.put_job(replace(job, created_at=made))
    first = page(api, "limit=1")
    second = page(api, f"limit=1&after={first['last_id']}")
    third = page(api, f"limit=1&after={second['last_id']}")
    assert len({*ids(first), *ids(second), *ids(third)}) == 3
    assert third["has_more"] is False


def test_an_empty_list_is_one(stack: Stack, load: Load) -> None:
    body = page(load("api"), "")
    assert body == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


def test_a_job_of_the_list_says_the_same_as_the_job_itself(stack: Stack, load: Load) -> None:
    api = load("api")
    job = add(stack, "a", caller={"file_name": "beach.jpg"}, copy={"width": 64, "region": [0.25, 0, 1, 1]})
    assert page(api, "")["data"] == [call(api, "GET", f"/videos/{job.id}").body]


def test_the_index_holds_neither_history_nor_tries(stack: Stack) -> None:
    add(stack, "a", attempt={"id": "x"})
    [job] = job_list.JobList(stack.dynamodb, stack.table).read_page(limit=1).jobs
    assert (job.history, job.submission, job.polling, job.option_sources) == ((), {}, {}, {})


@pytest.mark.parametrize(
    ("word", "names"),
    [("queued", "ready received"), ("failed", "rejected"), ("rejected", "rejected"), ("received", "received")],
)
def test_only_jobs_in_a_status_are_listed_by_its_word(stack: Stack, load: Load, word: str, names: str) -> None:
    for status in (Status.RECEIVED, Status.READY, Status.REJECTED):
        add(stack, str(status), status)
    body = page(load("api"), f"status={word}&order=asc")
    assert sorted(video["job"]["status"] for video in body["data"]) == sorted(names.split())


def test_a_page_of_a_rare_status_is_filled_from_further_on(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "STRETCH", 4)
    rare = [add(stack, f"job {number}", Status.REJECTED if number % 5 == 0 else Status.READY) for number in range(16)]
    api = load("api")
    body = page(api, "status=rejected&limit=3&order=asc")
    assert ids(body) == [rare[0].id, rare[5].id, rare[10].id]
    assert body["has_more"] is True
    assert ids(page(api, f"status=rejected&limit=3&order=asc&after={body['last_id']}")) == [rare[15].id]


def test_a_search_ends_and_says_where_to_go_on(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "STRETCH", 2)
    monkeypatch.setattr(job_list, "MAX_QUERIES", 3)
    jobs = [add(stack, f"job {number}") for number in range(8)]
    last = add(stack, "rare", Status.REJECTED)
    api = load("api")
    body = page(api, "status=rejected&order=asc")
    assert (body["data"], body["has_more"], body["last_id"]) == ([], True, jobs[5].id)
    assert ids(page(api, f"status=rejected&order=asc&after={body['last_id']}")) == [last.id]


def test_a_cursor_stays_good_when_its_job_is_deleted(stack: Stack, load: Load) -> None:
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
def test_a_query_that_cannot_be_answered_is_refused_by_name(stack: Stack, load: Load, query: str, param: str) -> None:
    told = call(load("api"), "GET", f"/videos?{query}")
    assert (told.status, told.body["error"]["param"]) == (400, param)
