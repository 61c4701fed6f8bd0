"""A record that somebody edited stops its own job, and no other: not the sweep, not the stream, not the list."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.adapters.job_list import JobList
from sora_ready.domain.errors import BudgetSpent, JobError, JobRecordError, VideoFailed
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.domain.spending import next_day
from sora_ready.entrypoints.invocations import parse_submit_invocation, run_invocation
from sora_ready.entrypoints.table_stream import read_changes

from .publish_fakes import FakeBus, publish_step, stream_record
from .run_steps import sweep
from .stack_fixtures import BUDGET, Stack, make_job


def damage(stack: Stack, job: Job, path: str, value: dict[str, Any] | None) -> None:
    """Set one attribute of a job's record to a value that the code never writes; None removes it."""
    names = {f"#{number}": name for number, name in enumerate(path.split("."))}
    place = ".".join(names)
    change = {"UpdateExpression": f"SET {place} = :value", "ExpressionAttributeValues": {":value": value}}
    if value is None:
        change = {"UpdateExpression": f"REMOVE {place}"}
    key = {"job_id": {"S": job.id}}
    stack.dynamodb.update_item(TableName=stack.table, Key=key, ExpressionAttributeNames=names, **change)


def held_job(stack: Stack, key: str) -> Job:
    spent = BudgetSpent(Decimal("0.40"), BUDGET, next_day(stack.clock())).to_job_error()
    job = stack.jobs.hold_job(stack.ready_job(key), error=spent)
    stack.clock.advance(seconds=1)
    return job


@pytest.mark.parametrize("price", [None, {"S": "dear"}, {"L": []}])
def test_a_held_job_without_a_price_keeps_no_other_waiting(stack: Stack, price: dict[str, Any] | None) -> None:
    damaged, other = held_job(stack, "damaged.jpg"), held_job(stack, "other.jpg")
    damage(stack, damaged, "request.price_usd", price)

    assert sweep(stack) == {"held": 1}

    assert stack.jobs.get_job(other.id).status is Status.READY
    with pytest.raises(JobRecordError):
        stack.jobs.get_job(damaged.id)


def test_the_list_leaves_out_a_record_that_cannot_be_read(stack: Stack) -> None:
    damaged, other = stack.ready_job("damaged.jpg"), stack.ready_job("other.jpg")
    damage(stack, damaged, "error", {"M": {"code": {"S": "no_message"}}})

    page = JobList(stack.dynamodb, stack.table).read_page(limit=10)

    assert [job.id for job in page.jobs] == [other.id]
    assert [job.id for job in stack.jobs.find_by_source(other.source)] == [other.id]


def test_the_stream_publishes_what_comes_before_an_unreadable_record_and_asks_for_the_rest_again() -> None:
    first, second, third = (
        stream_record(make_job(SourceObject("b", f"{number}.jpg")), number=number) for number in (1, 2, 3)
    )
    second["dynamodb"]["NewImage"]["error"] = {"M": {"code": {"S": "no_message"}}}

    changes, unreadable = read_changes({"Records": [first, second, third]})

    assert ([change.sequence_number for change in changes], unreadable) == (["1"], "2")


def test_the_repair_of_a_record_is_published(stack: Stack) -> None:
    before = make_job(status=Status.RECEIVED)
    record = stream_record(replace(before, status=Status.READY), before)
    record["dynamodb"]["OldImage"]["error"] = {"M": {"code": {"S": "no_message"}}}
    bus = FakeBus()

    changes, unreadable = read_changes({"Records": [record]})

    assert (publish_step(bus).publish_events(changes), unreadable) == (None, None)
    assert [detail["previous_status"] for call in bus.calls for detail in call] == ["received"]


def test_what_a_server_said_of_a_failed_video_is_not_in_the_message_that_lambda_logs() -> None:
    error = VideoFailed.from_job_error(JobError("content_policy", "'a zebra' was refused"), job_id="video_1")

    def fail(_: object) -> Job:
        raise error

    with pytest.raises(VideoFailed) as raised:
        run_invocation(fail, parse_submit_invocation({"job_id": "video_1"}))
    assert str(raised.value).endswith("(content_policy, video_1)")
    assert "zebra" not in str(raised.value)
