"""The arrows of the design run one way, and every file stays short enough to be read in one go."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers" / "sora_ready" / "sora_ready"
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
SHIPPED = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
PRODUCT = sorted([*SHIPPED, *(ROOT / "local").rglob("*.py")])

OUTSIDE = {"boto3", "botocore", "openai", "httpx", "httpx2", "aws_lambda_powertools", "requests", "urllib3", "socket"}
MAX_LINES, MAX_FUNCTION_LINES = 300, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}


def imports(source: str) -> set[str]:
    """Every module that a file imports, wherever in it, and every name it takes from one, with dots."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def reaches_outside(source: str) -> set[str]:
    """The imports that the domain must not have; a relative one could lead anywhere."""
    return {name for name in imports(source) if name.split(".")[0] in OUTSIDE or name.startswith(".")} | {
        name for name in imports(source) if name.startswith(("sora_ready.adapters", "sora_ready.pipeline"))
    }


def reads_environment(source: str) -> bool:
    touched = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    named = {"environ", "environb", "getenv", "getenvb"}
    return bool(named & touched) or bool({f"os.{name}" for name in named} & imports(source))


def files(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.name) for path in sorted((PACKAGE / folder).rglob("*.py"))]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---------------------------------------------------------------- which way the arrows run


@pytest.mark.parametrize("path", files("domain"))
def test_the_domain_knows_neither_aws_nor_network_nor_environment(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert reaches_outside(source) == set()
    assert not reads_environment(source)


@pytest.mark.parametrize("path", files("adapters"))
def test_adapters_do_not_know_the_pipeline(path: Path) -> None:
    known = imports(path.read_text(encoding="utf-8"))

    assert {name for name in known if name.startswith((".", "sora_ready.pipeline"))} == set()


@pytest.mark.parametrize("folder", ["domain", "adapters", "pipeline"])
def test_nothing_below_knows_the_front_door(folder: str) -> None:
    known = {name for path in (PACKAGE / folder).glob("*.py") for name in imports(path.read_text(encoding="utf-8"))}

    assert {name for name in known if name.startswith("sora_ready.entrypoints.api")} == set()


@pytest.mark.parametrize("path", files("videos_api"))
def test_the_front_door_is_handed_its_clients(path: Path) -> None:
    known = imports(path.read_text(encoding="utf-8"))

    assert {name for name in known if name.split(".")[0] in {"boto3", "openai", "PIL"}} == set()


def test_only_the_settings_read_the_environment() -> None:
    reading = [short(path) for path in SHIPPED if reads_environment(path.read_text(encoding="utf-8"))]

    assert reading == ["layers/sora_ready/sora_ready/entrypoints/settings.py"]


def test_nothing_shipped_knows_the_local_stack() -> None:
    assert [
        short(path)
        for path in SHIPPED
        if any(name.split(".")[0] == "local" for name in imports(path.read_text(encoding="utf-8")))
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "import boto3",
        "import botocore.exceptions as trouble",
        "from openai import OpenAI",
        "def late():\n    import httpx2",
        "from sora_ready.adapters import settings",
        "from sora_ready import pipeline",
        "from ..adapters import settings",
        "if TYPE_CHECKING:\n    from aws_lambda_powertools import Logger",
    ],
)
def test_a_domain_that_reached_outside_would_be_noticed(source: str) -> None:
    assert reaches_outside(source)


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ", "from os import getenv as g"],
)
def test_a_look_at_the_environment_would_be_noticed(source: str) -> None:
    assert reads_environment(source)


@pytest.mark.parametrize("source", ["import os\nos.PathLike", "import json", "from sora_ready.domain import frame"])
def test_what_is_allowed_is_not_complained_about(source: str) -> None:
    assert not reaches_outside(source)
    assert not reads_environment(source)


# ---------------------------------------------------------------- sizes and names


@pytest.mark.parametrize("path", FUNCTIONS, ids=short)
def test_a_function_is_at_most_60_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FUNCTION_LINES


def test_no_product_file_has_more_than_300_lines() -> None:
    lines = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PRODUCT}

    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [short(path) for path in PRODUCT if {path.stem, path.parent.name} & VAGUE] == []


def test_each_function_of_the_template_has_a_folder_and_each_folder_a_function() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    declared = sorted(
        resource["Properties"]["CodeUri"].rstrip("/")
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    )

    assert declared == [short(path.parent) for path in FUNCTIONS]
    assert len(declared) >= 3


def test_these_tests_look_at_files_that_are_there() -> None:
    assert {"domain", "adapters", "pipeline"} <= {path.parent.name for path in SHIPPED}
    assert len(PRODUCT) > len(SHIPPED) > len(FUNCTIONS)
