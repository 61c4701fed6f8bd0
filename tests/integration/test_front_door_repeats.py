"""The SDK repeats a call whose answer was lost: it is the same job, though no Idempotency-Key says so."""

from __future__ import annotations

import pytest

from .calling import create, uploaded_versions
from .functions import Load
from .support import UPLOAD_BUCKET, Stack


def test_a_repeated_call_is_the_job_that_it_made_before(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api, {"prompt": "a calm sea"}, repeats=0)
    again = create(api, {"prompt": "a calm sea"}, repeats=1)
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1


def test_a_repeated_call_whose_first_never_arrived_makes_its_job(stack: Stack, load: Load) -> None:
    assert create(load("api"), repeats=1).status == 200
    assert len(uploaded_versions(stack, UPLOAD_BUCKET)) == 1


@pytest.mark.parametrize("fields", [{"prompt": "a wild sea"}, {"prompt": "a calm sea", "mode": "pad"}])
def test_a_repeated_call_with_another_body_is_another_job(stack: Stack, load: Load, fields: dict[str, str]) -> None:
    api = load("api")
    first = create(api, {"prompt": "a calm sea"})
    assert create(api, fields, repeats=1).body["id"] != first.body["id"]


def test_the_same_call_made_twice_on_purpose_is_two_jobs(stack: Stack, load: Load) -> None:
    api = load("api")
    assert create(api).body["id"] != create(api).body["id"]


def test_what_was_asked_for_long_ago_is_not_meant(stack: Stack, load: Load) -> None:
    api = load("api")
    first = create(api)
    door = api.open_door()
    stack.clock.moment = door.jobs.now()
    door.jobs.now = stack.clock
    stack.clock.advance(minutes=31)
    assert create(api, repeats=1).body["id"] != first.body["id"]
