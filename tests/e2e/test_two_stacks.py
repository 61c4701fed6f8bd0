"""Two stacks in one account and region, the same picture dropped into both: neither shows in the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.deploy import deploy_template
from local.emulator import Emulator
from local.sample import make_sample
from local.stack import LocalStack, VideoServer
from tests.e2e.wait_for_jobs import wait_for_jobs

NAMES = ("films", "films-2")


@pytest.fixture(scope="module")
def stacks(empty_account: tuple[Emulator, VideoServer]) -> list[LocalStack]:
    """Two stacks that publish on the same bus, the account's default."""
    emulator, server = empty_account
    running = []
    for name in NAMES:
        stack = deploy_template(emulator, server.parameters(), name=name)
        running.append(LocalStack(emulator, stack, server, Path()))
    return running


@pytest.fixture(scope="module")
def listeners(stacks: list[LocalStack]) -> list[Callable[[int], set[str]]]:
    """For each stack a queue that hears of its events: call it to wait for so many of them; the jobs' ids."""
    return [listen(local) for local in stacks]


def listen(local: LocalStack) -> Callable[[int], set[str]]:
    sqs, events, name = local.emulator.client("sqs"), local.emulator.client("events"), local.stack.name
    url = sqs.create_queue(QueueName=f"listener-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["sora-ready"], "detail": {"stack": [name]}}
    events.put_rule(Name=f"listener-{name}", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"listener-{name}", Targets=[{"Id": "queue", "Arn": arn}])

    def hear(count: int) -> set[str]:
        told: list[dict[str, Any]] = []
        for _ in range(60):
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            told += [json.loads(message["Body"])["detail"] for message in answer.get("Messages", [])]
            if len(told) >= count:
                break
        return {detail["job_id"] for detail in told}

    return hear


@pytest.fixture(scope="module")
def jobs(stacks: list[LocalStack], listeners: list[Any], tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    picture = make_sample(tmp_path_factory.mktemp("pictures") / "same.jpg")
    for local in stacks:
        local.drop_picture(picture, {})
    return [wait_for_jobs(local, "same.jpg")[0] for local in stacks]


def test_both_pictures_become_videos_of_jobs_of_their_own(stacks: list[LocalStack], jobs: list[dict]) -> None:
    assert [job["status"] for job in jobs] == ["completed", "completed"]
    assert stacks[0].server.fake_server
    sent = [entry.idempotency_key for entry in stacks[0].server.fake_server.request_log.creates()]
    assert sorted(sent) == sorted({job["job_id"] for job in jobs})


def test_each_table_holds_the_records_of_its_own_stack(stacks: list[LocalStack], jobs: list[dict]) -> None:
    dynamodb = stacks[0].emulator.client("dynamodb")

    for local, job in zip(stacks, jobs, strict=True):
        items = dynamodb.scan(TableName=local.stack.outputs["JobsTable"])["Items"]
        assert [item["job_id"]["S"] for item in items] == [job["job_id"]]
        videos = [
            item
            for item in dynamodb.scan(TableName=local.stack.outputs["LedgerTable"])["Items"]
            if item["entry"]["S"].startswith("video#")
        ]
        assert [item["entry"]["S"] for item in videos] == [f"video#{job['server']['id']}"]


def test_each_bucket_holds_the_files_of_its_own_stack(stacks: list[LocalStack], jobs: list[dict]) -> None:
    s3 = stacks[0].emulator.client("s3")

    for local, job in zip(stacks, jobs, strict=True):
        found = s3.list_objects_v2(Bucket=local.stack.outputs["OutputBucket"])["Contents"]
        assert {entry["Key"] for entry in found} == {job["copy"]["key"], job["video"]["key"]}
        found = s3.list_objects_v2(Bucket=local.stack.outputs["UploadBucket"])["Contents"]
        assert [entry["Key"] for entry in found] == ["same.jpg"]


def test_on_the_bus_that_both_share_who_names_a_stack_hears_of_its_jobs_alone(
    jobs: list[dict], listeners: list[Callable[[int], set[str]]]
) -> None:
    for hear, job in zip(listeners, jobs, strict=True):
        assert hear(len(job["history"])) == {job["job_id"]}


def test_no_function_spoke_of_the_other_stacks_job(stacks: list[LocalStack], jobs: list[dict]) -> None:
    logs = stacks[0].emulator.client("logs")

    for local, other in zip(stacks, reversed(jobs), strict=True):
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{local.stack.name}-")["logGroups"]
        # The prefix of the one is the beginning of the other's.
        names = {group["logGroupName"] for group in groups}
        own = [name for name in names if name.removeprefix(f"/aws/lambda/{local.stack.name}-").isalpha()]
        told = [event["message"] for name in own for event in logs.filter_log_events(logGroupName=name)["events"]]
        assert len(own) >= 5
        assert not [line for line in told if other["job_id"] in line]


def test_nothing_in_the_account_belongs_to_both(stacks: list[LocalStack]) -> None:
    cloudformation = stacks[0].emulator.client("cloudformation")

    one, other = (
        {
            resource["PhysicalResourceId"]
            for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
            for resource in page["StackResourceSummaries"]
            # A stage is named within its API, which is the stack's own.
            if resource["ResourceType"] != "AWS::ApiGateway::Stage"
        }
        for name in NAMES
    )

    assert len(one) >= 40
    assert one.isdisjoint(other)
    # A layer is told from its like by its name, and a version only numbers it.
    layers = [{arn.rsplit(":", 1)[0] for arn in arns if ":layer:" in arn} for arns in (one, other)]
    assert layers[0]
    assert layers[0].isdisjoint(layers[1])


def test_each_output_is_exported_under_the_stacks_name(stacks: list[LocalStack]) -> None:
    exports = {
        export["Name"]: export["Value"]
        for page in stacks[0].emulator.client("cloudformation").get_paginator("list_exports").paginate()
        for export in page["Exports"]
    }

    assert exports == {
        f"{local.stack.name}-{name}": value for local in stacks for name, value in local.stack.outputs.items()
    }
