"""What a type checker cannot see is kept small: `Any`, ignored errors, untyped keywords, long lists of parameters."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted(
    path for folder in ("functions", "layers/sora_ready/sora_ready", "local") for path in (ROOT / folder).rglob("*.py")
)

MAX_ANY, MAX_PARAMETERS = 50, 6
# The reason stands after a second `#`, where mypy lets a comment be.
IGNORED = re.compile(r"#\s*type:\s*ignore")
IGNORED_WITH_REASON = re.compile(r"#\s*type:\s*ignore\[[a-z-]+(,\s*[a-z-]+)*\]\s*#\s*\S+(\s+\S+)+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_any(source: str) -> list[int]:
    """The lines on which `Any` is used: annotations, and the aliases and casts that stand for one."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")
    ]


def functions(source: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def parameters(function: Function) -> list[str]:
    """The parameters that a caller gives: all but `self` and `cls`, `*` and `**` counted as one each."""
    given = function.args
    starred = [one for one in (given.vararg, given.kwarg) if one]
    return [
        one.arg
        for one in [*given.posonlyargs, *given.args, *given.kwonlyargs, *starred]
        if one.arg not in {"self", "cls"}
    ]


def has_untyped_keywords(function: Function) -> bool:
    """Tell whether it takes `**keywords` of any type."""
    keywords = function.args.kwarg
    return bool(keywords and keywords.annotation and "Any" in re.split(r"\W+", ast.unparse(keywords.annotation)))


def ignored_without_reason(source: str) -> list[int]:
    comments = [
        token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT
    ]
    return [
        token.start[0]
        for token in comments
        if IGNORED.search(token.string) and not IGNORED_WITH_REASON.search(token.string)
    ]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---------------------------------------------------------------- the product


def test_the_product_uses_any_at_most_50_times() -> None:
    count = {short(path): number for path in PRODUCT if (number := len(find_any(read(path))))}

    assert sum(count.values()) <= MAX_ANY, "\n".join(f"{number:3} {path}" for path, number in count.items())


def test_the_pipeline_uses_no_any() -> None:
    pipeline = [path for path in PRODUCT if "pipeline" in path.parts]

    assert pipeline
    assert {short(path): lines for path in pipeline if (lines := find_any(read(path)))} == {}


def test_no_function_takes_keywords_of_any_type() -> None:
    found = [
        f"{short(path)}:{function.lineno} {function.name}"
        for path in PRODUCT
        for function in functions(read(path))
        if has_untyped_keywords(function)
    ]

    assert not found, "\n".join(found)


def test_no_type_error_is_ignored_without_a_reason() -> None:
    found = [f"{short(path)}:{line}" for path in PRODUCT for line in ignored_without_reason(read(path))]

    assert not found, "\n".join(found)


def test_no_function_has_more_than_six_parameters() -> None:
    found = [
        f"{short(path)}:{function.lineno} {function.name}: {len(parameters(function))}"
        for path in PRODUCT
        for function in functions(read(path))
        if len(parameters(function)) > MAX_PARAMETERS
    ]

    assert not found, "\n".join(found)


# ---------------------------------------------------------------- the checks see


@pytest.mark.parametrize(
    "source",
    [
        "def run(event: dict[str, Any]) -> None: ...",
        "def run() -> Any: ...",
        "event: Mapping[str, typing.Any] = {}",
        "JsonObject = dict[str, Any]",
        "cast(Any, event)",
    ],
)
def test_any_is_seen(source: str) -> None:
    assert find_any(source) == [1]


@pytest.mark.parametrize("annotation", ["Any", "dict[str, Any]", "Mapping[str, Any]", "t.Any"])
def test_keywords_of_any_type_are_seen(annotation: str) -> None:
    assert [has_untyped_keywords(one) for one in functions(f"def run(**parts: {annotation}) -> None: ...")] == [True]


@pytest.mark.parametrize("annotation", ["str", "JsonValue", "Unpack[JobChanges]", "object"])
def test_keywords_of_a_type_are_left_alone(annotation: str) -> None:
    assert [has_untyped_keywords(one) for one in functions(f"def run(**parts: {annotation}) -> None: ...")] == [False]


@pytest.mark.parametrize(
    "comment",
    [
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# type: ignore  # the stub of boto3 knows no such field",
        "# type: ignore[arg-type] # why",
        "# noqa: N815 # type: ignore[arg-type]",
    ],
)
def test_an_ignored_error_without_a_reason_is_seen(comment: str) -> None:
    assert ignored_without_reason(f"x = 1  {comment}") == [1]


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # type: ignore[arg-type] # the stub of boto3 knows no such field",
        "x = 1  # type: ignore[arg-type, call-overload]  # the stub of boto3 knows no such field",
        "x = '# type: ignore'",
    ],
)
def test_an_ignored_error_with_a_reason_is_left_alone(line: str) -> None:
    assert ignored_without_reason(line) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def run(a, b, /, c, *, d): ...", 4),
        ("def run(self, *things, **more): ...", 2),
        ("async def run(cls, a): ...", 1),
    ],
)
def test_the_parameters_that_a_caller_gives_are_counted(source: str, count: int) -> None:
    assert [len(parameters(one)) for one in functions(source)] == [count]
