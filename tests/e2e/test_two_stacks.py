"""Two stacks in one account and region with the same picture: nothing of one appears in the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.deploy import deploy_template
from local.emulator import Emulator
from local.sample import make_sample
from local.stack import JobRecord, LocalStack, VideoServer
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
    """For each stack a function that waits for so many of its events and returns the ids of their jobs."""
    return [listen(local) for local in stacks]


def listen(local: LocalStack) -> Callable[[int], set[str]]:
    sqs, events, name = local.emulator.client("sqs"), local.emulator.client("events"), local.stack.name
    url = sqs.create_queue(QueueName=f"listener-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["sora-ready"], "detail": {"stack": [name]}}
    events.put_rule(Name=f"listener-{name}", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"listener-{name}", Targets=[{"Id": "queue", "Arn": arn}])

    def wait_for_jobs_of(count: int) -> set[str]:
        details: list[dict[str, Any]] = []
        for _ in range(60):
            response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            details += [json.loads(message["Body"])["detail"] for message in response.get("Messages", [])]
            if len(details) >= count:
                break
        return {detail["job_id"] for detail in details}

    return wait_for_jobs_of


@pytest.fixture(scope="module")
def jobs(stacks: list[LocalStack], listeners: list[Any], tmp_path_factory: pytest.TempPathFactory) -> list[JobRecord]:
    picture = make_sample(tmp_path_factory.mktemp("pictures") / "same.jpg")
    for local in stacks:
        local.upload_picture(picture, {})
    return [wait_for_jobs(local, "same.jpg")[0] for local in stacks]


def test_both_pictures_become_videos_of_jobs_of_their_own(stacks: list[LocalStack], jobs: list[JobRecord]) -> None:
    assert [job["status"] for job in jobs] == ["completed", "completed"]
    assert stacks[0].server.fake_server
    sent = [entry.idempotency_key for entry in stacks[0].server.fake_server.request_log.creates()]
    assert sorted(sent) == sorted({job["job_id"] for job in jobs})


def test_each_table_holds_the_records_of_its_own_stack(stacks: list[LocalStack], jobs: list[JobRecord]) -> None:
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


def test_each_bucket_holds_the_files_of_its_own_stack(stacks: list[LocalStack], jobs: list[JobRecord]) -> None:
    s3 = stacks[0].emulator.client("s3")

    for local, job in zip(stacks, jobs, strict=True):
        outputs = s3.list_objects_v2(Bucket=local.stack.outputs["OutputBucket"])["Contents"]
        assert {item["Key"] for item in outputs} == {job["copy"]["key"], job["video"]["key"]}
        uploads = s3.list_objects_v2(Bucket=local.stack.outputs["UploadBucket"])["Contents"]
        assert [item["Key"] for item in uploads] == ["same.jpg"]


def test_a_rule_that_names_a_stack_matches_only_its_events_on_the_shared_bus(
    jobs: list[JobRecord], listeners: list[Callable[[int], set[str]]]
) -> None:
    for wait_for_jobs_of, job in zip(listeners, jobs, strict=True):
        assert wait_for_jobs_of(len(job["history"])) == {job["job_id"]}


def test_no_function_logs_the_other_stacks_job(stacks: list[LocalStack], jobs: list[JobRecord]) -> None:
    logs = stacks[0].emulator.client("logs")

    for local, other in zip(stacks, reversed(jobs), strict=True):
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{local.stack.name}-")["logGroups"]
        # One stack's name is a prefix of the other's.
        names = {group["logGroupName"] for group in groups}
        own = [name for name in names if name.removeprefix(f"/aws/lambda/{local.stack.name}-").isalpha()]
        messages = [event["message"] for name in own for event in logs.filter_log_events(logGroupName=name)["events"]]
        assert len(own) >= 5
        assert not [message for message in messages if other["job_id"] in message]


def test_no_resource_belongs_to_both(stacks: list[LocalStack]) -> None:
    cloudformation = stacks[0].emulator.client("cloudformation")

    one, other = (
        {
            resource["PhysicalResourceId"]
            for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
            for resource in page["StackResourceSummaries"]
            # A stage's name is unique only within its API, which is the stack's own.
            if resource["ResourceType"] != "AWS::ApiGateway::Stage"
        }
        for name in NAMES
    )

    assert len(one) >= 40
    assert one.isdisjoint(other)
    # A layer's ARN ends in the number of its version.
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
