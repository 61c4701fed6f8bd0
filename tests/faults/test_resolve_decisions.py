"""A person decides about a job in doubt: it is done, it decides nothing else, and nothing is bought unasked."""

from __future__ import annotations

import json

import pytest

from local.fake_video_server import Fault, faults
from sora_ready.domain.errors import TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, Status
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewWorld, picture
from tests.faults.unconfirmed_jobs import FINE, LOST, TAKEN, change_each, drop_one, drop_two


def test_a_person_sends_it_again(new_world: NewWorld) -> None:
    world = new_world()
    source = drop_one(world, LOST)
    world.decide(source, "send_again")
    world.run()
    assert world.look(source).status == "completed"
    assert len(world.accepted()) == 1
    assert not find_violations(world)


def test_a_person_gives_it_up(new_world: NewWorld) -> None:
    world = new_world()
    source = drop_one(world, LOST)
    world.decide(source, "give_up")
    world.run()
    assert (world.look(source).status, world.look(source).error.code) == ("failed", "given_up")
    assert not world.accepted()
    assert not find_violations(world)


def test_a_person_names_the_video(new_world: NewWorld) -> None:
    # Given a server that lists no prompts, so that only a person can tell,
    world = new_world()
    world.line.rewrite = change_each(lambda video: video.pop("prompt"))
    source = drop_one(world, TAKEN)
    [video_id] = world.look(source).reconciliation.candidates
    # when a person names the video a day later,
    world.clock.advance(days=1)
    world.decide(source, "adopt", video_id)
    # and the server cannot be asked just then,
    world.paid.faults.plan(faults.on_retrieve(faults.status(503)))
    world.run()
    # then it is fetched all the same.
    assert world.look(source).status == "completed"
    assert len(world.paid.request_log.creates()) == 1
    assert not find_violations(world)


def test_nobody_can_name_a_video_that_belongs_to_another_job(new_world: NewWorld) -> None:
    world = new_world()
    _, doubted = drop_two(world, FINE, LOST)
    with pytest.raises(VideoClaimedError):
        world.decide(world.sources[1], "adopt", str(world.accepted()[0].video_id))
    assert world.look(world.sources[1]).status == doubted.status == "unconfirmed"


@pytest.mark.parametrize("decision", ["give_up", "send_again"])
@pytest.mark.parametrize(("first", "second"), [(TAKEN, LOST), (LOST, TAKEN)])
def test_a_decision_about_one_does_not_decide_the_other(
    new_world: NewWorld, first: Fault, second: Fault, decision: str
) -> None:
    # Given two alike in doubt, of which one was taken,
    world = new_world()
    drop_two(world, first, second)
    # when a person decides about the first, and days pass,
    world.decide(world.sources[0], decision)
    for _ in range(3):
        world.run()
        world.clock.advance(days=1, minutes=1)
        world.sweep()
    world.run()
    # then the second is not given what was made for the first.
    assert not find_violations(world)


def test_an_answer_that_comes_after_a_person_sent_it_again(new_world: NewWorld) -> None:
    # Given a worker that is stopped before it records the answer, and a person who has it sent again meanwhile,
    world = new_world(("submit:submit_video#1",))
    world.line.rewrite = lambda _: (404, {"error": {"message": json.dumps("no list")}})

    def decide_meanwhile() -> None:
        world.run(hours=1)
        world.decide(world.sources[0], "send_again")
        world.run(hours=1)

    world.points.pause = decide_meanwhile
    source = world.drop("beach.jpg", picture(), "a calm sea")
    world.run()
    # then the second video is the job's, and stays it.
    job = world.look(source)
    assert job.status == "completed"
    assert job.server.id == world.accepted()[1].video_id
    assert len(world.paid.request_log.creates()) == 2
    assert not find_violations(world)


def test_an_answer_that_comes_while_a_person_gives_up(new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a person who has read the record, and an answer that is recorded before the decision is,
    world = new_world()
    source = drop_one(world, LOST)
    read = world.jobs.get_job

    def read_and_be_overtaken(job_id: str) -> Job | None:
        monkeypatch.undo()
        job = read(job_id)
        world.ledger.record_video(job, {"id": "late", "status": "queued"})
        return job

    monkeypatch.setattr(world.jobs, "get_job", read_and_be_overtaken)
    # then the decision is refused, and the video is followed.
    with pytest.raises(TransitionRefused):
        world.decide(source, "give_up")
    assert world.look(source).status == "queued"


def test_what_comes_of_an_earlier_try_does_not_touch_a_later_one(new_world: NewWorld) -> None:
    # Given a job whose second try is in doubt as well,
    world = new_world()
    source = drop_one(world, LOST)
    first = world.look(source)
    world.paid.faults.plan(LOST)
    world.decide(source, "send_again")
    world.run()
    second = world.look(source)
    assert second.submission.attempt_id != first.submission.attempt_id
    spent = world.ledger.read_spent(second.submission.budget_day)
    # when the first one's answer comes at last, yes or no,
    with pytest.raises(TransitionRefused):
        world.ledger.record_video(first, {"id": "late", "status": "queued"})
    with pytest.raises(TransitionRefused):
        world.ledger.refund(first, Status.READY, {"code": "late"})
    # then job and money are as they were.
    assert world.look(source) == second
    assert world.ledger.read_spent(second.submission.budget_day) == spent
