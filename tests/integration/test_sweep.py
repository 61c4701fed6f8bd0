"""A sweep resumes overdue jobs: it sends lost messages again, and expires leases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.job_table import DueJob, JobTable
from sora_ready.adapters.queues import SubmitQueue
from sora_ready.domain.errors import JobError
from sora_ready.domain.job import (
    DUE_AFTER,
    FINAL,
    Channel,
    Invocation,
    Job,
    Status,
    SweepPartition,
    timestamp,
)
from sora_ready.domain.spending import next_hour

from .function_modules import CONTEXT, Load
from .run_steps import path_of, recorded, sweep
from .stack_fixtures import PATHS, Stack, bring_to, load_event

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_without_overdue_jobs_a_sweep_is_one_query_for_each_partition(stack: Stack) -> None:
    stack.sent_job("video_1")
    stack.calls.clear()

    assert sweep(stack) == {}
    assert stack.calls.names() == ["dynamodb.Query"] * len(SweepPartition)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_job_that_has_ended_is_not_in_the_index_by_due(stack: Stack, status: Status) -> None:
    job = bring_to(stack.jobs, status)
    stack.clock.advance(days=365)

    assert stack.due_row(job) is None
    assert sweep(stack) == {}


@pytest.mark.parametrize("status", sorted(set(PATHS) - FINAL - {Status.HELD, Status.SUBMITTING}))
def test_a_job_is_resumed_when_it_is_due_and_not_before(stack: Stack, status: Status) -> None:
    # given a job whose message was lost
    job = bring_to(stack.jobs, status)
    stack.clock.advance(seconds=DUE_AFTER[status].total_seconds() - 1)
    assert sweep(stack) == {}
    stack.calls.clear()

    # when
    stack.clock.advance(seconds=1)
    assert sweep(stack) == {status: 1}

    # then one message is sent, and another only after as long again
    assert stack.calls.names().count("sqs.SendMessage") == 1
    assert recorded(stack, job).due_at == timestamp(stack.clock() + DUE_AFTER[status])
    assert sweep(stack) == {}


def test_the_event_of_an_upload_is_sent_again_as_s3_sends_it(stack: Stack) -> None:
    job = bring_to(stack.jobs, Status.RECEIVED)
    stack.clock.advance(minutes=30)
    sweep(stack)

    (message,) = stack.messages(stack.normalize_queue_url)

    assert message["detail-type"] == "Object Created"
    assert message["detail"]["bucket"]["name"] == job.source.bucket
    assert message["detail"]["object"] == {"key": job.source.key, "etag": job.source.etag, "version-id": "v1"}


def test_each_job_gets_the_message_that_moves_it(stack: Stack) -> None:
    ready = stack.ready_job("ready.jpg")
    queued = stack.sent_job("video_1", key="queued.jpg", polls=5)
    unconfirmed = stack.unconfirmed_job("unconfirmed.jpg")
    stack.calls.clear()
    stack.clock.advance(hours=1)

    assert sweep(stack) == {"ready": 1, "queued": 1, "unconfirmed": 1}

    assert stack.messages(stack.submit_queue_url) == [{"job_id": ready.id}]
    polls = {message["job_id"]: message["polls"] for message in stack.messages(stack.track_queue_url)}
    assert polls == {queued.id: 5, unconfirmed.id: 0}


def test_an_expired_lease_makes_the_job_unconfirmed(stack: Stack) -> None:
    job = stack.claimed_job()
    stack.clock.advance(minutes=3, seconds=29)
    assert sweep(stack) == {}
    stack.clock.advance(seconds=1)

    assert sweep(stack) == {"submitting": 1}

    assert path_of(recorded(stack, job)) == ["ready", "submitting", "unconfirmed"]
    # its price is not refunded
    assert stack.spent() == Decimal("0.40")


def test_a_job_that_moved_since_the_index_was_written_is_not_resumed(stack: Stack) -> None:
    class StaleIndex(JobTable):
        """Its index is behind: the jobs move after it was read."""

        def find_due(self, partition: SweepPartition, limit: int) -> list[DueJob]:
            due = super().find_due(partition, limit)
            moved.extend(stack.jobs.move_job(row.job_id, Status.CANCELED) for row in due)
            return due

    moved: list[Job] = []
    job = stack.ready_job()
    stack.clock.advance(hours=1)

    sweep(stack, jobs=StaleIndex(stack.dynamodb, stack.table, now=stack.clock))

    assert [recorded(stack, job)] == moved
    assert stack.messages(stack.submit_queue_url) == []


def test_a_job_that_cannot_be_resumed_does_not_keep_the_others_from_it(stack: Stack) -> None:
    # given the longest overdue of three
    jobs = [stack.ready_job(f"{name}.jpg") for name in "abc"]

    class FailingQueue(SubmitQueue):
        def send_job(self, job_id: str) -> None:
            if job_id == jobs[0].id:
                raise RuntimeError("not this one")
            super().send_job(job_id)

    stack.clock.advance(hours=1)

    # when
    with pytest.raises(RuntimeError, match="not this one"):
        sweep(stack, submit_queue=FailingQueue(stack.sqs, stack.submit_queue_url))

    # then
    sent = {message["job_id"] for message in stack.messages(stack.submit_queue_url)}
    assert sent == {job.id for job in jobs[1:]}


def test_a_sweep_resumes_no_more_than_its_limit_the_longest_overdue_first(stack: Stack) -> None:
    jobs = []
    for name in "abc":
        jobs.append(stack.ready_job(f"{name}.jpg"))
        stack.clock.advance(minutes=1)
    stack.clock.advance(hours=1)

    assert sweep(stack, limit=2) == {"ready": 2}
    assert [message["job_id"] for message in stack.messages(stack.submit_queue_url)] == [jobs[0].id, jobs[1].id]


# ---------------------------------------------------------------- held jobs


def held_job(stack: Stack, key: str, *, price: str = "0.40", channel: Channel = Channel.UPLOAD) -> Job:
    """Record a held job, a second after the one before."""
    job = stack.ready_job(key, price=price, invocation=Invocation(channel))
    stack.clock.advance(seconds=1)
    return stack.jobs.hold_job(job, error=JobError("budget_spent", ""))


def release(stack: Stack, **fields: Any) -> list[str]:
    """Run one sweep; return the keys of the held jobs that it released."""
    stack.calls.clear()
    resumed = sweep(stack, **fields)
    sent = [stack.jobs.get_job(message["job_id"]) for message in stack.messages(stack.submit_queue_url)]
    assert resumed == ({"held": len(sent)} if sent else {})
    stack.calls.clear()
    return [job.source.key for job in sent if job and job.status is Status.READY]


def test_held_jobs_are_released_as_far_as_the_budget_covers_them_and_the_others_say_why_not(stack: Stack) -> None:
    *_, third = (held_job(stack, f"{name}.jpg") for name in "abc")

    assert release(stack, budget=Decimal("0.80")) == ["a.jpg", "b.jpg"]

    held = recorded(stack, third)
    assert (held.status, held.error.code, held.error.facts["until"]) == (
        Status.HELD,
        "budget_spent",
        "2026-11-13T00:00Z",
    )


def test_a_held_job_whose_error_is_unchanged_is_not_written_again(stack: Stack) -> None:
    job = held_job(stack, "a.jpg")
    sweep(stack, budget=Decimal(0))
    before = recorded(stack, job)
    stack.clock.advance(minutes=5)
    stack.calls.clear()

    assert sweep(stack, budget=Decimal(0)) == {}

    assert recorded(stack, job) == before
    assert "dynamodb.UpdateItem" not in stack.calls.names()


def test_held_jobs_are_read_as_far_as_the_budget_covers_them_and_all_of_them_once_an_hour(stack: Stack) -> None:
    # given held jobs, and a day that has spent a part of its budget
    jobs = [held_job(stack, f"{number}.jpg") for number in range(5)]
    spent = {"entry": {"S": "day#2026-11-13"}, "spent_usd": {"N": "0.10"}}
    stack.dynamodb.put_item(TableName=stack.ledger_table, Item=spent)

    def count_reads() -> int:
        stack.calls.clear()
        sweep(stack, budget=Decimal("0.45"), limit=4)
        return stack.calls.names().count("dynamodb.GetItem")

    # then a sweep reads the spending, and the first job that the budget does not cover
    stack.clock.advance(hours=16, minutes=5)
    assert count_reads() == 1 + 1
    stack.clock.advance(minutes=55)
    assert count_reads() == 1 + 4
    assert [recorded(stack, job).error.facts.get("until") for job in jobs] == ["2026-11-14T00:00Z"] * 4 + [None]


def test_a_job_that_no_whole_day_covers_makes_room_for_an_hour(stack: Stack) -> None:
    expensive, cheap = held_job(stack, "expensive.jpg", price="1.20"), held_job(stack, "cheap.jpg")

    # given a sweep that reads one held job at a time
    assert release(stack, budget=Decimal(1), limit=1) == []
    assert recorded(stack, expensive).due_at == timestamp(next_hour(stack.clock()))
    assert release(stack, budget=Decimal(1), limit=1) == ["cheap.jpg"]
    assert recorded(stack, cheap).status is Status.READY

    # when the budget is raised
    stack.clock.advance(hours=1)
    sweep(stack, budget=Decimal(2), limit=1)
    assert recorded(stack, expensive).status is Status.READY


def test_held_jobs_of_a_backfill_come_after_uploads_however_old_they_are(stack: Stack) -> None:
    for name in "ab":
        held_job(stack, f"{name}.jpg", channel=Channel.BACKFILL)
    held_job(stack, "fresh.jpg")

    assert release(stack, budget=Decimal("0.80")) == ["fresh.jpg", "a.jpg"]


def test_held_jobs_of_a_backfill_keep_nothing_else_waiting(stack: Stack) -> None:
    # given more held jobs than a sweep reads, and as many ready ones, all overdue for longer than
    for name in "abc":
        held_job(stack, f"{name}.jpg", channel=Channel.BACKFILL)
        stack.ready_job(f"{name}-ready.jpg")
    stack.clock.advance(hours=1)
    # a job whose worker died
    lost = stack.claimed_job("lost.jpg")
    stack.clock.advance(minutes=4)

    assert sweep(stack, budget=Decimal(0), limit=2) == {"submitting": 1, "ready": 2}

    assert recorded(stack, lost).status is Status.UNCONFIRMED


def test_a_held_job_in_a_wrong_partition_is_moved_to_its_own(stack: Stack) -> None:
    job = held_job(stack, "a.jpg", channel=Channel.BACKFILL)
    item = write_item(job) | {"due_partition": {"S": "held"}, "due_at": {"S": timestamp(stack.clock())}}
    stack.dynamodb.put_item(TableName=stack.table, Item=item)

    sweep(stack, budget=Decimal(0))

    assert [row.job_id for row in stack.due_rows()[SweepPartition.HELD_BACKFILL]] == [job.id]


@pytest.mark.parametrize("budget", ["0", "0.39"])
def test_held_jobs_that_no_whole_day_covers_stay_held_and_say_so(stack: Stack, budget: str) -> None:
    job = held_job(stack, "a.jpg")
    stack.clock.advance(hours=1)

    sweep(stack, budget=Decimal(budget))

    assert recorded(stack, job).status is Status.HELD
    assert "DailyBudgetUsd" in recorded(stack, job).error.hint
    assert stack.messages(stack.submit_queue_url) == []


def test_the_function_sweeps_on_its_schedule(stack: Stack, load: Load) -> None:
    # given a job that is overdue by any clock
    stack.clock.moment = LONG_AGO
    job = stack.ready_job()

    assert load("sweep").handler(load_event("sweep-schedule.json"), CONTEXT) == {"resumed": {"ready": 1}}
    assert stack.messages(stack.submit_queue_url) == [{"job_id": job.id}]
