"""Each change of a job's status is an event on the bus: whoever listens hears of them all, in order, with the job."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sample import make_sample
from local.stack import LocalStack

PATIENCE_SECONDS = 60


@pytest.fixture
def heard(local: LocalStack) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """A listener's own rule and queue; call it to wait for so many events."""
    sqs, events = local.emulator.client("sqs"), local.emulator.client("events")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["sora-ready"], "detail-type": ["Video Job Status Changed"]}
    events.put_rule(Name="listener", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="listener", Targets=[{"Id": "queue", "Arn": arn}])
    told: list[dict[str, Any]] = []

    def wait(count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(told) < count and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                told.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return told

    yield wait
    events.remove_targets(Rule="listener", Ids=["queue"])
    events.delete_rule(Name="listener")
    sqs.delete_queue(QueueUrl=url)


def test_a_listener_hears_of_every_status_that_a_job_went_through(
    local: LocalStack, wait_for_jobs, heard, tmp_path: Path
) -> None:
    # when
    key = local.drop_picture(make_sample(tmp_path / "announced.jpg"), {})
    [job] = wait_for_jobs(key)
    events = heard(len(job["history"]))

    # then
    own = sorted((event for event in events if event["detail"]["job_id"] == job["job_id"]), key=sequence_of)
    path = [entry["status"] for entry in job["history"]]
    assert [event["detail"]["status"] for event in own] == path
    assert [event["detail"]["previous_status"] for event in own] == [None, *path[:-1]]
    assert {event["source"] for event in own} == {"sora-ready"}
    assert len({event["detail"]["id"] for event in own}) == len(path)
    assert own[-1]["detail"]["video"] == job["video"]


def sequence_of(event: dict[str, Any]) -> int:
    number: int = event["detail"]["sequence"]
    return number
