"""What a user wires to the stack, as the tests do it: the samples of events/ deployed, uploads that wake nothing."""

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
PATIENCE_SECONDS = 90
DETAIL_TYPE = "Video Job Status Changed"


def eventually(read: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """Read until it is enough; what never becomes so fails the test, whatever the machine's pace."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not enough(got := read()):
        assert time.monotonic() < deadline, f"still {got}"
        time.sleep(0.2)
    return got


def deploy_sample(local: LocalStack, sample: str, folder: Path, **parameters: str) -> dict[str, str]:
    """Package and deploy a template of events/ with the AWS CLI, as the README does; return its outputs."""
    bucket, packaged = "samples", folder / sample
    local.emulator.client("s3").create_bucket(Bucket=bucket)
    package = ["--template-file", f"events/{sample}", "--s3-bucket", bucket, "--output-template-file", str(packaged)]
    run_cli(local, "package", *package)
    name = sample.removesuffix(".yaml")
    overrides = [f"{key}={value}" for key, value in parameters.items()]
    deploy = ["--template-file", str(packaged), "--stack-name", name, "--capabilities", "CAPABILITY_IAM"]
    run_cli(local, "deploy", *deploy, "--parameter-overrides", *overrides)
    (stack,) = local.emulator.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
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
def quiet_uploads(local: LocalStack) -> Iterator[None]:
    """Let no upload wake the stack by itself, as for pictures that lie where it makes no jobs of them."""
    events = local.emulator.client("events")
    resource = local.emulator.client("cloudformation").describe_stack_resource(
        StackName=local.stack.name, LogicalResourceId="PictureUploaded"
    )
    rule = resource["StackResourceDetail"]["PhysicalResourceId"].split("|")[-1]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


def call_function(local: LocalStack, output: str, event: dict[str, Any]) -> dict[str, Any]:
    """Call the function that an output of the stack names; return its answer, or its error as Lambda tells it."""
    answer = local.emulator.client("lambda").invoke(
        FunctionName=local.stack.outputs[output], Payload=json.dumps(event).encode()
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert ("FunctionError" in answer) == ("errorType" in told)
    return told


@contextmanager
def heard(local: LocalStack, name: str, *, bus: str = "default") -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """Listen on a bus with a rule and a queue of one's own; call it to wait for so many events."""
    sqs, events = local.emulator.client("sqs"), local.emulator.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["sora-ready"], "detail-type": [DETAIL_TYPE]}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    told: list[dict[str, Any]] = []

    def wait(count: int) -> list[dict[str, Any]]:
        return eventually(lambda: told + receive(local, url, told), lambda got: len(got) >= count)

    try:
        yield wait
    finally:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=url)


def receive(local: LocalStack, url: str, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take what lies in a queue, and add it to what was told before."""
    sqs = local.emulator.client("sqs")
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        told.append(json.loads(message["Body"]))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return []
