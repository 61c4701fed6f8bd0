"""A replacement for `sam deploy` in the README's lines: deploys the checkout's template to the emulator.

The real one needs a build, and `make deploy-local` runs it. Like the real one, this one keeps the value of a parameter
that is not named, and deploys to `sora-ready` if no stack is named.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.deploy import package_template, upload_template, wait_for_stack
from local.emulator import Emulator

SCRIPT = '#!/bin/sh\nexec "{python}" -m tests.e2e.sam_deploy "$@"\n'


def install_sam(folder: Path) -> None:
    """Write the executable `sam` to `folder`."""
    folder.mkdir(exist_ok=True)
    script = folder / "sam"
    script.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
    script.chmod(0o755)


def deploy(name: str, overrides: dict[str, str], tags: dict[str, str]) -> None:
    """Create or update the stack `name`."""
    emulator = Emulator(os.environ["AWS_ENDPOINT_URL"], Path(os.environ["AWS_CA_BUNDLE"]), 0)
    cloudformation = emulator.client("cloudformation")
    try:
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        before = {parameter["ParameterKey"] for parameter in stack["Parameters"]}
    except ClientError:
        before = set()
    parameters: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": overrides[key]} for key in overrides]
    parameters += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(before - set(overrides))]
    write: Any = cloudformation.update_stack if before else cloudformation.create_stack
    write(
        StackName=name,
        TemplateURL=upload_template(emulator, package_template(emulator.client("s3"))),
        Parameters=parameters,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    wait_for_stack(emulator, name)


def _pairs(arguments: list[str]) -> dict[str, str]:
    return dict(argument.split("=", 1) for argument in arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="sam")
    parser.add_argument("command", choices=["deploy"])
    parser.add_argument("--stack-name", default="sora-ready")
    parser.add_argument("--parameter-overrides", nargs="+", default=[])
    parser.add_argument("--tags", nargs="+", default=[])
    options = parser.parse_args()
    deploy(options.stack_name, _pairs(options.parameter_overrides), _pairs(options.tags))
