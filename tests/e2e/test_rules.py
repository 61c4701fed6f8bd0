"""The sample rules on the emulator: a mail for each job that ends, and a function that fetches each video."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.deployed_samples import deploy_sample, eventually

RECEIVER = """
import boto3, os

def handler(event, context):
    video = event["detail"]["video"]
    s3 = boto3.client("s3")
    s3.download_file(video["bucket"], video["key"], "/tmp/received.mp4")
    received = f"{event['detail']['job_id']} {os.path.getsize('/tmp/received.mp4')}"
    s3.put_object(Bucket="received", Key=event["detail"]["job_id"], Body=received.encode())
"""


def test_a_mail_has_the_result_of_a_job(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given the rule, and a queue that gets the text of the mail
    topic = deploy_sample(local, "rule-mail.yaml", tmp_path, {"Address": "somebody@example.com"})["Topic"]
    sns, sqs = local.emulator.client("sns"), local.emulator.client("sqs")
    [mail] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "somebody@example.com")
    url = sqs.create_queue(QueueName="mails")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    # when
    local.upload_picture(make_sample(tmp_path / "mail.jpg"), {"mode": "sideways"}, key="refused mail.jpg")
    [job] = wait_for_jobs("refused mail.jpg")
    mails: list[str] = []

    def receive() -> str:
        mails.extend(message["Body"] for message in sqs.receive_message(QueueUrl=url).get("Messages", []))
        return "\n".join(mails)

    text = eventually(receive, lambda received: job["job_id"] in received)

    # then
    assert "rejected: " in text
    assert "refused mail.jpg" in text
    assert "Allowed: cover" in text


def test_a_function_is_invoked_with_each_video_and_can_fetch_it(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given a function of the user's, which may read the output bucket
    local.emulator.client("s3").create_bucket(Bucket="received")
    arn = create_function(local)
    deploy_sample(local, "rule-lambda.yaml", tmp_path, {"FunctionArn": arn, "Stack": local.stack.name})

    # when
    key = local.upload_picture(make_sample(tmp_path / "received.jpg"), {})
    [job] = wait_for_jobs(key)

    # then
    s3 = local.emulator.client("s3")
    eventually(lambda: s3.list_objects_v2(Bucket="received", Prefix=job["job_id"])["KeyCount"], lambda keys: keys == 1)
    received = s3.get_object(Bucket="received", Key=job["job_id"])["Body"].read().decode()
    assert received == f"{job['job_id']} {job['video']['bytes']}"


def create_function(local: LocalStack) -> str:
    """Create a function that fetches the video of the event that it is invoked with; return its ARN."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("app.py", RECEIVER)
    created = local.emulator.client("lambda").create_function(
        FunctionName="receiver",
        Runtime="python3.13",
        Handler="app.handler",
        Role=create_role(local),
        Timeout=30,
        Code={"ZipFile": package.getvalue()},
    )
    return str(created["FunctionArn"])


def create_role(local: LocalStack) -> str:
    def allow(action: str, **statement: Any) -> str:
        statement |= {"Effect": "Allow", "Action": action}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    iam = local.emulator.client("iam")
    trust = allow("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
    role = iam.create_role(RoleName="receiver", AssumeRolePolicyDocument=trust)["Role"]
    videos = f"arn:aws:s3:::{local.stack.outputs['OutputBucket']}/videos/*"
    iam.put_role_policy(RoleName="receiver", PolicyName="fetch", PolicyDocument=allow("s3:GetObject", Resource=videos))
    keep = allow("s3:PutObject", Resource="arn:aws:s3:::received/*")
    iam.put_role_policy(RoleName="receiver", PolicyName="keep", PolicyDocument=keep)
    return str(role["Arn"])
