"""Deploys the samples of events/, and listens to, invokes and silences parts of the stack, for the end-to-end tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from local.stack import LocalStack

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 90
DETAIL_TYPE = "Video Job Status Changed"


def eventually(read: Callable[[], T], is_enough: Callable[[T], bool]) -> T:
    """Call `read` until its value is enough; return the value. Fails the test after a minute and a half."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_enough(value := read()):
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.2)
    return value


def deploy_sample(local: LocalStack, sample: str, folder: Path, parameters: dict[str, str]) -> dict[str, str]:
    """Package and deploy a template of events/ with the AWS CLI, as the README does; return its outputs."""
    bucket, packaged = "samples", folder / sample
    local.emulator.client("s3").create_bucket(Bucket=bucket)
    package = ["--template-file", f"events/{sample}", "--s3-bucket", bucket, "--output-template-file", str(packaged)]
    run_cli(local, "package", *package)
    name = sample.removesuffix(".yaml")
    overrides = [f"{key}={value}" for key, value in parameters.items()]
    deploy = ["--template-file", str(packaged), "--stack-name", name, "--capabilities", "CAPABILITY_IAM"]
    run_cli(local, "deploy", *deploy, "--parameter-overrides", *overrides)
    [stack] = local.emulator.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def run_cli(local: LocalStack, *command: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "awscli", "cloudformation", *command],
        cwd=ROOT,
        env=os.environ | local.emulator.environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@contextmanager
def uploads_ignored(local: LocalStack) -> Iterator[None]:
    """Disable the rule for uploads, so that only invocations start a job, as for keys outside the upload prefix."""
    events = local.emulator.client("events")
    rule = physical_id(local, local.stack.name, "PictureUploaded").split("|")[-1]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


def physical_id(local: LocalStack, stack: str, logical_id: str) -> str:
    """Return the physical id of a resource of a stack."""
    cloudformation = local.emulator.client("cloudformation")
    resource = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def invoke_function(local: LocalStack, output: str, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke the function that an output of the stack names; return its result, or the error that Lambda reports."""
    response = local.emulator.client("lambda").invoke(
        FunctionName=local.stack.outputs[output], Payload=json.dumps(event).encode()
    )
    result: dict[str, Any] = json.loads(response["Payload"].read())
    assert ("FunctionError" in response) == ("errorType" in result)
    return result


@contextmanager
def received_events(
    local: LocalStack, name: str, *, bus: str = "default"
) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """Receive the status events of a bus with a rule and a queue named `name`.

    Yields a function that waits until there are `count` events and returns all of them.
    """
    sqs, events = local.emulator.client("sqs"), local.emulator.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["sora-ready"], "detail-type": [DETAIL_TYPE]}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    received: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received

    try:
        yield lambda count: [*eventually(receive, lambda events: len(events) >= count)]
    finally:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=url)
