"""One table declares what a user can ask for: an option added there alone is accepted and documented everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.options import render_table
from sora_ready.domain.frame import Format, FrameOptions, Mode
from sora_ready.domain.options import DEFAULTS, OPTIONS, PRESETS, Option, OptionSpec
from sora_ready.domain.request import parse_frame_options

from .load_template import load

ROOT = Path(__file__).resolve().parents[2]
CHOICES = {"mode": [*Mode], "format": [*Format], "preset": [*PRESETS]}
PARAMETERS = {spec.parameter: spec for spec in OPTIONS.values() if spec.parameter}

TABLE = "_TABLE: tuple[OptionSpec[object], ...] = (\n"
ADDED = """    OptionSpec(
        "camera",
        one_of({"still": "still", "pan": "pan"}),
        allowed=["still", "pan"],
        help="How the camera moves: `still` or `pan`.",
        schema={"type": "string", "enum": ["still", "pan"]},
        default="still",
        parameter="DefaultCamera",
        other_names=("camera_move",),
    ),
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the package says of `camera`, which was added to its table and nowhere else."""
    copy = tmp_path_factory.mktemp("copy")
    package = Path("layers", "sora_ready")
    for folder in (package, Path("local")):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / package / "sora_ready" / "domain" / "options.py"
    source = table.read_text(encoding="utf-8")
    assert source.count(TABLE) == 1
    table.write_text(source.replace(TABLE, TABLE + ADDED), encoding="utf-8")
    printed = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("find_added_option.py"))],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": f"{copy}:{copy / package}", "MAKE_RUN_CAMERA": "pan", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr
    answer: dict[str, Any] = json.loads(printed.stdout)
    return answer


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("tag", ["camera=pan (tag)"]),
        ("metadata", ["camera=pan (metadata)"]),
        ("json body", {"camera": "pan"}),
        ("api request", {"camera": "pan"}),
        ("direct invocation", {"camera": "pan"}),
        ("command line", {"camera": "pan"}),
        ("make", {"camera": "pan"}),
        ("stack default", "the stack's camera"),
    ],
)
def test_an_added_option_is_accepted(found: dict[str, Any], where: str, value: object) -> None:
    assert found[where] == value


def test_an_added_option_is_parsed_by_its_own_parser(found: dict[str, Any]) -> None:
    assert found["refusal"] == ["invalid_camera", ["still", "pan"]]


def test_an_added_option_is_in_the_openapi_document(found: dict[str, Any]) -> None:
    for schema in found["openapi"]:
        assert schema == {
            "type": "string",
            "enum": ["still", "pan"],
            "description": "How the camera moves: `still` or `pan`. Default: the stack's.",
            "x-sora-ready": True,
        }


@pytest.mark.parametrize("command", ["run --help", "normalize --help"])
def test_an_added_option_is_in_the_help_of_the_command_line(found: dict[str, Any], command: str) -> None:
    assert "--camera CAMERA, --camera_move CAMERA" in found[command]
    assert "How the camera moves: still or pan. Default: still." in found[command]


def test_an_added_option_is_in_the_documentation(found: dict[str, Any]) -> None:
    row = "| `camera` or `camera_move` | How the camera moves: `still` or `pan`. | `still` | `DefaultCamera` |"

    assert row in found["documentation"].splitlines()


# ---------------------------------------------------------------- what cannot be derived


def test_the_readme_has_the_table_as_it_is() -> None:
    assert f"\n\n{render_table()}\n" in (ROOT / "README.md").read_text(encoding="utf-8"), (
        "run .venv/bin/python -m local options"
    )


def test_the_template_has_a_parameter_for_every_default_and_no_other() -> None:
    parameters = {name for name in load()["Parameters"] if name.startswith("Default")}

    assert parameters == set(PARAMETERS)


@pytest.mark.parametrize("spec", [pytest.param(spec, id=spec.name) for spec in PARAMETERS.values()])
def test_a_parameter_has_the_tables_default_and_allowed_values(spec: OptionSpec[object]) -> None:
    parameter = load()["Parameters"][spec.parameter]

    assert str(parameter["Default"]) == spec.default or spec.default == ""
    assert parameter.get("AllowedValues", spec.schema.get("enum")) == spec.schema.get("enum")


def test_every_function_that_reads_a_default_is_given_all_of_them() -> None:
    variables = {f"DEFAULT_{spec.name.upper()}": {"Ref": spec.parameter} for spec in PARAMETERS.values()}
    given = [
        {name: value for name, value in environment.items() if name.startswith("DEFAULT_")}
        for resource in load()["Resources"].values()
        if (environment := resource.get("Properties", {}).get("Environment", {}).get("Variables"))
    ]

    assert [defaults for defaults in given if defaults] == [variables] * 3


def test_the_defaults_of_the_table_are_those_of_the_library() -> None:
    assert parse_frame_options({name: Option(value, "default") for name, value in DEFAULTS.items()}) == FrameOptions()
    assert parse_frame_options({}) == FrameOptions()


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in CHOICES.items() for word in words])
def test_the_help_explains_every_word_that_an_option_may_be(name: str, word: str) -> None:
    assert f"`{word}`" in OPTIONS[name].help
    assert OPTIONS[name].schema["enum"] == CHOICES[name]
