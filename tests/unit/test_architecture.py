"""Imports run one way through the layers, each layer knows only its own words, and files stay readable in one go.

functions → entrypoints → pipeline → adapters → domain
"""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
import tokenize
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers" / "sora_ready" / "sora_ready"
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
SHIPPED = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
PRODUCT = sorted([*SHIPPED, *(ROOT / "local").rglob("*.py")])

# Lowest first: a layer imports itself and those before it.
LAYERS = ["domain", "adapters", "pipeline", "entrypoints"]
AWS = {"boto3", "botocore"}
NETWORK = {"aiohttp", "http", "httpx", "httpx2", "openai", "requests", "socket", "urllib.request", "urllib3"}
POWERTOOLS = {"aws_lambda_powertools"}
FORBIDDEN = {
    "domain": AWS | NETWORK | POWERTOOLS,
    "pipeline": AWS | NETWORK | POWERTOOLS,
    # Handlers and `local/` connect the clients, and hand them to the Videos API.
    "entrypoints": {"boto3", "openai", "PIL"},
}

# What only the Videos API speaks of: headers, CORS and status codes. S3 too has a `Content-Type` and a length.
HTTP_HEADER = re.compile(
    r"\b(access-control-[a-z-]+|authorization|cache-control|idempotency-key|retry-after|www-authenticate)\b",
    re.IGNORECASE,
)
HTTP_NAME = re.compile(
    r"(^|_)(cors|headers|httpstatus|http_status|status_code|query_string|form_fields?)($|_)", re.IGNORECASE
)

MAX_LINES, MAX_FUNCTION_LINES = 500, 60
VAGUE = {"common", "helper", "helpers", "misc", "shared", "stuff", "util", "utils"}


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


def against_the_arrows(layer: str, source: str) -> set[str]:
    """The imports that a file of this layer must not have. A relative one could lead anywhere."""
    above = {f"sora_ready.{name}" for name in [*LAYERS[LAYERS.index(layer) + 1 :], "cli"]}
    modules = above | FORBIDDEN.get(layer, set()) | {"functions", "local", "tests"}
    return {
        name
        for name in imports(source)
        if name.startswith(".") or any(name == module or name.startswith(f"{module}.") for module in modules)
    }


def reads_environment(source: str) -> bool:
    attributes = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    names = {"environ", "environb", "getenv", "getenvb"}
    return bool(names & attributes) or bool({f"os.{name}" for name in names} & imports(source))


def http_words(source: str) -> set[str]:
    """Headers in strings, docstrings excepted, and HTTP's names among the identifiers."""
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    }
    names = {
        token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.NAME
    }
    return {match[0] for text in texts for match in HTTP_HEADER.finditer(text)} | {
        name for name in names if HTTP_NAME.search(name)
    }


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def files(*layers: str) -> list[Path]:
    return [path for layer in layers for path in sorted((PACKAGE / layer).rglob("*.py"))]


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


# ---------------------------------------------------------------- which way the arrows run


@pytest.mark.parametrize("path", files(*LAYERS), ids=short)
def test_a_layer_imports_only_itself_and_those_below(path: Path) -> None:
    assert against_the_arrows(layer_of(path), read(path)) == set()


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.parent == PACKAGE], ids=short)
def test_the_public_library_is_of_the_domain_alone(path: Path) -> None:
    assert against_the_arrows("domain", read(path)) == set()


@pytest.mark.parametrize("path", FUNCTIONS, ids=short)
def test_a_function_imports_no_other_function(path: Path) -> None:
    assert {
        name for name in imports(read(path)) if name.split(".")[0] in {"functions", "local", "tests", "app"}
    } == set()


def test_nothing_shipped_imports_the_local_stack() -> None:
    assert [short(path) for path in SHIPPED if any(name.split(".")[0] == "local" for name in imports(read(path)))] == []


def test_only_the_settings_read_the_environment() -> None:
    reading = [short(path) for path in SHIPPED if reads_environment(read(path))]

    assert reading == ["layers/sora_ready/sora_ready/entrypoints/settings.py"]


@pytest.mark.parametrize("path", files("domain", "pipeline"), ids=short)
def test_the_words_of_http_are_left_to_the_videos_api(path: Path) -> None:
    assert http_words(read(path)) == set()


