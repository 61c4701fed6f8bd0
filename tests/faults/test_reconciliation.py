"""A try of which no answer came: found in the server's list, or left to a person; never guessed, never sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.fake_video_server import Fault
from sora_ready.adapters.metrics import Metrics
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.unconfirmed_jobs import FINE, LOST, TAKEN, change_each, drop_one, drop_two


def test_a_video_whose_answer_was_lost_is_found_and_completed(new_stack: NewStack) -> None:
    stack = new_stack()
    source = drop_one(stack, TAKEN)
    job = stack.job(source)
    assert job.status == "completed"
    assert [entry.status for entry in job.history][2:5] == ["submitting", "unconfirmed", "queued"]
    assert job.server.id == stack.accepted()[0].video_id
    assert len(stack.paid.request_log.creates()) == 1
    assert not find_violations(stack)


def test_what_never_arrived_waits_for_a_person(new_stack: NewStack, capfd: pytest.CaptureFixture[str]) -> None:
    stack = new_stack()
    source = drop_one(stack, LOST)
    job = stack.job(source)
    assert job.status == "unconfirmed"
    assert job.reconciliation.candidates == ()
    assert "then decide: send it again, give it up, or adopt" in job.error.hint
    assert len(stack.paid.request_log.creates()) == 1
    assert not find_violations(stack)


def test_the_metric_of_the_alarm_is_counted_once_a_day(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr(Metrics, "count_job_needs_operator", lambda metrics: counted.append(metrics._stack))
    stack = new_stack()
    drop_one(stack, LOST)
    assert counted == ["simulated"]
    for day in (2, 3):
        end = stack.clock() + timedelta(days=1, minutes=10)
        while stack.clock() < end:
            stack.clock.advance(minutes=5)
            stack.sweep()
            stack.run(hours=0.01)
        assert len(counted) == day


@pytest.mark.parametrize(("first", "second"), [(TAKEN, TAKEN), (TAKEN, LOST), (LOST, TAKEN), (LOST, LOST)])
def test_two_alike_in_doubt_are_never_told_apart(new_stack: NewStack, first: Fault, second: Fault) -> None:
    stack = new_stack()
    jobs = drop_two(stack, first, second)
    assert [job.status for job in jobs] == ["unconfirmed"] * 2
    assert all("Another unsettled job asked for the same" in job.reconciliation.finding for job in jobs)


def test_two_in_doubt_with_other_prompts_are_both_found(new_stack: NewStack) -> None:
    stack = new_stack()
    jobs = drop_two(stack, TAKEN, TAKEN, prompts=("a calm sea", "a storm"))
    assert [job.status for job in jobs] == ["completed"] * 2


def test_a_video_that_belongs_to_another_job_is_not_taken(new_stack: NewStack) -> None:
    stack = new_stack()
    fine, lost = drop_two(stack, FINE, LOST)
    assert (fine.status, lost.status) == ("completed", "unconfirmed")
    assert lost.reconciliation.candidates == ()


@pytest.mark.parametrize(
    "answer",
    [(404, {"error": {"message": "Invalid URL"}}), (405, {"error": {"message": "no"}}), (200, ["not", "a", "list"])],
)
def test_a_server_without_a_list_leaves_it_to_a_person_at_once(new_stack: NewStack, answer: Any) -> None:
    stack = new_stack()
    stack.line.rewrite = lambda _: answer
    started = stack.clock()
    job = stack.job(drop_one(stack, TAKEN))
    assert job.status == "unconfirmed"
    assert "then decide" in job.error.hint
    assert stack.clock() - started < timedelta(minutes=20)
    assert not find_violations(stack)


@pytest.mark.parametrize("missing", ["prompt", "created_at"])
def test_a_list_that_leaves_out_what_tells_videos_apart_is_no_proof(new_stack: NewStack, missing: str) -> None:
    stack = new_stack()
    stack.line.rewrite = change_each(lambda video: video.pop(missing))
    job = stack.job(drop_one(stack, TAKEN))
    assert job.status == "unconfirmed"
    assert job.reconciliation.candidates == (stack.accepted()[0].video_id,)
    assert not find_violations(stack)


def test_a_list_that_leaves_out_size_and_length_is_enough(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.line.rewrite = change_each(lambda video: (video.pop("size"), video.pop("seconds")))
    assert stack.job(drop_one(stack, TAKEN)).status == "completed"
    assert not find_violations(stack)


@pytest.mark.parametrize(
    "change", [{"prompt": "a storm"}, {"size": "1280x720"}, {"seconds": "4"}, {"model": "expensive"}]
)
def test_videos_of_others_are_passed_over(new_stack: NewStack, change: dict[str, str]) -> None:
    # Given a list with the job's video among others that differ in one thing,
    stack = new_stack()

    def add_others(page: dict[str, Any]) -> tuple[int, Any]:
        others = [video | change | {"id": f"{video['id']}_other"} for video in page["data"]]
        return 200, page | {"data": others + page["data"]}

    stack.line.rewrite = add_others
    # then the job gets its own; and where only others are listed, none.
    assert stack.job(drop_one(stack, TAKEN)).status == "completed"
    assert not find_violations(stack)
    stack = new_stack()
    stack.line.rewrite = change_each(lambda video: video.update(change))
    assert stack.job(drop_one(stack, TAKEN)).reconciliation.candidates == ()


@pytest.mark.parametrize("minutes", [-5, 9])
def test_a_video_begun_at_another_time_is_passed_over(new_stack: NewStack, minutes: int) -> None:
    stack = new_stack()
    stack.line.rewrite = change_each(lambda video: video.update(created_at=video["created_at"] + 60 * minutes))
    job = stack.job(drop_one(stack, TAKEN))
    assert job.status == "unconfirmed"
    assert job.reconciliation.candidates == ()


def test_a_candidate_is_seen_twice_in_a_row_before_it_is_taken(new_stack: NewStack) -> None:
    # Given a list in which the video shows only at every other look,
    stack = new_stack()
    looks = 0

    def hide(page: dict[str, Any]) -> tuple[int, Any]:
        nonlocal looks
        looks += 1
        return 200, page if looks % 2 else page | {"data": []}

    stack.line.rewrite = hide
    assert stack.job(drop_one(stack, TAKEN)).status == "unconfirmed"
    assert looks >= 3


def test_the_list_is_read_to_its_end(new_stack: NewStack) -> None:
    # Given a server that hands out its list three at a time, with nine newer videos of other people,
    stack = new_stack()
    page: Any = stack.paid._app.routes[1]
    assert page.path == "/v1/videos"
    stack.paid.faults.plan(TAKEN, *[FINE] * 9)
    source = stack.drop("beach.jpg", picture(), "a calm sea")
    others = [stack.drop(f"{number}.jpg", picture(), f"picture {number}") for number in range(9)]
    handle = stack.line.handle_request

    def hand_out_three(request: Any) -> Any:
        if b"limit=100" in request.url.query:
            request.url = request.url.copy_set_param("limit", "3")
        return handle(request)

    stack.line.handle_request = hand_out_three
    try:
        stack.run()
    finally:
        del stack.line.handle_request
    lists = [entry for entry in stack.paid.request_log.entries() if (entry.method, entry.path) == ("GET", "/v1/videos")]
    # then the video is found on the last page, twice.
    assert len(lists) == 8
    assert {stack.job(each).status for each in (source, *others)} == {"completed"}
    assert not find_violations(stack)


def test_a_list_without_an_end_is_left_to_a_person(new_stack: NewStack) -> None:
    stack = new_stack()
    numbers = iter(range(10**6))
    video = {"id": "", "model": "tiny", "prompt": "other", "created_at": stack.clock.unix() + 60}
    stack.line.rewrite = lambda _: (
        200,
        {"data": [video | {"id": f"v{next(numbers)}"} for _ in range(100)], "has_more": True},
    )
    job = stack.job(drop_one(stack, TAKEN))
    assert "too long" in job.error.hint
    assert not find_violations(stack)


@pytest.mark.parametrize("minutes", [4, 12, 30, 80])
def test_an_answer_that_comes_after_the_lease(new_stack: NewStack, minutes: int) -> None:
    # Given a worker that is stopped between the server's answer and its record, longer than its lease,
    stack = new_stack(("submit:submit_video#1",), stop_minutes=minutes)
    source = stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    # then the job is completed, whoever was first, and was sent once.
    assert stack.job(source).status == "completed"
    assert len(stack.paid.request_log.creates()) == 1
    assert not find_violations(stack)
