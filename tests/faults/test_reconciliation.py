"""A submission without a response: its video is found in the server's list, or an operator decides.

Nothing is guessed, and nothing is sent again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from local.fake_video_server import Fault
from sora_ready.adapters.metrics import Metrics
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.unconfirmed_jobs import (
    ACCEPTED_THEN_DROPPED,
    DROPPED,
    NO_FAULT,
    change_each_video,
    upload_one,
    upload_two,
)


def test_a_video_whose_response_was_lost_is_found_and_completed(new_stack: NewStack) -> None:
    stack = new_stack()
    source = upload_one(stack, ACCEPTED_THEN_DROPPED)
    job = stack.job(source)
    assert job.status == "completed"
    assert [entry.status for entry in job.history][2:5] == ["submitting", "unconfirmed", "queued"]
    assert job.server.id == stack.accepted()[0].video_id
    assert len(stack.fake_server.request_log.creates()) == 1
    assert not find_violations(stack)


def test_a_submission_that_never_arrived_waits_for_an_operator(new_stack: NewStack) -> None:
    stack = new_stack()
    source = upload_one(stack, DROPPED)
    job = stack.job(source)
    assert job.status == "unconfirmed"
    assert job.reconciliation.candidates == ()
    assert "then decide: send it again, give it up, or adopt" in job.error.hint
    assert len(stack.fake_server.request_log.creates()) == 1
    assert not find_violations(stack)


def test_the_metric_that_raises_the_alarm_is_counted_once_a_day(
    new_stack: NewStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(Metrics, "count_job_needs_operator", lambda metrics: counted.append(metrics._stack))
    stack = new_stack()
    upload_one(stack, DROPPED)
    assert counted == ["simulated"]
    for day in (2, 3):
        end = stack.clock() + timedelta(days=1, minutes=10)
        while stack.clock() < end:
            stack.clock.advance(minutes=5)
            stack.sweep()
            stack.run(hours=0.01)
        assert len(counted) == day


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ACCEPTED_THEN_DROPPED, ACCEPTED_THEN_DROPPED),
        (ACCEPTED_THEN_DROPPED, DROPPED),
        (DROPPED, ACCEPTED_THEN_DROPPED),
        (DROPPED, DROPPED),
    ],
)
def test_two_unconfirmed_jobs_with_equal_requests_both_wait_for_an_operator(
    new_stack: NewStack, first: Fault, second: Fault
) -> None:
    stack = new_stack()
    jobs = upload_two(stack, first, second)
    assert [job.status for job in jobs] == ["unconfirmed"] * 2
    assert all("Another unsettled job asked for the same" in job.reconciliation.finding for job in jobs)


def test_two_unconfirmed_jobs_with_different_prompts_are_both_found(new_stack: NewStack) -> None:
    stack = new_stack()
    jobs = upload_two(stack, ACCEPTED_THEN_DROPPED, ACCEPTED_THEN_DROPPED, prompts=("a calm sea", "a storm"))
    assert [job.status for job in jobs] == ["completed"] * 2


def test_a_video_that_belongs_to_another_job_is_not_adopted(new_stack: NewStack) -> None:
    stack = new_stack()
    completed, unconfirmed = upload_two(stack, NO_FAULT, DROPPED)
    assert (completed.status, unconfirmed.status) == ("completed", "unconfirmed")
    assert unconfirmed.reconciliation.candidates == ()


@pytest.mark.parametrize(
    "response",
    [(404, {"error": {"message": "Invalid URL"}}), (405, {"error": {"message": "no"}}), (200, ["not", "a", "list"])],
)
def test_without_a_list_of_videos_an_operator_is_alerted_at_once(new_stack: NewStack, response: Any) -> None:
    stack = new_stack()
    stack.transport.rewrite_list = lambda _: response
    started = stack.clock()
    job = stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED))
    assert job.status == "unconfirmed"
    assert "then decide" in job.error.hint
    assert stack.clock() - started < timedelta(minutes=20)
    assert not find_violations(stack)


@pytest.mark.parametrize("missing", ["prompt", "created_at"])
def test_a_video_listed_without_prompt_or_time_is_only_a_candidate(new_stack: NewStack, missing: str) -> None:
    stack = new_stack()
    stack.transport.rewrite_list = change_each_video(lambda video: video.pop(missing))
    job = stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED))
    assert job.status == "unconfirmed"
    assert job.reconciliation.candidates == (stack.accepted()[0].video_id,)
    assert not find_violations(stack)


def test_a_video_listed_without_size_and_seconds_is_found(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.transport.rewrite_list = change_each_video(lambda video: (video.pop("size"), video.pop("seconds")))
    assert stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED)).status == "completed"
    assert not find_violations(stack)


@pytest.mark.parametrize(
    "change", [{"prompt": "a storm"}, {"size": "1280x720"}, {"seconds": "4"}, {"model": "expensive"}]
)
def test_a_listed_video_of_another_request_is_ignored(new_stack: NewStack, change: dict[str, str]) -> None:
    # Given a list that has the job's video among others that differ in one field
    stack = new_stack()

    def add_others(page: dict[str, Any]) -> tuple[int, Any]:
        others = [video | change | {"id": f"{video['id']}_other"} for video in page["data"]]
        return 200, page | {"data": others + page["data"]}

    stack.transport.rewrite_list = add_others
    # Then the job gets its own
    assert stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED)).status == "completed"
    assert not find_violations(stack)
    # And if the list has only others, none of them is a candidate
    stack = new_stack()
    stack.transport.rewrite_list = change_each_video(lambda video: video.update(change))
    assert stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED)).reconciliation.candidates == ()


@pytest.mark.parametrize("minutes", [-5, 9])
def test_a_video_created_outside_the_submission_window_is_ignored(new_stack: NewStack, minutes: int) -> None:
    stack = new_stack()
    stack.transport.rewrite_list = change_each_video(
        lambda video: video.update(created_at=video["created_at"] + 60 * minutes)
    )
    job = stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED))
    assert job.status == "unconfirmed"
    assert job.reconciliation.candidates == ()


def test_a_video_is_adopted_only_after_two_matches_in_a_row(new_stack: NewStack) -> None:
    # Given a list that has the video only every other time
    stack = new_stack()
    checks = 0

    def hide_every_other_time(page: dict[str, Any]) -> tuple[int, Any]:
        nonlocal checks
        checks += 1
        return 200, page if checks % 2 else page | {"data": []}

    stack.transport.rewrite_list = hide_every_other_time
    assert stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED)).status == "unconfirmed"
    assert checks >= 3


def test_the_list_is_read_to_its_last_page(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a server whose list comes three videos a page, with nine newer videos of other jobs
    stack = new_stack()
    stack.fake_server.faults.plan(ACCEPTED_THEN_DROPPED, *[NO_FAULT] * 9)
    source = stack.upload("beach.jpg", picture(), "a calm sea")
    others = [stack.upload(f"{number}.jpg", picture(), f"picture {number}") for number in range(9)]
    handle_request = stack.transport.handle_request

    def limit_pages_to_three(request: httpx2.Request) -> httpx2.Response:
        if b"limit=100" in request.url.query:
            request.url = request.url.copy_set_param("limit", "3")
        return handle_request(request)

    monkeypatch.setattr(stack.transport, "handle_request", limit_pages_to_three)
    stack.run()
    entries = stack.fake_server.request_log.entries()
    # Then both checks find the video on the fourth and last page
    assert len([entry for entry in entries if (entry.method, entry.path) == ("GET", "/v1/videos")]) == 8
    assert {stack.job(each).status for each in (source, *others)} == {"completed"}
    assert not find_violations(stack)


def test_an_endless_list_is_reported_to_an_operator(new_stack: NewStack) -> None:
    stack = new_stack()
    numbers = iter(range(10**6))
    video = {"id": "", "model": "tiny", "prompt": "other", "created_at": stack.clock.unix() + 60}
    stack.transport.rewrite_list = lambda _: (
        200,
        {"data": [video | {"id": f"v{next(numbers)}"} for _ in range(100)], "has_more": True},
    )
    job = stack.job(upload_one(stack, ACCEPTED_THEN_DROPPED))
    assert "too long" in job.error.hint
    assert not find_violations(stack)


@pytest.mark.parametrize("minutes", [4, 12, 30, 80])
def test_a_job_whose_response_is_recorded_after_its_lease_completes_and_is_sent_once(
    new_stack: NewStack, minutes: int
) -> None:
    # Given a worker that is paused, between the server's response and its record, for longer than its lease
    stack = new_stack(("submit:submit_video#1",), pause_minutes=minutes)
    source = stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    assert stack.job(source).status == "completed"
    assert len(stack.fake_server.request_log.creates()) == 1
    assert not find_violations(stack)
