"""`make run` hands the variables of its command line over as they were typed, and expands none of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import CommandError
from local.options import check_make_variables

ROOT = Path(__file__).resolve().parents[2]
PRINT_ENVIRONMENT = f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The Makefile, with a virtual environment that is set up and whose Python prints its arguments and environment."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("requirements/uv.txt", "requirements/dev.txt", ".venv/uv", ".venv/ready"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / "bin" / "python").write_text(PRINT_ENVIRONMENT)
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    return tmp_path


def make_run(project: Path, *variables: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    """Return the command's arguments and environment."""
    # These tests may run under make, whose flags are not for this one.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    printed = subprocess.run(
        ["make", "run", *variables],
        cwd=project,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    arguments, seen = json.loads(printed.stdout)
    return arguments, seen


def options(environment: dict[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("MAKE_RUN_"): value for name, value in environment.items() if name.startswith("MAKE_RUN_")
    }


def test_without_variables_the_command_gets_no_options(project: Path) -> None:
    arguments, environment = make_run(project)

    assert arguments == ["-m", "local", "run"]
    assert options(environment) == {}


@pytest.mark.parametrize(
    "value",
    [
        'He said: "it\'s $5", 100% — 猫 🎬 #1 \\o/',
        "$(shell touch expanded) $(error stop) ${HOME} $$ `touch expanded`",
        "two\nlines",
        " = := a=b ",
        "",
    ],
)
def test_a_value_arrives_as_it_was_typed(project: Path, value: str) -> None:
    _, environment = make_run(project, f"PROMPT={value}")

    assert options(environment) == {"PROMPT": value.lstrip()}
    # Make exports the variable itself too.
    assert environment["PROMPT"] == value.lstrip()
    assert not (project / "expanded").exists()


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_seconds_are_those_of_the_command_line_in_a_shell_that_counts_its_own(project: Path, shell: str) -> None:
    _, environment = make_run(project, f"SHELL={shell}", "SECONDS=8")

    assert options(environment)["SECONDS"] == "8"


def test_variables_of_the_shell_that_calls_make_are_no_options(project: Path) -> None:
    _, environment = make_run(project, "MODE=pad", SIZE="1", MODE="emacs", SECONDS="5")

    assert options(environment) == {"MODE": "pad"}


def test_a_variable_that_nobody_declared_arrives_too(project: Path) -> None:
    _, environment = make_run(project, "CAMERA=pan", "CROP_BOUNDS=0 0 1 1")

    assert options(environment) == {"CAMERA": "pan", "CROP_BOUNDS": "0 0 1 1"}


def test_the_address_and_key_of_a_server_may_be_given_to_make_too(project: Path) -> None:
    _, environment = make_run(project, "VIDEO_API_BASE_URL=https://videos.example.com/v1", "VIDEO_API_KEY=a$b")

    assert environment["VIDEO_API_BASE_URL"] == "https://videos.example.com/v1"
    assert environment["VIDEO_API_KEY"] == "a$b"


@pytest.mark.parametrize("name", ["MOD", "mode", "IMG"])
def test_a_variable_that_means_nothing_stops_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MAKE_RUN_{name}", "pad")

    with pytest.raises(CommandError, match=f"{name}: no such variable. Known: BACKGROUND, .*MODE"):
        check_make_variables("image", "out")


def test_the_variables_of_options_and_of_make_run_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODE", "SECONDS", "IMAGE", "OUT"):
        monkeypatch.setenv(f"MAKE_RUN_{name}", "given")

    check_make_variables("image", "out")
