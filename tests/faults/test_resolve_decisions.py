"""A person decides about a job in doubt: it is done, it decides nothing else, and nothing is bought unasked."""

from __future__ import annotations

import json

import pytest

from local.fake_video_server import Fault, faults
from sora_ready.domain.errors import JobError, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, ServerVideo, Status
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.unconfirmed_jobs import FINE, LOST, TAKEN, change_each, drop_one, drop_two


def test_a_person_sends_it_again(new_stack: NewStack) -> None:
    stack = new_stack()
    source = drop_one(stack, LOST)
    stack.decide(source, "send_again")
    stack.run()
    assert stack.job(source).status == "completed"
    assert len(stack.accepted()) == 1
    assert not find_violations(stack)


def test_a_person_gives_it_up(new_stack: NewStack) -> None:
    stack = new_stack()
    source = drop_one(stack, LOST)
    stack.decide(source, "give_up")
    stack.run()
    assert (stack.job(source).status, stack.job(source).error.code) == ("failed", "given_up")
    assert not stack.accepted()
    assert not find_violations(stack)


def test_a_person_names_the_video(new_stack: NewStack) -> None:
    # Given a server that lists no prompts, so that only a person can tell,
    stack = new_stack()
    stack.line.rewrite = change_each(lambda video: video.pop("prompt"))
    source = drop_one(stack, TAKEN)
    [video_id] = stack.job(source).reconciliation.candidates
    # when a person names the video a day later,
    stack.clock.advance(days=1)
    stack.decide(source, "adopt", video_id)
    # and the server cannot be asked just then,
    stack.paid.faults.plan(faults.on_retrieve(faults.status(503)))
    stack.run()
    # then it is fetched all the same.
    assert stack.job(source).status == "completed"
    assert len(stack.paid.request_log.creates()) == 1
    assert not find_violations(stack)


def test_nobody_can_name_a_video_that_belongs_to_another_job(new_stack: NewStack) -> None:
    stack = new_stack()
    _, unconfirmed = drop_two(stack, FINE, LOST)
    with pytest.raises(VideoClaimedError):
        stack.decide(stack.sources[1], "adopt", str(stack.accepted()[0].video_id))
    assert stack.job(stack.sources[1]).status == unconfirmed.status == "unconfirmed"


@pytest.mark.parametrize("decision", ["give_up", "send_again"])
@pytest.mark.parametrize(("first", "second"), [(TAKEN, LOST), (LOST, TAKEN)])
def test_a_decision_about_one_does_not_decide_the_other(
    new_stack: NewStack, first: Fault, second: Fault, decision: str
) -> None:
    # Given two alike in doubt, of which one was taken,
    stack = new_stack()
    drop_two(stack, first, second)
    # when a person decides about the first, and days pass,
    stack.decide(stack.sources[0], decision)
    for _ in range(3):
        stack.run()
        stack.clock.advance(days=1, minutes=1)
        stack.sweep()
    stack.run()
    # then the second is not given what was made for the first.
    assert not find_violations(stack)


def test_an_answer_that_comes_after_a_person_sent_it_again(new_stack: NewStack) -> None:
    # Given a worker that is stopped before it records the answer, and a person who has it sent again meanwhile,
    stack = new_stack(("submit:submit_video#1",))
    stack.line.rewrite = lambda _: (404, {"error": {"message": json.dumps("no list")}})

    def decide_meanwhile() -> None:
        stack.run(hours=1)
        stack.decide(stack.sources[0], "send_again")
        stack.run(hours=1)

    stack.points.pause = decide_meanwhile
    source = stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    # then the second video is the job's, and stays it.
    job = stack.job(source)
    assert job.status == "completed"
    assert job.server.id == stack.accepted()[1].video_id
    assert len(stack.paid.request_log.creates()) == 2
    assert not find_violations(stack)


def test_an_answer_that_comes_while_a_person_gives_up(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a person who has read the record, and an answer that is recorded before the decision is,
    stack = new_stack()
    source = drop_one(stack, LOST)
    read = stack.jobs.get_job

    def read_and_be_overtaken(job_id: str) -> Job | None:
        monkeypatch.undo()
        job = read(job_id)
        stack.ledger.record_video(job, ServerVideo("late", "queued"))
        return job

    monkeypatch.setattr(stack.jobs, "get_job", read_and_be_overtaken)
    # then the decision is refused, and the video is followed.
    with pytest.raises(TransitionRefused):
        stack.decide(source, "give_up")
    assert stack.job(source).status == "queued"


def test_what_comes_of_an_earlier_try_does_not_touch_a_later_one(new_stack: NewStack) -> None:
    # Given a job whose second try is in doubt as well,
    stack = new_stack()
    source = drop_one(stack, LOST)
    first = stack.job(source)
    stack.paid.faults.plan(LOST)
    stack.decide(source, "send_again")
    stack.run()
    second = stack.job(source)
    assert second.submission.attempt_id != first.submission.attempt_id
    spent = stack.ledger.read_spent(second.submission.budget_day)
    # when the first one's answer comes at last, yes or no,
    with pytest.raises(TransitionRefused):
        stack.ledger.record_video(first, ServerVideo("late", "queued"))
    with pytest.raises(TransitionRefused):
        stack.ledger.refund(first, Status.READY, JobError("late", ""))
    # then job and money are as they were.
    assert stack.job(source) == second
    assert stack.ledger.read_spent(second.submission.budget_day) == spent
