"""`make build`: the template is linted, and SAM builds every function and layer from it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.deploy import ROOT
from local.emulator import REGION

SAM = Path(".venv-sam/bin/sam")
RUNTIME = "python3.13"


class BuildError(RuntimeError):
    """A tool that building needs is missing, or it failed. The message says what to do."""


def build_stack(folder: Path, *, architecture: str) -> Path:
    """Lint `template.yaml` and build it for `architecture` into `folder`; return the built template's path."""
    run_sam("validate", "--lint")
    run_sam("build", "--build-dir", str(folder), "--parameter-overrides", f"Architecture={architecture}")
    return folder / "template.yaml"


def run_sam(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run SAM in the checkout, with a Python of the functions' version in reach. Raises `BuildError`."""
    python = find_python()
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    offline = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
    told = {**os.environ, **offline, **(environment or {}), "PATH": path}
    finished = subprocess.run([str(ROOT / SAM), *arguments], cwd=ROOT, env=told, check=False)
    if finished.returncode:
        raise BuildError(f"sam {arguments[0]} failed; what it said stands above.")


def find_python() -> Path:
    """Return a Python 3.13 that runs: from PATH, or where pyenv keeps them. Raises `BuildError`."""
    candidates = [shutil.which(RUNTIME) or ""]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted((str(path) for path in pyenv.glob(f"versions/3.13.*/bin/{RUNTIME}")), reverse=True)
    for candidate in filter(None, candidates):
        # A version manager's shim is found on PATH even where the version behind it is not selected.
        check = [candidate, "-c", "import venv, ssl"]
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    raise BuildError(
        "Building needs Python 3.13, the functions' version, and none was found. Install it so that python3.13 is on "
        "PATH (for example with your package manager, pyenv or uv)."
    )
