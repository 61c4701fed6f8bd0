"""A team's existing bucket: it is connected, everything attached to it stays, and its pictures become videos."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.deploy import ROOT, deploy_template
from local.emulator import Emulator
from local.sample import make_sample
from local.stack import LocalStack, VideoServer
from sora_ready.adapters.queues import SWEEP_SOURCE
from tests.e2e.deployed_samples import invoke_function, physical_id
from tests.e2e.wait_for_jobs import wait_for_jobs

BUCKET, PREFIX, STACK = "team-pictures", "photos/", "films"
ACCOUNT, REGION = "000000000000", "us-east-1"


@dataclass(frozen=True)
class ConnectedBucket:
    """A stack that uses the team's bucket, the bucket's settings before and after, and the command's output."""

    local: LocalStack
    before: dict[str, Any]
    after: dict[str, Any]
    output: str
    team_queue: str


@pytest.fixture(scope="module")
def connected(empty_account: tuple[Emulator, VideoServer], tmp_path_factory: pytest.TempPathFactory) -> ConnectedBucket:
    emulator, server = empty_account
    queue = make_team_bucket(emulator)
    before = describe(emulator)
    finished = subprocess.run(
        [sys.executable, "-m", "local", "connect-bucket", BUCKET, "--prefix", PREFIX, "--stack", STACK, "--yes"],
        cwd=tmp_path_factory.mktemp("user"),
        env=os.environ | emulator.environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    parameters = server.parameters() | {"ExistingUploadBucket": BUCKET, "UploadPrefix": PREFIX}
    stack = deploy_template(emulator, parameters, name=STACK)
    local = LocalStack(emulator, stack, server, Path())
    return ConnectedBucket(local, before, describe(emulator), finished.stdout, queue)


def make_team_bucket(emulator: Emulator) -> str:
    """Create a bucket with SQS, SNS and Lambda notifications, a lifecycle rule, a policy and tags.

    Returns the queue's URL.
    """
    s3: Any = emulator.client("s3")
    sqs = emulator.client("sqs")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy("s3:GetObject", f"arn:aws:s3:::{BUCKET}/public/*")))
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "team", "Value": "pictures"}]})
    names = {kind: f"arn:aws:{kind}:{REGION}:{ACCOUNT}:team" for kind in ("sqs", "sns")}
    allowed = json.dumps(policy("sqs:SendMessage", names["sqs"]))
    url = sqs.create_queue(QueueName="team", Attributes={"Policy": allowed})["QueueUrl"]
    emulator.client("sns").create_topic(
        Name="team", Attributes={"Policy": json.dumps(policy("sns:Publish", names["sns"]))}
    )
    function = make_team_function(emulator)
    filters = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "photos/"}]}}
    configuration: Any = {
        "QueueConfigurations": [
            {"Id": "thumbnails", "QueueArn": names["sqs"], "Events": ["s3:ObjectCreated:*"], "Filter": filters}
        ],
        "TopicConfigurations": [{"Id": "audit", "TopicArn": names["sns"], "Events": ["s3:ObjectRemoved:*"]}],
        "LambdaFunctionConfigurations": [
            {"Id": "index", "LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:Copy"]}
        ],
    }
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
    sqs.purge_queue(QueueUrl=url)
    return url


