"""Deploys the real `template.yaml` to the emulator, straight from the checkout.

The packages are those of `sam build` without the third-party layers: the emulator runs functions with its own
interpreter, which has them installed. `make deploy-local` deploys what `sam build` built.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from local import CommandError
from local.emulator import Emulator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Template: TypeAlias = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
PACKAGE_BUCKET = "sora-ready-packages"
DEPLOY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its name and its outputs by name (`UploadBucket`, `OutputBucket`, `JobsTable`, …)."""

    name: str
    outputs: Mapping[str, str]

    @property
    def api_id(self) -> str:
        """The id of its API in API Gateway."""
        match = re.match(r"https://(\w+)\.execute-api\.", self.outputs["ApiUrl"])
        assert match, "the output ApiUrl starts with the API's id"
        return match[1]


def deploy_template(
    emulator: Emulator, parameters: Mapping[str, str], *, name: str = "sora-ready", source: Path = TEMPLATE
) -> Stack:
    """Package the checkout and create or update the stack `name`. Raises `CommandError`.

    `source` is the template; the folders that it names are the checkout's. In an update, a parameter without a value
    gets its default, not its value before.
    """
    emulator.client("s3").create_bucket(Bucket=PACKAGE_BUCKET)
    template_url = upload_template(emulator, package_template(emulator.client("s3"), source))

    def deploy(operation: Callable[..., object]) -> None:
        operation(
            StackName=name,
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )

    cloudformation = emulator.client("cloudformation")
    try:
        try:
            deploy(cloudformation.create_stack)
        except cloudformation.exceptions.AlreadyExistsException:
            deploy(cloudformation.update_stack)
    except ClientError as error:
        raise CommandError(
            f"CloudFormation refused the stack: {error.response['Error']['Message']} (VideoApiBaseUrl is "
            "VIDEO_API_BASE_URL, VideoModels is VIDEO_MODELS.)"
        ) from error
    return wait_for_stack(emulator, name)


def wait_for_stack(emulator: Emulator, name: str) -> Stack:
    """Wait until the stack is deployed, and return it. Raises `CommandError`."""
    cloudformation = emulator.client("cloudformation")
    deadline = time.monotonic() + DEPLOY_SECONDS
    while True:
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("FAILED")]
        raise CommandError(f"The stack {name} is {stack['StackStatus']}: {'; '.join(reasons)}")
    return Stack(name, {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})


def set_gateway_responses(emulator: Emulator, stack: Stack) -> None:
    """Give the API the template's GatewayResponses, which the emulator doesn't read from the API's definition."""
    responses = load_template()["Resources"]["VideosApi"]["Properties"]["GatewayResponses"]
    gateway = emulator.client("apigateway")
    for kind, response in responses.items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        status = {"statusCode": str(response["StatusCode"])} if "StatusCode" in response else {}
        gateway.put_gateway_response(
            restApiId=stack.api_id,
            responseType=kind,
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
            **status,
        )
    gateway.create_deployment(restApiId=stack.api_id, stageName="v1")


def load_template(path: Path = TEMPLATE) -> Template:
    """Read a SAM template."""
    return cast("Template", yaml_parse(path.read_text(encoding="utf-8")))


def ignored_suffixes() -> tuple[str, ...]:
    """Return the suffixes of keys whose uploads the stack ignores, because they are not pictures."""
    [key] = load_template()["Resources"]["PictureUploaded"]["Properties"]["EventPattern"]["detail"]["object"]["key"]
    return tuple(key["anything-but"]["suffix"])


def package_template(s3: S3Client, source: Path = TEMPLATE) -> Template:
    """Return the template with the folder of each function and layer replaced by a package in the emulator's S3."""
    template = load_template(source)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = _upload_package(s3, ROOT / properties["CodeUri"], "")
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = _upload_package(s3, ROOT / properties["ContentUri"], "python/")
    return template


def upload_template(emulator: Emulator, template: Template) -> str:
    """Put a template into S3 and return its URL: a request to CloudFormation holds at most 51,200 bytes of it."""
    body = json.dumps(template).encode()
    key = hashlib.sha256(body).hexdigest() + ".json"
    emulator.client("s3").put_object(Bucket=PACKAGE_BUCKET, Key=key, Body=body)
    return f"{emulator.endpoint}/{PACKAGE_BUCKET}/{key}"


def _upload_package(s3: S3Client, folder: Path, prefix: str) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                package.write(path, prefix + str(path.relative_to(folder)))
    key = hashlib.sha256(buffer.getvalue()).hexdigest() + ".zip"
    s3.put_object(Bucket=PACKAGE_BUCKET, Key=key, Body=buffer.getvalue())
    return f"s3://{PACKAGE_BUCKET}/{key}"
