"""As much of S3 Batch Operations as a batch job needs, which the emulator has not.

It hears the requests that the AWS CLI sends to S3 Control, as that sends them, and carries a job out with the
permissions of the job's role and no others: reads the manifest, calls the function, writes the report.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.exceptions import ClientError

NAMESPACE = "{http://awss3control.amazonaws.com/doc/2018-08-20/}"
JOB_ID = "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"
TRIES = 3


@dataclass
class BatchOperations:
    """One job at a time. `environment` is what a shell needs to reach the emulator; `proxy` leads to this service."""

    environment: dict[str, str]
    proxy: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    failure: Exception | None = None

    def client(self, service: str, **credentials: str) -> Any:
        told = credentials or {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        place = {"endpoint_url": self.environment["AWS_ENDPOINT_URL"], "verify": self.environment["AWS_CA_BUNDLE"]}
        session = boto3.Session(region_name=self.environment["AWS_DEFAULT_REGION"])
        return session.client(service, **place, **told)  # type: ignore[call-overload]

    def create_job(self, request: bytes) -> bytes:
        """Carry out what a CreateJob asks for, to its end."""
        self.asked = read_xml(ET.fromstring(request.replace(b"https://awss3control", b"http://awss3control")))
        try:
            self._carry_out(self.asked)
        except Exception as error:  # noqa: BLE001 - the test asks for it
            self.failure = error
        return f"<CreateJobResult><JobId>{JOB_ID}</JobId></CreateJobResult>".encode()

    def describe_job(self) -> bytes:
        status = "Failed" if self.failure else "Complete"
        job = f"<JobId>{JOB_ID}</JobId><Status>{status}</Status>"
        return f"<DescribeJobResult><Job>{job}</Job></DescribeJobResult>".encode()

    def _carry_out(self, job: dict[str, Any]) -> None:
        role = self._take_on(job["RoleArn"])
        self._expect_refusal(role)
        s3, functions = self.client("s3", **role), self.client("lambda", **role)
        place = job["Manifest"]["Location"]
        bucket, _, key = place["ObjectArn"].rpartition(":")[2].partition("/")
        manifest = s3.get_object(Bucket=bucket, Key=key, IfMatch=place["ETag"])["Body"].read().decode("ascii")
        rows = []
        for number, line in enumerate(csv.reader(io.StringIO(manifest))):
            task = dict(zip(job["Manifest"]["Spec"]["Fields"], line, strict=True))
            rows.append(self._call(functions, job["Operation"]["LambdaInvoke"], number, task))
        report = io.StringIO()
        csv.writer(report).writerows(rows)
        s3.put_object(
            Bucket=job["Report"]["Bucket"].rpartition(":")[2],
            Key=f"{job['Report']['Prefix']}/job-{JOB_ID}/results/6217b0fab0de85c408b4be96aeaca9b195a7daa5.csv",
            Body=report.getvalue().encode(),
        )

    def _expect_refusal(self, role: dict[str, str]) -> None:
        """The emulator enforces the role, or what it allows would prove nothing."""
        with pytest.raises(ClientError, match="AccessDenied"):
            self.client("s3", **role).list_buckets()

    def _call(self, functions: Any, operation: dict[str, Any], number: int, task: dict[str, str]) -> list[str]:
        arguments = operation.get("UserArguments", {})
        event = {
            "invocationSchemaVersion": operation["InvocationSchemaVersion"],
            "invocationId": f"invocation-{number}",
            "job": {"id": JOB_ID, "userArguments": arguments},
            "tasks": [
                {
                    "taskId": f"task-{number}",
                    "s3Key": task["Key"],
                    "s3VersionId": task.get("VersionId"),
                    "s3Bucket": task["Bucket"],
                }
            ],
        }
        for _ in range(TRIES):
            answer = functions.invoke(FunctionName=operation["FunctionArn"], Payload=json.dumps(event))
            said = json.loads(answer["Payload"].read())
            assert "FunctionError" not in answer, said
            [result] = said["results"]
            if result["resultCode"] != "TemporaryFailure":
                break
        status, code = ("succeeded", "") if result["resultCode"] == "Succeeded" else ("failed", result["resultCode"])
        return [task["Bucket"], task["Key"], task.get("VersionId", ""), status, "200", code, result["resultString"]]

    def _take_on(self, arn: str) -> dict[str, str]:
        """Return credentials that may do what the role may; the role itself is for S3 alone to assume."""
        iam, name = self.client("iam"), arn.rpartition("/")[2]
        trusted = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        assert [statement["Principal"] for statement in trusted["Statement"]] == [
            {"Service": "batchoperations.s3.amazonaws.com"}
        ]
        trusted["Statement"][0]["Principal"] = {"AWS": self.client("sts").get_caller_identity()["Account"]}
        twin = iam.create_role(RoleName="batch-operations-twin", AssumeRolePolicyDocument=json.dumps(trusted))["Role"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            iam.put_role_policy(RoleName=twin["RoleName"], PolicyName=policy, PolicyDocument=json.dumps(document))
        given = self.client("sts").assume_role(RoleArn=twin["Arn"], RoleSessionName="batch")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }


def read_xml(element: ET.Element) -> Any:
    """Return a request of S3 Control as plain values: lists hold `member`s, maps `entry`s of `key` and `value`."""
    children = [(child.tag.removeprefix(NAMESPACE), child) for child in element]
    if not children:
        return element.text or ""
    if {tag for tag, _ in children} == {"member"}:
        return [read_xml(child) for _, child in children]
    if {tag for tag, _ in children} == {"entry"}:
        entries = [read_xml(child) for _, child in children]
        return {entry["key"]: entry["value"] for entry in entries}
    return {tag: read_xml(child) for tag, child in children}


@contextmanager
def serve_batch_operations(environment: dict[str, str]) -> Iterator[BatchOperations]:
    """Run the service on a free port of loopback while the block runs."""
    service = BatchOperations(environment)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path.endswith("/v20180820/jobs"), self.path
            self._answer(service.create_job(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            assert self.path.endswith(f"/v20180820/jobs/{JOB_ID}"), self.path
            self._answer(service.describe_job())

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.proxy = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
