"""The table of options as arguments of a command, as variables of `make run`, and as a table in the README."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from local import CommandError
from sora_ready.domain.options import OPTIONS

_MAKE = "MAKE_RUN_"
_START, _END = "<!-- written by: python -m local options -->\n", "<!-- end of the table -->\n"


def add_option_arguments(command: argparse.ArgumentParser, *, for_video: bool) -> None:
    """Add an argument for each option; for those that mean nothing to a frame alone only if `for_video`."""
    for spec in OPTIONS.values():
        if for_video or not spec.for_video:
            default = f" Default: {spec.default}." if spec.default else ""
            command.add_argument(
                *(f"--{name}" for name in (spec.name, *spec.other_names)),
                default=make_variable(spec.name),
                help=f"{spec.help}{default}".replace("`", "").replace("%", "%%"),
            )


def given_options(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the options that the arguments give a value."""
    values = {name: str(getattr(arguments, name, "")).strip() for name in OPTIONS}
    return {name: value for name, value in values.items() if value}


def make_variable(name: str) -> str:
    """Return a variable of make's command line, which the Makefile exports under another name. Empty if not given."""
    return os.environ.get(f"{_MAKE}{name.upper()}", "")


def check_make_variables(*others: str) -> None:
    """Raise `CommandError` for a variable of make's command line that means nothing: it may be one misspelled."""
    given = {name.removeprefix(_MAKE) for name in os.environ if name.startswith(_MAKE)}
    known = {name.upper() for name in (*OPTIONS, *others)}
    if unknown := sorted(given - known):
        raise CommandError(f"{', '.join(unknown)}: no such variable. Known: {', '.join(sorted(known))}.")


def write_table(document: Path) -> None:
    """Write the table into a Markdown document, between its two markers. Raises `ValueError` if it has none."""
    before, start, rest = document.read_text(encoding="utf-8").partition(_START)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{document} lacks the markers {_START.strip()} and {_END.strip()}")
    document.write_text(f"{before}{start}\n{render_table()}\n{end}{after}", encoding="utf-8")


def render_table() -> str:
    """Return the table of options in Markdown."""
    rows = ["| option | what it means | default | the stack's default |", "|---|---|---|---|"]
    for spec in OPTIONS.values():
        names = " or ".join(f"`{name}`" for name in (spec.name, *spec.other_names))
        default, parameter = (f"`{text}`" if text else "" for text in (spec.default, spec.parameter))
        rows.append(f"| {names} | {spec.help} | {default} | {parameter} |")
    return "\n".join(rows) + "\n"
