"""Each function imports only packages of its layers, and creates no connection at import."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from .function_modules import FUNCTIONS
from .stack_fixtures import ROOT

# Run in a fresh interpreter without AWS variables: imports the function and prints which packages came with it.
PROGRAM = """
import json, socket, sys

attempts = []

def refuse(name):
    def refuse_call(*_, **__):
        attempts.append(name)
        raise AssertionError(name + " at import")
    return refuse_call

socket.socket.connect = refuse("connect")
socket.getaddrinfo = refuse("getaddrinfo")
import boto3
boto3.client = boto3.resource = refuse("boto3.client")
import botocore.session
botocore.session.Session.create_client = refuse("create_client")
import app
print(json.dumps({"packages": sorted({name.split(".")[0] for name in sys.modules}), "attempts": attempts,
                  "handler": callable(app.handler)}))
"""


@cache
def import_report(name: str) -> dict[str, Any]:
    layer, folder = ROOT / "layers" / "sora_ready", ROOT / "functions" / name
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{layer}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    report: dict[str, Any] = json.loads(finished.stdout)
    return report


def packages(name: str) -> set[str]:
    return set(import_report(name)["packages"])


def test_every_function_is_checked() -> None:
    assert {path.parent.name for path in (ROOT / "functions").glob("*/app.py")} == set(FUNCTIONS)


@pytest.mark.parametrize("name", ["normalize", "backfill"])
def test_normalize_and_backfill_import_pillow_and_not_the_openai_sdk(name: str) -> None:
    assert "PIL" in packages(name)
    assert packages(name).isdisjoint({"openai", "httpx2", "httpcore2", "pydantic", "pydantic_core"})


@pytest.mark.parametrize("name", ["submit", "track"])
def test_submit_and_track_import_the_openai_sdk_and_not_pillow(name: str) -> None:
    assert "openai" in packages(name)
    assert "PIL" not in packages(name)


@pytest.mark.parametrize("name", ["sweep", "publish", "api", "authorize"])
def test_the_others_import_neither_the_openai_sdk_nor_pillow(name: str) -> None:
    assert packages(name).isdisjoint({"openai", "httpx2", "httpcore2", "pydantic", "pydantic_core", "PIL", "pi_heif"})


def test_only_api_imports_the_form_parser() -> None:
    assert {name for name in FUNCTIONS if "python_multipart" in packages(name)} == {"api"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_imports_packages_of_the_tests_or_the_local_stack(name: str) -> None:
    assert {"sora_ready", "boto3", "aws_lambda_powertools"} <= packages(name)
    assert packages(name).isdisjoint({"moto", "rich", "pytest", "ministack", "starlette", "uvicorn", "av", "local"})


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_connects_to_nothing_at_import(name: str) -> None:
    assert (import_report(name)["attempts"], import_report(name)["handler"]) == ([], True)
