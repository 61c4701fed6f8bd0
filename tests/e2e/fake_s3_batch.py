"""A fake of S3 Batch Operations, which the emulator doesn't have: as much of it as one batch job needs.

It serves the AWS CLI's requests to S3 Control. It runs a job with the permissions of the job's role and no others:
reads the manifest, invokes the function, writes the report.
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
MAX_ATTEMPTS = 3


@dataclass
class BatchOperations:
    """The service, with one job. `environment` is what a shell needs to reach the emulator.

    `proxy` is the URL of this service, `request` the CreateJob request, `failure` the error that ended the job.
    """

    environment: dict[str, str]
    proxy: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    failure: Exception | None = None

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """Return a client of the emulator, with the account's credentials or those of a role."""
        account = {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(  # type: ignore[call-overload]  # the stubs have a fixed list of services
            service,
            region_name=self.environment["AWS_DEFAULT_REGION"],
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            verify=self.environment["AWS_CA_BUNDLE"],
            **(credentials or account),
        )

    def create_job(self, body: bytes) -> bytes:
        """Run the job of a CreateJob request to its end; return the response."""
        self.request = parse_xml(ET.fromstring(body.replace(b"https://awss3control", b"http://awss3control")))
        try:
            self._run_job(self.request)
        except Exception as error:  # noqa: BLE001 - the test checks it
            self.failure = error
        return f"<CreateJobResult><JobId>{JOB_ID}</JobId></CreateJobResult>".encode()

    def describe_job(self) -> bytes:
        status = "Failed" if self.failure else "Complete"
        job = f"<JobId>{JOB_ID}</JobId><Status>{status}</Status>"
        return f"<DescribeJobResult><Job>{job}</Job></DescribeJobResult>".encode()

    def _run_job(self, job: dict[str, Any]) -> None:
        role = self._assume_role(job["RoleArn"])
        self._expect_refusal(role)
        s3, functions = self.client("s3", role), self.client("lambda", role)
        location = job["Manifest"]["Location"]
        bucket, _, key = location["ObjectArn"].rpartition(":")[2].partition("/")
        manifest = s3.get_object(Bucket=bucket, Key=key, IfMatch=location["ETag"])["Body"].read().decode("ascii")
        rows = []
        for number, line in enumerate(csv.reader(io.StringIO(manifest))):
            task = dict(zip(job["Manifest"]["Spec"]["Fields"], line, strict=True))
            rows.append(self._run_task(functions, job["Operation"]["LambdaInvoke"], number, task))
        report = io.StringIO()
        csv.writer(report).writerows(rows)
        s3.put_object(
            Bucket=job["Report"]["Bucket"].rpartition(":")[2],
            Key=f"{job['Report']['Prefix']}/job-{JOB_ID}/results/6217b0fab0de85c408b4be96aeaca9b195a7daa5.csv",
            Body=report.getvalue().encode(),
        )

    def _expect_refusal(self, role: dict[str, str]) -> None:
        """Check that the emulator enforces the role: otherwise a job that succeeds would prove nothing."""
        with pytest.raises(ClientError, match="AccessDenied"):
            self.client("s3", role).list_buckets()

    def _run_task(self, functions: Any, operation: dict[str, Any], number: int, task: dict[str, str]) -> list[str]:
        """Invoke the function for one line of the manifest, again if it asks for that; return a line of the report."""
        event = {
            "invocationSchemaVersion": operation["InvocationSchemaVersion"],
            "invocationId": f"invocation-{number}",
            "job": {"id": JOB_ID, "userArguments": operation.get("UserArguments", {})},
            "tasks": [
                {
                    "taskId": f"task-{number}",
                    "s3Key": task["Key"],
                    "s3VersionId": task.get("VersionId"),
                    "s3Bucket": task["Bucket"],
                }
            ],
        }
        for _ in range(MAX_ATTEMPTS):
            response = functions.invoke(FunctionName=operation["FunctionArn"], Payload=json.dumps(event))
            payload = json.loads(response["Payload"].read())
            assert "FunctionError" not in response, payload
            [result] = payload["results"]
            if result["resultCode"] != "TemporaryFailure":
                break
        status, code = ("succeeded", "") if result["resultCode"] == "Succeeded" else ("failed", result["resultCode"])
        return [task["Bucket"], task["Key"], task.get("VersionId", ""), status, "200", code, result["resultString"]]

    def _assume_role(self, arn: str) -> dict[str, str]:
        """Return credentials with the role's permissions. They are a copy's: only S3 may assume the role itself."""
        iam, name = self.client("iam"), arn.rpartition("/")[2]
        trusted = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        assert [statement["Principal"] for statement in trusted["Statement"]] == [
            {"Service": "batchoperations.s3.amazonaws.com"}
        ]
        trusted["Statement"][0]["Principal"] = {"AWS": self.client("sts").get_caller_identity()["Account"]}
        copy = iam.create_role(RoleName="batch-operations-copy", AssumeRolePolicyDocument=json.dumps(trusted))["Role"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            iam.put_role_policy(RoleName=copy["RoleName"], PolicyName=policy, PolicyDocument=json.dumps(document))
        credentials = self.client("sts").assume_role(RoleArn=copy["Arn"], RoleSessionName="batch")["Credentials"]
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }


def parse_xml(element: ET.Element) -> Any:
    """Return a request of S3 Control as plain values: lists hold `member`s, maps `entry`s of `key` and `value`."""
    children = [(child.tag.removeprefix(NAMESPACE), child) for child in element]
    if not children:
        return element.text or ""
    if {tag for tag, _ in children} == {"member"}:
        return [parse_xml(child) for _, child in children]
    if {tag for tag, _ in children} == {"entry"}:
        entries = [parse_xml(child) for _, child in children]
        return {entry["key"]: entry["value"] for entry in entries}
    return {tag: parse_xml(child) for tag, child in children}


@contextmanager
def serve_batch_operations(environment: dict[str, str]) -> Iterator[BatchOperations]:
    """Run the service on a free port of loopback until the block ends."""
    service = BatchOperations(environment)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path.endswith("/v20180820/jobs"), self.path
            self._respond(service.create_job(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            assert self.path.endswith(f"/v20180820/jobs/{JOB_ID}"), self.path
            self._respond(service.describe_job())

        def log_message(self, *_: Any) -> None:
            pass

        def _respond(self, body: bytes) -> None:
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
