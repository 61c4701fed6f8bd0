"""What stands for `sam deploy` where the README's lines are pasted: the checkout's template, onto the emulator.

The real one needs a build, and is run by `make deploy-local`. As the real one does, it leaves a parameter that is not named
as it was before, and deploys `sora-ready` where no stack is named.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.deploy import package_template, put_template, read_stack
from local.emulator import Emulator

SCRIPT = '#!/bin/sh\nexec "{python}" -m tests.e2e.sam_deploy "$@"\n'


def put_sam(folder: Path) -> None:
    """Write an executable `sam` into `folder`, which may be there already."""
    folder.mkdir(exist_ok=True)
    script = folder / "sam"
    script.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
    script.chmod(0o755)


def deploy(stack: str, overrides: dict[str, str], tags: dict[str, str]) -> None:
    emulator = Emulator(os.environ["AWS_ENDPOINT_URL"], Path(os.environ["AWS_CA_BUNDLE"]), 0)
    cloudformation = emulator.client("cloudformation")
    template = package_template(emulator.client("s3"))
    try:
        [there] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        before = {parameter["ParameterKey"] for parameter in there["Parameters"]}
    except ClientError:
        before = set()
    parameters: list[dict[str, Any]] = [{"ParameterKey": name, "ParameterValue": overrides[name]} for name in overrides]
    parameters += [{"ParameterKey": name, "UsePreviousValue": True} for name in sorted(before - set(overrides))]
    write = cloudformation.update_stack if before else cloudformation.create_stack
    write(
        StackName=stack,
        TemplateURL=put_template(emulator, template),
        Parameters=parameters,
        Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    read_stack(emulator, stack)


def _pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="sam")
    parser.add_argument("command", choices=["deploy"])
    parser.add_argument("--stack-name", default="sora-ready")
    parser.add_argument("--parameter-overrides", nargs="+", default=[])
    parser.add_argument("--tags", nargs="+", default=[])
    given = parser.parse_args()
    deploy(given.stack_name, _pairs(given.parameter_overrides), _pairs(given.tags))
