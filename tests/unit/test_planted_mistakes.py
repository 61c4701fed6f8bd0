"""`make lint` sees a misspelled setting, field or part of a job: each mistake is planted in a copy and must be named.

A kind of mistake is planted in every file that has a place for it, once in each, and mypy must name each file and line.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest

from sora_ready.domain.job import Job

ROOT = Path(__file__).resolve().parents[2]
COPIED = ["functions", "layers/sora_ready", "local", "tests"]
PARTS = {one.name for one in fields(Job)}
MISSPELLED = "x"
AWS_CLIENTS = {"_client", "client", "cloudformation", "dynamodb", "events", "s3", "sqs"}
MAY_SPREAD = {"cls": "a class method that reads each field of its class by name"}

pytestmark = pytest.mark.slow


class Mistake(NamedTuple):
    """`text` in place of what stands on a line (from 1) from byte `start` to byte `end`.

    mypy names the line, or `named_at` where that is another.
    """

    line: int
    start: int
    end: int
    text: str
    named_at: int = 0


Search = Callable[[ast.AST, dict[str, str]], Mistake | None]


class Copy:
    """A copy of all that mypy checks. Files that were planted in are put back after each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "*.jpg", "*.png", "*.mp4")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        # What an earlier `make lint` learned of the libraries is not worked out again.
        if (ROOT / ".mypy_cache").is_dir():
            shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
        self.planted: dict[Path, bytes] = {}

    def lint(self) -> str:
        """Run mypy as `make lint` does; return what it says."""
        run = [sys.executable, "-m", "mypy", "--no-error-summary"]
        done = subprocess.run(run, cwd=self.folder, capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr
        assert done.returncode == (1 if ": error: " in done.stdout else 0)
        return done.stdout

    def write(self, path: Path, text: bytes) -> None:
        self.planted.setdefault(path, path.read_bytes())
        assert path.read_bytes() != text
        path.write_bytes(text)

    def reveal_spread_arguments(self, path: Path) -> None:
        source = path.read_bytes()
        for mark in find_spread_arguments(source):
            source = apply_mistake(source, mark)
        if source != path.read_bytes():
            self.write(path, source)

    def plant(self, pattern: str, search: Search) -> dict[str, int]:
        """Plant one mistake in each file that has a place for it; return the line of each by the file's name."""
        lines = {}
        for path in sorted(self.folder.glob(pattern)):
            source = path.read_bytes()
            if mistake := find_first(source, search):
                self.write(path, apply_mistake(source, mistake))
                lines[path.relative_to(self.folder).as_posix()] = mistake.named_at or mistake.line
        return lines

    def restore(self) -> None:
        while self.planted:
            path, text = self.planted.popitem()
            path.write_bytes(text)


def find_first(source: bytes, search: Search) -> Mistake | None:
    tree = ast.parse(source)
    found = (search(node, imported_names(tree)) for node in ast.walk(tree))
    return min((mistake for mistake in found if mistake), default=None)


def find_spread_arguments(source: bytes) -> list[Mistake]:
    """Have mypy say of which type each `**argument` of a call is; the last of a file first."""
    spread = [
        keyword.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg is None and not may_spread(node.func)
    ]
    marks = [
        mark
        for value in spread
        for mark in (
            Mistake(value.lineno, value.col_offset, value.col_offset, "reveal_type("),
            Mistake(value.end_lineno or 0, value.end_col_offset or 0, value.end_col_offset or 0, ")"),
        )
    ]
    return sorted(marks, reverse=True)


def may_spread(function: ast.expr) -> bool:
    """Whether any keywords may be spread: JSON leaves for AWS here, or the fields are the keywords."""
    receiver = ast.unparse(function).split(".")[-2:-1]
    return ast.unparse(function) in MAY_SPREAD or bool(AWS_CLIENTS.intersection(receiver))


def apply_mistake(source: bytes, mistake: Mistake) -> bytes:
    lines = source.splitlines(keepends=True)
    line = lines[mistake.line - 1]
    lines[mistake.line - 1] = line[: mistake.start] + mistake.text.encode() + line[mistake.end :]
    return b"".join(lines)


def imported_names(tree: ast.AST) -> dict[str, str]:
    """Return the module that each name of a file was taken from."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def misspell(node: ast.Attribute) -> Mistake:
    line, end = node.end_lineno or 0, node.end_col_offset or 0
    return Mistake(line, end, end, MISSPELLED)


def misspelled_setting(node: ast.AST, _modules: dict[str, str]) -> Mistake | None:
    """`settings().jobs_table`, or `settings.jobs_table`."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"settings()", "settings"}:
        return misspell(node)
    return None


def misspelled_field_of_a_step(node: ast.AST, modules: dict[str, str]) -> Mistake | None:
    """`Submit(jobs=…)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.keywords:
        return None
    keyword = node.keywords[0]
    if not keyword.arg or not modules.get(node.func.id, "").startswith("sora_ready.pipeline."):
        return None
    start = keyword.col_offset + len(keyword.arg.encode())
    # mypy names the line on which the call begins.
    return Mistake(keyword.lineno, start, start, MISSPELLED, named_at=node.lineno)


def misspelled_part_of_a_job(node: ast.AST, _modules: dict[str, str]) -> Mistake | None:
    """`job.submission`."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "job" and node.attr in PARTS:
        return misspell(node)
    return None


def misspelled_field_of_a_part(node: ast.AST, _modules: dict[str, str]) -> Mistake | None:
    """`job.submission.lease_until`."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Attribute):
        return None
    return misspell(node) if misspelled_part_of_a_job(node.value, {}) else None


def wrong_type_for_an_adapter(node: ast.AST, modules: dict[str, str]) -> Mistake | None:
    """`JobTable(client, object())`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    if not modules.get(node.func.id, "").startswith("sora_ready.adapters.") or not node.func.id[0].isupper():
        return None
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if not given or given[-1].lineno != given[-1].end_lineno:
        return None
    return Mistake(given[-1].lineno, given[-1].col_offset, given[-1].end_col_offset or 0, "object()")


@pytest.fixture(scope="module")
def whole_copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture
def copy(whole_copy: Copy) -> Iterator[Copy]:
    yield whole_copy
    whole_copy.restore()


def named_lines(said: str) -> set[tuple[str, int]]:
    return {(match[1], int(match[2])) for match in re.finditer(r"^([^:\n]+):(\d+): error: ", said, re.MULTILINE)}


# ---------------------------------------------------------------- the copy


def test_a_copy_without_a_mistake_passes(copy: Copy) -> None:
    assert copy.lint() == ""


@pytest.mark.parametrize(
    ("pattern", "search", "at_least"),
    [
        ("functions/*/app.py", misspelled_setting, 8),
        ("functions/*/app.py", misspelled_field_of_a_step, 6),
        ("functions/*/app.py", wrong_type_for_an_adapter, 8),
        ("layers/sora_ready/sora_ready/pipeline/*.py", misspelled_part_of_a_job, 12),
        ("layers/sora_ready/sora_ready/pipeline/*.py", misspelled_field_of_a_part, 8),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(copy: Copy, pattern: str, search: Search, at_least: int) -> None:
    planted = copy.plant(pattern, search)

    said = copy.lint()
    assert len(planted) >= at_least
    assert set(planted.items()) - named_lines(said) == set(), said


@pytest.mark.parametrize("part", ["submission", "polling"])
def test_a_renamed_part_of_a_job_is_named_in_the_tests_that_use_it(copy: Copy, part: str) -> None:
    module = copy.folder / "layers/sora_ready/sora_ready/domain/job.py"
    text = module.read_bytes()
    start = text.index(b"class Job:")
    renamed = re.sub(
        rb"^    %s: " % part.encode(), b"    %sx: " % part.encode(), text[start:], count=1, flags=re.MULTILINE
    )
    copy.write(module, text[:start] + renamed)

    said = [line for line in copy.lint().splitlines() if f'no attribute "{part}"' in line]
    assert {line.split("/")[0] for line in said} >= {"layers", "tests"}, said


# ---------------------------------------------------------------- what is seen of `**arguments`


def spread_of_any(said: str) -> list[str]:
    """The places whose argument is a mapping of text to `Any`."""
    return re.findall(
        r'^(\S+:\d+): note: Revealed type is "(?:[\w.]+\.)?\w*(?:dict|Mapping)\[[\w.]*str, Any\]"', said, re.MULTILINE
    )


def test_no_call_spreads_a_dict_of_any(copy: Copy) -> None:
    for pattern in ("functions/*/app.py", "layers/sora_ready/sora_ready/**/*.py", "local/**/*.py"):
        for path in copy.folder.glob(pattern):
            copy.reveal_spread_arguments(path)

    found = spread_of_any(copy.lint())
    assert not found, "\n".join(found)


def test_a_spread_dict_of_any_is_seen(copy: Copy) -> None:
    """A handler that gave its step `**connect()`, a dict of `Any`, would be named; one of known types is not."""
    path = copy.folder / "functions/publish/app.py"
    copy.write(path, SPREADING)
    copy.reveal_spread_arguments(path)

    assert spread_of_any(copy.lint()) == ["functions/publish/app.py:5"]


SPREADING = b"""from typing import Any
def run(**parts: object) -> None: ...
def untyped() -> dict[str, Any]: ...
def typed() -> dict[str, int]: ...
run(**untyped())
run(**typed())
s3.run(**untyped())
"""
