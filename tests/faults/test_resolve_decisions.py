"""An operator resolves an unconfirmed job: the decision is carried out for that job alone, and buys nothing else."""

from __future__ import annotations

import json

import pytest

from local.fake_video_server import Fault, faults
from sora_ready.domain.errors import JobError, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, ServerVideo, Status
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


def test_an_operator_sends_a_job_again(new_stack: NewStack) -> None:
    stack = new_stack()
    source = upload_one(stack, DROPPED)
    stack.resolve(source, "send_again")
    stack.run()
    assert stack.job(source).status == "completed"
    assert len(stack.accepted()) == 1
    assert not find_violations(stack)


def test_an_operator_gives_a_job_up(new_stack: NewStack) -> None:
    stack = new_stack()
    source = upload_one(stack, DROPPED)
    stack.resolve(source, "give_up")
    stack.run()
    assert (stack.job(source).status, stack.job(source).error.code) == ("failed", "given_up")
    assert not stack.accepted()
    assert not find_violations(stack)


def test_an_operator_adopts_a_video(new_stack: NewStack) -> None:
    # Given a server whose list has no prompts, so that only an operator can tell whose video it is
    stack = new_stack()
    stack.transport.rewrite_list = change_each_video(lambda video: video.pop("prompt"))
    source = upload_one(stack, ACCEPTED_THEN_DROPPED)
    [video_id] = stack.job(source).reconciliation.candidates
    # When the operator adopts the video a day later, and the first poll fails
    stack.clock.advance(days=1)
    stack.resolve(source, "adopt", video_id)
    stack.fake_server.faults.plan(faults.on_retrieve(faults.status(503)))
    stack.run()
    # Then the video is stored all the same
    assert stack.job(source).status == "completed"
    assert len(stack.fake_server.request_log.creates()) == 1
    assert not find_violations(stack)


def test_an_operator_cannot_adopt_a_video_that_belongs_to_another_job(new_stack: NewStack) -> None:
    stack = new_stack()
    _, unconfirmed = upload_two(stack, NO_FAULT, DROPPED)
    with pytest.raises(VideoClaimedError):
        stack.resolve(stack.sources[1], "adopt", str(stack.accepted()[0].video_id))
    assert stack.job(stack.sources[1]).status == unconfirmed.status == "unconfirmed"


@pytest.mark.parametrize("decision", ["give_up", "send_again"])
@pytest.mark.parametrize(("first", "second"), [(ACCEPTED_THEN_DROPPED, DROPPED), (DROPPED, ACCEPTED_THEN_DROPPED)])
def test_a_decision_about_one_job_gives_its_video_to_no_other(
    new_stack: NewStack, first: Fault, second: Fault, decision: str
) -> None:
    # Given two unconfirmed jobs with equal requests, of which the server accepted one
    stack = new_stack()
    upload_two(stack, first, second)
    # When an operator resolves the first, and days pass
    stack.resolve(stack.sources[0], decision)
    for _ in range(3):
        stack.run()
        stack.clock.advance(days=1, minutes=1)
        stack.sweep()
    stack.run()
    # Then the second does not get the first one's video
    assert not find_violations(stack)


def test_a_response_that_arrives_after_the_job_was_sent_again_is_refused(new_stack: NewStack) -> None:
    # Given a worker that is paused before it records the response, while an operator sends the job again
    stack = new_stack(("submit:submit_video#1",))
    stack.transport.rewrite_list = lambda _: (404, {"error": {"message": json.dumps("no list")}})

    def send_again_meanwhile() -> None:
        stack.run(hours=1)
        stack.resolve(stack.sources[0], "send_again")
        stack.run(hours=1)

    stack.kill_points.pause = send_again_meanwhile
    source = stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    # Then the job keeps the second video
    job = stack.job(source)
    assert job.status == "completed"
    assert job.server.id == stack.accepted()[1].video_id
    assert len(stack.fake_server.request_log.creates()) == 2
    assert not find_violations(stack)


def test_a_response_recorded_while_an_operator_gives_up_wins(
    new_stack: NewStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a response that is recorded after the operator's decision has read the job, and before it is written
    stack = new_stack()
    source = upload_one(stack, DROPPED)
    get_job = stack.jobs.get_job

    def get_job_and_record_video(job_id: str) -> Job | None:
        monkeypatch.undo()
        job = get_job(job_id)
        stack.ledger.record_video(job, ServerVideo("late", "queued"))
        return job

    monkeypatch.setattr(stack.jobs, "get_job", get_job_and_record_video)
    # Then the decision is refused, and the job has its video
    with pytest.raises(TransitionRefused):
        stack.resolve(source, "give_up")
    assert stack.job(source).status == "queued"


def test_the_response_of_an_earlier_attempt_does_not_change_a_later_one(new_stack: NewStack) -> None:
    # Given a job whose second attempt is unconfirmed too
    stack = new_stack()
    source = upload_one(stack, DROPPED)
    first = stack.job(source)
    stack.fake_server.faults.plan(DROPPED)
    stack.resolve(source, "send_again")
    stack.run()
    second = stack.job(source)
    assert second.submission.attempt_id != first.submission.attempt_id
    spent = stack.ledger.read_spent(second.submission.budget_day)
    # When the first attempt turns out to be accepted, or refused
    with pytest.raises(TransitionRefused):
        stack.ledger.record_video(first, ServerVideo("late", "queued"))
    with pytest.raises(TransitionRefused):
        stack.ledger.refund(first, Status.READY, JobError("late", ""))
    # Then the job and the day's spending are unchanged
    assert stack.job(source) == second
    assert stack.ledger.read_spent(second.submission.budget_day) == spent
