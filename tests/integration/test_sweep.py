"""Whatever is overdue goes on: a sweep sends what was lost, and puts in doubt what ended without a word."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.job_table import DueJob, JobTable
from sora_ready.adapters.queues import SubmitQueue
from sora_ready.domain.job import BACKFILL, DUE_AFTER, FINAL, Job, Status, SweepPartition, timestamp
from sora_ready.domain.spending import next_hour

from .function_modules import Load
from .run_steps import path_of, recorded, sweep
from .stack_fixtures import PATHS, Stack, bring_to, load_event

LOST = datetime(2020, 1, 1, tzinfo=UTC)


def test_where_nothing_is_overdue_a_sweep_is_one_query_for_each_line(stack: Stack) -> None:
    stack.sent_job("video_1")
    stack.calls.clear()

    assert sweep(stack) == {}
    assert stack.calls.names() == ["dynamodb.Query"] * len(SweepPartition)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_job_that_has_ended_is_in_no_index_of_what_goes_on(stack: Stack, status: Status) -> None:
    job = bring_to(stack.jobs, status)
    stack.clock.advance(days=365)

    assert stack.due_row(job) is None
    assert sweep(stack) == {}


@pytest.mark.parametrize("status", sorted(set(PATHS) - FINAL - {Status.HELD, Status.SUBMITTING}))
def test_a_job_is_woken_when_its_time_has_come_and_not_before(stack: Stack, status: Status) -> None:
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


def test_an_upload_is_announced_as_s3_announces_it(stack: Stack) -> None:
    job = bring_to(stack.jobs, Status.RECEIVED)
    stack.clock.advance(minutes=30)
    sweep(stack)

    (message,) = stack.messages(stack.normalize_queue_url)

    assert message["detail-type"] == "Object Created"
    assert message["detail"]["bucket"]["name"] == job.source.bucket
    assert message["detail"]["object"] == {"key": job.source.key, "etag": job.source.etag, "version-id": "v1"}


def test_a_job_is_sent_the_message_that_moves_it_on(stack: Stack) -> None:
    ready = stack.ready_job("ready.jpg")
    queued = stack.sent_job("video_1", key="queued.jpg", polls=5)
    doubted = stack.unconfirmed_job("doubted.jpg")
    stack.calls.clear()
    stack.clock.advance(hours=1)

    assert sweep(stack) == {"ready": 1, "queued": 1, "unconfirmed": 1}

    assert stack.messages(stack.submit_queue_url) == [{"job_id": ready.id}]
    told = {message["job_id"]: message["polls"] for message in stack.messages(stack.track_queue_url)}
    assert told == {queued.id: 5, doubted.id: 0}


def test_a_lease_that_ran_out_without_a_word_puts_the_job_in_doubt(stack: Stack) -> None:
    job = stack.claimed_job()
    stack.clock.advance(minutes=3, seconds=29)
    assert sweep(stack) == {}
    stack.clock.advance(seconds=1)

    assert sweep(stack) == {"submitting": 1}

    assert path_of(recorded(stack, job)) == ["ready", "submitting", "unconfirmed"]
    # what it may have cost stays taken
    assert stack.spent() == Decimal("0.40")


def test_a_job_that_moved_since_the_index_was_written_is_left_alone(stack: Stack) -> None:
    class Behind(JobTable):
        """Its index shows a job as it was."""

        def find_due(self, line: SweepPartition, limit: int) -> list[DueJob]:
            due = super().find_due(line, limit)
            moved.extend(stack.jobs.move_job(row.job_id, Status.CANCELED) for row in due)
            return due

    moved: list[Job] = []
    job = stack.ready_job()
    stack.clock.advance(hours=1)

    sweep(stack, jobs=Behind(stack.dynamodb, stack.table, now=stack.clock))

    assert [recorded(stack, job)] == moved
    assert stack.messages(stack.submit_queue_url) == []


def test_one_job_that_cannot_be_woken_does_not_keep_the_others_asleep(stack: Stack) -> None:
    # given the longest overdue of three
    jobs = [stack.ready_job(f"{name}.jpg") for name in "abc"]

    class Choosy(SubmitQueue):
        def send_job(self, job_id: str) -> None:
            if job_id == jobs[0].id:
                raise RuntimeError("not this one")
            super().send_job(job_id)

    stack.clock.advance(hours=1)

    # when
    with pytest.raises(RuntimeError, match="not this one"):
        sweep(stack, submit_queue=Choosy(stack.sqs, stack.submit_queue_url))

    # then
    sent = {message["job_id"] for message in stack.messages(stack.submit_queue_url)}
    assert sent == {job.id for job in jobs[1:]}


def test_a_sweep_takes_up_no_more_than_its_limit_the_longest_overdue_first(stack: Stack) -> None:
    jobs = []
    for name in "abc":
        jobs.append(stack.ready_job(f"{name}.jpg"))
        stack.clock.advance(minutes=1)
    stack.clock.advance(hours=1)

    assert sweep(stack, limit=2) == {"ready": 2}
    assert [message["job_id"] for message in stack.messages(stack.submit_queue_url)] == [jobs[0].id, jobs[1].id]


# ---------------------------------------------------------------- jobs that wait for a day's budget


def held(stack: Stack, key: str, *, price: str = "0.40", **caller: str) -> Job:
    job = stack.ready_job(key, price=price, caller=caller)
    stack.clock.advance(seconds=1)
    return stack.jobs.hold_job(job, error={"code": "budget_spent"})


def freed(stack: Stack, **other: Any) -> list[str]:
    """The keys of the held jobs that one sweep lets go on."""
    stack.calls.clear()
    resumed = sweep(stack, **other)
    sent = [stack.jobs.get_job(message["job_id"]) for message in stack.messages(stack.submit_queue_url)]
    assert resumed == ({"held": len(sent)} if sent else {})
    stack.calls.clear()
    return [job.source.key for job in sent if job and job.status is Status.READY]


def test_held_jobs_go_on_as_far_as_the_day_pays_for_them_and_the_others_say_why_not(stack: Stack) -> None:
    *_, third = (held(stack, f"{name}.jpg") for name in "abc")

    assert freed(stack, budget=Decimal("0.80")) == ["a.jpg", "b.jpg"]

    left = recorded(stack, third)
    assert (left.status, left.error.code, left.error.facts["until"]) == (
        Status.HELD,
        "budget_spent",
        "2026-11-13T00:00Z",
    )


def test_a_held_job_that_has_nothing_new_to_say_is_not_written_again(stack: Stack) -> None:
    job = held(stack, "a.jpg")
    sweep(stack, budget=Decimal(0))
    said = recorded(stack, job)
    stack.clock.advance(minutes=5)
    stack.calls.clear()

    assert sweep(stack, budget=Decimal(0)) == {}

    assert recorded(stack, job) == said
    assert "dynamodb.UpdateItem" not in stack.calls.names()


def test_of_what_is_held_no_more_is_read_than_the_day_pays_for_and_all_of_it_once_an_hour(stack: Stack) -> None:
    # given held jobs, and a day that has spent a part of its budget
    jobs = [held(stack, f"{number}.jpg") for number in range(5)]
    spent = {"entry": {"S": "day#2026-11-13"}, "spent_usd": {"N": "0.10"}}
    stack.dynamodb.put_item(TableName=stack.ledger_table, Item=spent)

    def count_reads() -> int:
        stack.calls.clear()
        sweep(stack, budget=Decimal("0.45"), limit=4)
        return stack.calls.names().count("dynamodb.GetItem")

    # then a sweep reads the day, and the first that the day does not pay for
    stack.clock.advance(hours=16, minutes=5)
    assert count_reads() == 1 + 1
    stack.clock.advance(minutes=55)
    assert count_reads() == 1 + 4
    assert [recorded(stack, job).error.facts.get("until") for job in jobs] == ["2026-11-14T00:00Z"] * 4 + [None]


def test_a_job_that_no_day_pays_for_makes_room_for_an_hour(stack: Stack) -> None:
    dear, cheap = held(stack, "dear.jpg", price="1.20"), held(stack, "cheap.jpg")

    # given a sweep that sees but one held job at a time
    assert freed(stack, budget=Decimal(1), limit=1) == []
    assert recorded(stack, dear).due_at == timestamp(next_hour(stack.clock()))
    assert freed(stack, budget=Decimal(1), limit=1) == ["cheap.jpg"]
    assert recorded(stack, cheap).status is Status.READY

    # when the budget is raised
    stack.clock.advance(hours=1)
    sweep(stack, budget=Decimal(2), limit=1)
    assert recorded(stack, dear).status is Status.READY


def test_a_backlog_goes_behind_what_people_drop_however_old_it_is(stack: Stack) -> None:
    for name in "ab":
        held(stack, f"{name}.jpg", door=BACKFILL)
    held(stack, "fresh.jpg")

    assert freed(stack, budget=Decimal("0.80")) == ["fresh.jpg", "a.jpg"]


def test_a_backlog_that_is_held_keeps_nothing_else_waiting(stack: Stack) -> None:
    # given more held jobs than a sweep looks at, and as many that wait to be sent, all overdue for longer than
    for name in "abc":
        held(stack, f"{name}.jpg", door=BACKFILL)
        stack.ready_job(f"{name}-ready.jpg")
    stack.clock.advance(hours=1)
    # a job whose worker ended without a word
    lost = stack.claimed_job("lost.jpg")
    stack.clock.advance(minutes=4)

    assert sweep(stack, budget=Decimal(0), limit=2) == {"submitting": 1, "ready": 2}

    assert recorded(stack, lost).status is Status.UNCONFIRMED


def test_what_was_held_before_there_were_lines_finds_its_own(stack: Stack) -> None:
    job = held(stack, "a.jpg", door=BACKFILL)
    item = write_item(job.to_record()) | {"wake": {"S": "due"}, "due_at": {"S": timestamp(stack.clock())}}
    stack.dynamodb.put_item(TableName=stack.table, Item=item)

    sweep(stack, budget=Decimal(0))

    assert [row.job_id for row in stack.due_rows()[SweepPartition.BACKLOG]] == [job.id]


@pytest.mark.parametrize("budget", ["0", "0.39"])
def test_held_jobs_that_no_day_pays_for_stay_and_say_so(stack: Stack, budget: str) -> None:
    job = held(stack, "a.jpg")
    stack.clock.advance(hours=1)

    sweep(stack, budget=Decimal(budget))

    assert recorded(stack, job).status is Status.HELD
    assert "DailyBudgetUsd" in recorded(stack, job).error.hint
    assert stack.messages(stack.submit_queue_url) == []


def test_the_function_sweeps_when_its_schedule_wakes_it(stack: Stack, load: Load) -> None:
    # given a job from long ago, by any machine's clock
    stack.clock.moment = LOST
    job = stack.ready_job()

    assert load("sweep").handler(load_event("sweep-schedule.json"), None) == {"resumed": {"ready": 1}}
    assert stack.messages(stack.submit_queue_url) == [{"job_id": job.id}]
