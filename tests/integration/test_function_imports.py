"""Each function imports only what its layers hold, and connects nothing before it is resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from .function_modules import FUNCTIONS
from .stack_fixtures import ROOT

# Run in a fresh interpreter without a variable of AWS: import the function and tell which packages came with it.
PROGRAM = """
import json, socket, sys

tried = []

def refuse(name):
    def refused(*_, **__):
        tried.append(name)
        raise AssertionError(name + " at import")
    return refused

socket.socket.connect = refuse("connect")
socket.getaddrinfo = refuse("getaddrinfo")
import boto3
boto3.client = boto3.resource = refuse("boto3.client")
import botocore.session
botocore.session.Session.create_client = refuse("create_client")
import app
print(json.dumps({"packages": sorted({name.split(".")[0] for name in sys.modules}), "tried": tried,
                  "handler": callable(app.handler)}))
"""


@cache
def imported_by(name: str) -> dict[str, object]:
    layer, folder = ROOT / "layers" / "sora_ready", ROOT / "functions" / name
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{layer}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def packages(name: str) -> set[str]:
    return set(imported_by(name)["packages"])  # type: ignore[call-overload, no-any-return]


def test_every_function_is_looked_at() -> None:
    assert {path.parent.name for path in (ROOT / "functions").glob("*/app.py")} == set(FUNCTIONS)


@pytest.mark.parametrize("name", ["normalize", "backfill"])
def test_normalize_and_backfill_import_pillow_and_nothing_of_the_video_api(name: str) -> None:
    assert "PIL" in packages(name)
    assert packages(name).isdisjoint({"openai", "httpx2", "httpcore2", "pydantic", "pydantic_core"})


@pytest.mark.parametrize("name", ["submit", "track"])
def test_submit_and_track_import_the_sdk_and_no_pillow(name: str) -> None:
    assert "openai" in packages(name)
    assert "PIL" not in packages(name)


@pytest.mark.parametrize("name", ["sweep", "publish", "api", "authorize"])
def test_the_others_import_neither_the_sdk_nor_pillow(name: str) -> None:
    assert packages(name).isdisjoint({"openai", "httpx2", "httpcore2", "pydantic", "pydantic_core", "PIL", "pi_heif"})


def test_api_reads_forms_and_no_other_function_does() -> None:
    assert {name for name in FUNCTIONS if "python_multipart" in packages(name)} == {"api"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_imports_what_only_tests_and_the_local_stack_have(name: str) -> None:
    assert {"sora_ready", "boto3", "aws_lambda_powertools"} <= packages(name)
    assert packages(name).isdisjoint({"moto", "rich", "pytest", "ministack", "starlette", "uvicorn", "av", "local"})


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_connects_nothing_when_it_is_imported(name: str) -> None:
    assert (imported_by(name)["tried"], imported_by(name)["handler"]) == ([], True)