@pytest.mark.parametrize("path", [path for path in files("adapters") if path.parent.name != "video_server"], ids=short)
def test_no_adapter_but_the_video_servers_speaks_http(path: Path) -> None:
    assert http_words(read(path)) == set()
    assert {name for name in imports(read(path)) if name.split(".")[0] in NETWORK} == set()


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("domain", "import boto3"),
        ("domain", "import botocore.exceptions as trouble"),
        ("domain", "from openai import OpenAI"),
        ("domain", "def late():\n    import httpx2"),
        ("domain", "from urllib.request import urlopen"),
        ("domain", "from sora_ready.adapters import queues"),
        ("domain", "from sora_ready import pipeline"),
        ("domain", "from ..adapters import queues"),
        ("domain", "if TYPE_CHECKING:\n    from aws_lambda_powertools import Logger"),
        ("adapters", "from sora_ready.pipeline.submit import Submit"),
        ("adapters", "from sora_ready.entrypoints.settings import Settings"),
        ("pipeline", "from sora_ready.entrypoints import settings"),
        ("pipeline", "from botocore.exceptions import ClientError"),
        ("pipeline", "from aws_lambda_powertools import Logger"),
        ("pipeline", "import openai"),
        ("entrypoints", "import boto3"),
        ("entrypoints", "from functions.submit import app"),
        ("entrypoints", "from sora_ready.cli import main"),
    ],
)
def test_an_import_against_the_arrows_is_seen(layer: str, source: str) -> None:
    assert against_the_arrows(layer, source)


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ", "from os import getenv as g"],
)
def test_a_read_of_the_environment_is_seen(source: str) -> None:
    assert reads_environment(source)


@pytest.mark.parametrize(
    "source",
    [
        'refuse(param="Idempotency-Key")',
        "allowed = {'Access-Control-Allow-Origin': origin}",
        "if error.status_code == 429: ...",
        "def refuse(http_status: int) -> None: ...",
        "from http import HTTPStatus",
        "cors_origins = ()",
        "headers: dict[str, str]",
    ],
)
def test_a_word_of_http_is_seen(source: str) -> None:
    assert http_words(source)


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("domain", "import os\nos.PathLike"),
        ("domain", "from urllib.parse import unquote"),
        ("domain", "from sora_ready.domain import frame"),
        ("adapters", "import boto3, botocore, openai\nfrom sora_ready.domain.job import Job"),
        ("pipeline", "from sora_ready.adapters.job_table import JobTable"),
        ("entrypoints", "from sora_ready.pipeline.submit import Submit\nfrom aws_lambda_powertools import Logger"),
    ],
)
def test_what_is_allowed_is_left_alone(layer: str, source: str) -> None:
    assert not against_the_arrows(layer, source)
    assert not reads_environment(source)
    assert not http_words(f'"""Reads the Retry-After header."""\n{source}\nself.status = Status.READY')


# ---------------------------------------------------------------- sizes and names


@pytest.mark.parametrize("path", FUNCTIONS, ids=short)
def test_a_function_is_at_most_60_lines(path: Path) -> None:
    assert len(read(path).splitlines()) <= MAX_FUNCTION_LINES


def test_no_file_of_the_product_or_its_tests_has_more_than_500_lines() -> None:
    lines = {short(path): len(read(path).splitlines()) for path in [*PRODUCT, *(ROOT / "tests").rglob("*.py")]}

    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_module_has_a_vague_name() -> None:
    assert [short(path) for path in PRODUCT if {path.stem, path.parent.name} & VAGUE] == []


def test_each_function_of_the_template_has_a_folder_and_each_folder_a_function() -> None:
    template = yaml_parse(read(ROOT / "template.yaml"))
    declared = sorted(
        resource["Properties"]["CodeUri"].rstrip("/")
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    )

    assert declared == [short(path.parent) for path in FUNCTIONS]
    assert len(declared) >= 3


def test_every_layer_is_checked() -> None:
    assert {layer_of(path) for path in SHIPPED if path.is_relative_to(PACKAGE) and path.parent != PACKAGE} <= {
        *LAYERS,
        "cli",
    }
    assert all(files(layer) for layer in LAYERS)
    assert len(PRODUCT) > len(SHIPPED) > len(FUNCTIONS)


# ---------------------------------------------------------------- what `make check` runs


def commands(target: str) -> list[list[str]]:
    """Return what `make` would run for a target, with what it needs already in place."""
    ready = [f"--old-file={name}" for name in (".venv/uv", ".venv/ready")]
    run = ["make", "--dry-run", "--no-print-directory", *ready, target]
    listed = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    return [shlex.split(line) for line in listed.stdout.splitlines()]


def pytest_arguments(target: str) -> list[str]:
    [arguments] = [words for words in commands(target) if "pytest" in words]
    return arguments[arguments.index("pytest") + 1 :]


def test_make_check_runs_all_of_make_lint_and_the_unit_tests() -> None:
    assert [words for words in commands("lint") if words not in commands("check")] == []
    assert "tests/unit" in pytest_arguments("check")


def test_make_lint_checks_types_as_the_project_is_configured() -> None:
    assert [".venv/bin/mypy"] in commands("lint")


def test_make_check_runs_no_test_that_make_test_leaves_out() -> None:
    everything, chosen = pytest_arguments("test"), pytest_arguments("check")
    paths = [word for word in chosen if not word.startswith("-") and (ROOT / word.split("::")[0]).exists()]

    assert {"-k", "-m", "--ignore", "--deselect"}.isdisjoint(word.split("=")[0] for word in everything)
    assert [word for word in everything if (ROOT / word).exists()] == []
    assert paths
    assert all(path.split("/")[0] == "tests" for path in paths)
