"""Deploys the real `template.yaml` to the emulator, straight from the checkout.

Packages here are what `sam build` would make, less the third-party layers: the emulator runs functions with its own
interpreter, which has them. `make deploy-local` deploys what `sam build` really built.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from local.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
PACKAGES = "sora-ready-packages"


class DeployError(RuntimeError):
    """The stack could not be created. The message holds CloudFormation's reasons."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its name and its outputs by name (`UploadBucket`, `OutputBucket`, `JobsTable`, …)."""

    name: str
    outputs: Mapping[str, str]


def deploy_template(
    emulator: Emulator, parameters: Mapping[str, str], *, name: str = "sora-ready", source: Path = TEMPLATE
) -> Stack:
    """Package the checkout and create the stack `name` from it, or update the one of that name. Raises `DeployError`.

    `source` is the template; the folders that it names are the checkout's. Where an update names no value for a
    parameter, the default holds, not the value before.
    """
    emulator.client("s3").create_bucket(Bucket=PACKAGES)
    cloudformation = emulator.client("cloudformation")
    order: dict[str, Any] = {
        "StackName": name,
        "TemplateURL": put_template(emulator, package_template(emulator.client("s3"), source)),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        try:
            cloudformation.create_stack(**order)
        except cloudformation.exceptions.AlreadyExistsException:
            cloudformation.update_stack(**order)
    except ClientError as error:
        said = error.response["Error"]["Message"]
        raise DeployError(
            f"The stack was refused: {said} (VideoApiBaseUrl is VIDEO_API_BASE_URL, VideoModels is VIDEO_MODELS.)"
        ) from error
    return read_stack(emulator, name)


def read_stack(emulator: Emulator, name: str) -> Stack:
    """Wait until the stack is there, and return it. Raises `DeployError`."""
    cloudformation = emulator.client("cloudformation")
    for _ in range(600):
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.1)
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("FAILED")]
        raise DeployError(f"The stack {name} is {stack['StackStatus']}: {'; '.join(reasons)}")
    return Stack(name, {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})


def list_no_pictures() -> tuple[str, ...]:
    """Return the endings of names that the stack takes for no picture: their upload wakes nothing."""
    resources = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    [names] = resources["PictureUploaded"]["Properties"]["EventPattern"]["detail"]["object"]["key"]
    return tuple(names["anything-but"]["suffix"])


def put_template(emulator: Emulator, template: Mapping[str, Any]) -> str:
    """Put a template where CloudFormation takes it from, and return its address: in a call it may have 51,200 bytes."""
    body = json.dumps(template).encode()
    key = hashlib.sha256(body).hexdigest() + ".json"
    emulator.client("s3").put_object(Bucket=PACKAGES, Key=key, Body=body)
    return f"{emulator.endpoint}/{PACKAGES}/{key}"


def package_template(s3: Any, source: Path = TEMPLATE) -> dict[str, Any]:
    """Return the template with each function's and layer's folder replaced by a package in the emulator's S3."""
    template: dict[str, Any] = yaml_parse(source.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = _put_package(s3, ROOT / properties["CodeUri"], "")
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = _put_package(s3, ROOT / properties["ContentUri"], "python/")
    return template


def _put_package(s3: Any, folder: Path, prefix: str) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                package.write(path, prefix + str(path.relative_to(folder)))
    key = hashlib.sha256(buffer.getvalue()).hexdigest() + ".zip"
    s3.put_object(Bucket=PACKAGES, Key=key, Body=buffer.getvalue())
    return f"s3://{PACKAGES}/{key}"