def make_team_function(emulator: Emulator) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return None\n")
    role = emulator.client("iam").create_role(RoleName="team", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = emulator.client("lambda")
    created = functions.create_function(
        FunctionName="team",
        Runtime="python3.13",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": package.getvalue()},
    )
    functions.add_permission(
        FunctionName="team",
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{BUCKET}",
    )
    return str(created["FunctionArn"])


def policy(action: str, resource: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": resource,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def describe(emulator: Emulator) -> dict[str, Any]:
    """Return all settings of the bucket."""
    s3: Any = emulator.client("s3")
    settings: dict[str, Any] = {
        "notifications": s3.get_bucket_notification_configuration(Bucket=BUCKET),
        "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket=BUCKET),
        "policy": s3.get_bucket_policy(Bucket=BUCKET),
        "tags": s3.get_bucket_tagging(Bucket=BUCKET),
        "versioning": s3.get_bucket_versioning(Bucket=BUCKET),
    }
    for response in settings.values():
        response.pop("ResponseMetadata")
    return settings


def count_invocations(local: LocalStack, function: str) -> int:
    group = f"/aws/lambda/{STACK}-{function}"
    events = local.emulator.client("logs").filter_log_events(logGroupName=group)["events"]
    return sum(event["message"].startswith("START ") for event in events)


def test_every_setting_of_the_bucket_is_as_before(connected: ConnectedBucket) -> None:
    notifications = dict(connected.after["notifications"])

    assert notifications.pop("EventBridgeConfiguration") == {}
    assert {"QueueConfigurations", "TopicConfigurations", "LambdaFunctionConfigurations"} == set(notifications)
    assert connected.after | {"notifications": notifications} == connected.before


def test_the_difference_and_the_next_step_are_printed(connected: ConnectedBucket) -> None:
    assert '+  "EventBridgeConfiguration": {},' in connected.output
    assert "thumbnails" in connected.output
    assert f'ExistingUploadBucket={BUCKET} UploadPrefix="{PREFIX}"' in connected.output


def test_the_stack_uses_the_bucket_and_creates_no_upload_bucket(connected: ConnectedBucket) -> None:
    resources = connected.local.emulator.client("cloudformation").list_stack_resources(StackName=STACK)
    created = {resource["LogicalResourceId"] for resource in resources["StackResourceSummaries"]}

    assert connected.local.stack.outputs["UploadBucket"] == BUCKET
    assert connected.local.stack.outputs["UploadPrefix"] == PREFIX
    assert "OutputBucket" in created
    assert created.isdisjoint({"UploadBucket", "UploadBucketPolicy"})


def test_a_picture_under_the_prefix_becomes_a_video_and_nothing_else_invokes_a_function(
    connected: ConnectedBucket, tmp_path: Path
) -> None:
    # given objects outside the prefix and objects that are not pictures, all uploaded before the picture
    picture = make_sample(tmp_path / "beach.jpg")
    others = ["outside.jpg", "old-photos/beach.jpg", "photos/notes.txt", "photos/NOTES.TXT", "photos/new folder/"]
    for key in others:
        connected.local.upload_picture(picture, {}, key=key)
    before = count_invocations(connected.local, "normalize")

    # when
    connected.local.upload_picture(picture, {}, key="photos/beach.jpg")
    [job] = wait_for_jobs(connected.local, "photos/beach.jpg")

    # then
    assert job["status"] == "completed"
    assert [connected.local.find_jobs(key) for key in others] == [[]] * len(others)
    assert (before, count_invocations(connected.local, "normalize")) == (0, 1)
    assert connected.local.count_dead_letters() == 0


def test_a_picture_without_a_suffix_becomes_a_video(connected: ConnectedBucket, tmp_path: Path) -> None:
    connected.local.upload_picture(make_sample(tmp_path / "picture"), {}, key="photos/IMG_0001")

    [job] = wait_for_jobs(connected.local, "photos/IMG_0001")

    assert job["status"] == "completed"


def test_a_message_of_the_sweep_for_a_missing_picture_rejects_its_job(connected: ConnectedBucket) -> None:
    # given the message that sweep sends for a job whose picture never came
    key = "photos/never-came.jpg"
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    body = json.dumps({"source": SWEEP_SOURCE, "detail-type": "Object Created", "detail": detail})
    queue = physical_id(connected.local, STACK, "NormalizeQueue")

    # when
    connected.local.emulator.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    [job] = wait_for_jobs(connected.local, key)

    # then
    assert (job["status"], job["error"]["code"]) == ("rejected", "source_missing")


def test_the_teams_own_queue_gets_notifications_as_before(connected: ConnectedBucket, tmp_path: Path) -> None:
    sqs = connected.local.emulator.client("sqs")
    sqs.purge_queue(QueueUrl=connected.team_queue)

    connected.local.upload_picture(make_sample(tmp_path / "p.jpg"), {}, key="photos/for-the-team.jpg")

    [message] = sqs.receive_message(QueueUrl=connected.team_queue, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"] == "photos/for-the-team.jpg"


def test_a_role_may_read_the_bucket_and_no_other(connected: ConnectedBucket) -> None:
    iam = connected.local.emulator.client("iam")
    [name] = [role["RoleName"] for role in iam.list_roles()["Roles"] if f"{STACK}-NormalizeRole" in role["RoleName"]]

    statements = iam.get_role_policy(RoleName=name, PolicyName="normalize")["PolicyDocument"]["Statement"]

    [read] = [statement for statement in statements if "s3:GetObject" in statement["Action"]]
    assert read["Resource"] == f"arn:aws:s3:::{BUCKET}/*"


def test_a_picture_outside_the_prefix_becomes_a_video_by_a_direct_invocation(
    connected: ConnectedBucket, tmp_path: Path
) -> None:
    # given a picture whose event is ignored
    key = connected.local.upload_picture(make_sample(tmp_path / "invoked.jpg"), {}, key="elsewhere/invoked.jpg")

    # when
    invoked = invoke_function(connected.local, "NormalizeFunction", {"bucket": BUCKET, "key": key, "mode": "pad"})

    # then
    [job] = wait_for_jobs(connected.local, key)
    assert (job["job_id"], job["status"], job["request"]["mode"]) == (invoked["job_id"], "completed", "pad")
