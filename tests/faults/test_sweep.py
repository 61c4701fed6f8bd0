"""The sweep heals what was lost on the way, costs next to nothing when nothing is due, and never does too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from sora_ready.domain.errors import JobError
from sora_ready.domain.job import Channel, Invocation, Job, SourceObject, Status, SweepPartition, timestamp
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import Case, NewStack, boundaries, picture
from tests.faults.simulated_stack import SimulatedStack
from tests.integration.stack_fixtures import make_request


def lose_one(stack: SimulatedStack, queue: str, number: int) -> bool:
    """Go on, and lose the `number`-th message of a queue on the way; False where there are not so many."""
    send, sent = stack._send, 0

    def send_all_but_one(to: str, *given: object, **options: object) -> None:
        nonlocal sent
        sent += to == queue
        if to != queue or sent != number:
            send(to, *given, **options)  # type: ignore[arg-type]

    stack._send = send_all_but_one  # type: ignore[method-assign, assignment]
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    return sent >= number


@pytest.mark.parametrize(("queue", "number"), [("submit", 1), ("track", 1), ("track", 2)])
def test_a_message_that_was_lost_is_sent_again(new_stack: NewStack, queue: str, number: int) -> None:
    # Given a step that is done and whose message to the next one is lost,
    stack = new_stack()
    assert lose_one(stack, queue, number)
    # then the job comes to its end all the same, and was paid for once.
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)


def test_a_lost_announcement_of_a_picture_that_is_on_record_is_made_again(new_stack: NewStack) -> None:
    # Given an upload that is on record as received, and whose message is gone,
    stack = new_stack(("normalize:s3.PutObject#1",))
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.deliver(stack.messages[0])
    stack.messages.clear()
    assert stack.job(stack.sources[0]).status == "received"
    # when time passes, then it is normalized after all.
    stack.run()
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)


@pytest.mark.parametrize(("hours", "status"), [(0.01, "submitting"), (0.2, "unconfirmed")])
def test_a_job_in_doubt_all_of_whose_messages_are_lost(new_stack: NewStack, hours: float, status: str) -> None:
    # Given a job whose worker died after the server took it, and no message left that speaks of it,
    stack = new_stack(("submit:submit_video#1",))
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run(hours)
    assert stack.job(stack.sources[0]).status == status
    stack.messages.clear()
    # then its video is found all the same.
    stack.run()
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)


def test_a_job_that_has_ended_is_never_woken(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    stack.clock.advance(days=2)
    assert stack.sweep() == {}


def test_a_sweep_that_dies_anywhere_is_made_good_by_the_next(
    new_stack: NewStack, record_property: Callable[..., None]
) -> None:
    # Given jobs that each lost a message, and a sweep that dies at any boundary,
    def live(*points: str) -> SimulatedStack:
        stack = new_stack(points)
        for queue, number in (("submit", 1), ("track", 1), ("track", 2)):
            lose_one(stack, queue, number)
        return stack

    points = [point for point in live().points.passed if point.startswith("sweep:")]
    for point in points:
        stack = live(point)
        assert stack.points.struck == [point]
        assert [stack.job(source).status for source in stack.sources] == ["completed"] * 3, point
        assert not find_violations(stack), point
    record_property("counted", {"sweeps that died": {"boundaries": len(points)}})


def test_nothing_due_is_one_query_for_each_line_and_no_write(new_stack: NewStack) -> None:
    # Given jobs at every stage, none of them overdue,
    stack = new_stack()
    for number, seconds in enumerate((18, 5)):
        stack.drop(f"{number}.jpg", picture(), f"picture {number}")
        stack.run(hours=seconds / 3600)
    assert {str(stack.job(source).status) for source in stack.sources} == {"queued", "in_progress"}
    stack.calls.clear()
    # when the sweep comes,
    assert stack.sweep() == {}
    # then it asks each line once, and writes nothing.
    assert stack.calls == ["dynamodb.Query"] * len(SweepPartition)


def test_thousands_overdue_are_woken_a_few_at_a_time(new_stack: NewStack) -> None:
    # Given three thousand jobs that are overdue,
    stack = new_stack(sweep_limit=100)
    made = "2026-11-12T08:00:00.000Z"
    for number in range(3000):
        source = SourceObject("uploads", f"{number}.jpg", "etag", None, str(number))
        stack.jobs.put_job(Job(f"video_{number:032x}", Status.READY, source, made, made))
    stack.clock.moment += timedelta(hours=1)
    resumed: Counter[str] = Counter()
    for _ in range(30):
        stack.messages.clear()
        stack.calls.clear()
        # when the sweep comes, then it wakes no more than its limit, with no more than that many calls,
        assert stack.sweep() == {"ready": 100}
        assert Counter(stack.calls) == {
            "dynamodb.Query": len(SweepPartition),
            "dynamodb.GetItem": 100,
            "dynamodb.UpdateItem": 100,
        }
        resumed.update(message.body[0] for message in stack.messages)
    # and after thirty times each was resumed once.
    assert len(resumed) == 3000
    assert set(resumed.values()) == {1}
    assert stack.sweep() == {}


def test_thousands_that_are_held_keep_no_other_job_waiting(new_stack: NewStack) -> None:
    # Given five thousand held jobs of a backlog, a sweep that looks at a hundred,
    stack = new_stack(("submit:submit_video#1",), sweep_limit=100, budget=Decimal("1.20"))
    for number in range(5000):
        source = SourceObject("uploads", f"{number}.jpg", "etag", None, str(number))
        made = timestamp(stack.clock())
        job = Job(f"video_{number:032x}", Status.READY, source, made, made, request=make_request())
        job = replace(job, invocation=Invocation(Channel.BACKFILL))
        stack.jobs.hold_job(stack.jobs.put_job(job), error=JobError("budget_spent", ""))
        stack.clock.advance(seconds=1)
    # and a picture that was dropped afterwards, and lost its worker,
    stack.next_sweep = stack.clock() + timedelta(minutes=5)
    stack.drop("lost.jpg", picture(), "lost")
    stack.run(hours=0.05)
    assert stack.job(stack.sources[0]).status == "submitting"
    stack.messages.clear()
    # when the next sweep comes,
    stack.clock.advance(minutes=5)
    assert stack.sweep() == {"submitting": 1, "held": 2}
    # then its video is looked for, and of the backlog the oldest go on, as far as what is left of the day pays.
    assert stack.job(stack.sources[0]).status == "unconfirmed"
    sent = [message.body[0] for message in stack.messages if message.queue == "submit"]
    assert sent == [f"video_{number:032x}" for number in range(2)]


def test_the_boundaries_of_a_sweep_are_among_those_of_the_pairs(new_stack: NewStack) -> None:
    points = boundaries(new_stack, Case(("submit:submit_video#1",)))
    assert {point.partition(":")[0] for point in points} >= {"sweep", "track"}
    assert "track:list_videos#1" in points
