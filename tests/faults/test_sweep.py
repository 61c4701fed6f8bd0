"""The sweep resumes every job that lost its message or its worker, and costs next to nothing when nothing is due."""

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
from tests.faults.kill_cases import KillCase, NewStack, list_boundaries, picture
from tests.faults.simulated_stack import SimulatedStack
from tests.integration.stack_fixtures import make_request


def upload_and_lose_message(stack: SimulatedStack, queue: str, number: int) -> bool:
    """Upload a picture and run the stack, but lose the `number`-th message to a queue. Return whether there was one."""
    send, count = stack._send, 0

    def send_all_but_one(to: str, *arguments: object, **options: object) -> None:
        nonlocal count
        count += to == queue
        if to != queue or count != number:
            send(to, *arguments, **options)  # type: ignore[arg-type] # passed on as they came

    stack._send = send_all_but_one  # type: ignore[method-assign, assignment] # a queue that loses a message
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    return count >= number


@pytest.mark.parametrize(("queue", "number"), [("submit", 1), ("track", 1), ("track", 2)])
def test_a_job_whose_message_is_lost_still_completes(new_stack: NewStack, queue: str, number: int) -> None:
    stack = new_stack()
    assert upload_and_lose_message(stack, queue, number)
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)


def test_a_received_job_whose_event_is_lost_still_completes(new_stack: NewStack) -> None:
    stack = new_stack(("normalize:s3.PutObject#1",))
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.deliver(stack.messages[0])
    stack.messages.clear()
    assert stack.job(stack.sources[0]).status == "received"
    stack.run()
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)


@pytest.mark.parametrize(("hours", "status"), [(0.01, "submitting"), (0.2, "unconfirmed")])
def test_an_accepted_video_is_found_although_all_messages_of_its_job_are_lost(
    new_stack: NewStack, hours: float, status: str
) -> None:
    # Given a job whose worker was killed after the server accepted the submission, and no message about it
    stack = new_stack(("submit:submit_video#1",))
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run(hours)
    assert stack.job(stack.sources[0]).status == status
    stack.messages.clear()
    # Then its video is found in the server's list
    stack.run()
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)


def test_an_ended_job_is_never_due(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    stack.clock.advance(days=2)
    assert stack.sweep() == {}


def test_the_next_sweep_completes_the_work_of_a_killed_one(
    new_stack: NewStack, record_property: Callable[..., None]
) -> None:
    def run_with_lost_messages(*kill_points: str) -> SimulatedStack:
        stack = new_stack(kill_points)
        for queue, number in (("submit", 1), ("track", 1), ("track", 2)):
            upload_and_lose_message(stack, queue, number)
        return stack

    passed = run_with_lost_messages().kill_points.passed
    boundaries = [boundary for boundary in passed if boundary.startswith("sweep:")]
    for boundary in boundaries:
        stack = run_with_lost_messages(boundary)
        assert stack.kill_points.triggered == [boundary]
        assert [stack.job(source).status for source in stack.sources] == ["completed"] * 3, boundary
        assert not find_violations(stack), boundary
    record_property("counted", {"killed sweeps": {"boundaries": len(boundaries)}})


def test_a_sweep_with_nothing_due_is_one_query_for_each_partition_and_no_write(new_stack: NewStack) -> None:
    # Given jobs in two statuses, none of them due
    stack = new_stack()
    for number, seconds in enumerate((18, 5)):
        stack.upload(f"{number}.jpg", picture(), f"picture {number}")
        stack.run(hours=seconds / 3600)
    assert {str(stack.job(source).status) for source in stack.sources} == {"queued", "in_progress"}
    stack.aws_calls.clear()
    assert stack.sweep() == {}
    assert stack.aws_calls == ["dynamodb.Query"] * len(SweepPartition)


def test_thousands_of_due_jobs_are_resumed_a_limited_number_at_a_time(new_stack: NewStack) -> None:
    # Given three thousand jobs that are due
    stack = new_stack(sweep_limit=100)
    created_at = "2026-11-12T08:00:00.000Z"
    for number in range(3000):
        source = SourceObject("uploads", f"{number}.jpg", "etag", None, str(number))
        stack.jobs.put_job(Job(f"video_{number:032x}", Status.READY, source, created_at, created_at))
    stack.clock.moment += timedelta(hours=1)
    resumed: Counter[str] = Counter()
    for _ in range(30):
        stack.messages.clear()
        stack.aws_calls.clear()
        # Then each sweep resumes as many as its limit, with one read and one write for each
        assert stack.sweep() == {"ready": 100}
        assert Counter(stack.aws_calls) == {
            "dynamodb.Query": len(SweepPartition),
            "dynamodb.GetItem": 100,
            "dynamodb.UpdateItem": 100,
        }
        resumed.update(message.body[0] for message in stack.messages)
    # And after thirty sweeps each job was resumed once
    assert len(resumed) == 3000
    assert set(resumed.values()) == {1}
    assert stack.sweep() == {}


def test_thousands_of_held_jobs_delay_no_other_job(new_stack: NewStack) -> None:
    # Given five thousand held jobs of a backlog, and a sweep with a limit of a hundred
    stack = new_stack(("submit:submit_video#1",), sweep_limit=100, budget=Decimal("1.20"))
    for number in range(5000):
        source = SourceObject("uploads", f"{number}.jpg", "etag", None, str(number))
        created_at = timestamp(stack.clock())
        job = Job(f"video_{number:032x}", Status.READY, source, created_at, created_at, request=make_request())
        job = replace(job, invocation=Invocation(Channel.BACKFILL))
        stack.jobs.hold_job(stack.jobs.put_job(job), error=JobError("budget_spent", ""))
        stack.clock.advance(seconds=1)
    # and a later upload whose worker was killed
    stack.next_sweep = stack.clock() + timedelta(minutes=5)
    stack.upload("lost.jpg", picture(), "lost")
    stack.run(hours=0.05)
    assert stack.job(stack.sources[0]).status == "submitting"
    stack.messages.clear()
    # When the next sweep runs
    stack.clock.advance(minutes=5)
    assert stack.sweep() == {"submitting": 1, "held": 2}
    # Then the upload's job is unconfirmed, and the rest of the day's budget releases the oldest of the backlog
    assert stack.job(stack.sources[0]).status == "unconfirmed"
    sent = [message.body[0] for message in stack.messages if message.queue == "submit"]
    assert sent == [f"video_{number:032x}" for number in range(2)]


def test_the_boundaries_of_a_sweep_are_among_the_second_kill_points(new_stack: NewStack) -> None:
    boundaries = list_boundaries(new_stack, KillCase(("submit:submit_video#1",)))
    assert {boundary.partition(":")[0] for boundary in boundaries} >= {"sweep", "track"}
    assert "track:list_videos#1" in boundaries
