"""The README's shell blocks, and a way to run them beside a running `make up`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import sam_deploy

ROOT = Path(__file__).resolve().parents[2]


def readme_blocks() -> list[str]:
    """Return every block of shell commands in the README."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def find_block(start: str) -> str:
    """Return the README's one block that starts so."""
    [block] = [block for block in readme_blocks() if block.startswith(start)]
    return block


def stack_setup() -> str:
    """Return the README's lines that connect a shell to the stack and define `stack`, which returns an output."""
    block = find_block(". .local/env")
    return block[: block.index("# drop a picture")]


@pytest.fixture
def folder_with_stack_up(tmp_path: Path) -> Iterator[Path]:
    """A folder in which `make up` is running, on free ports."""
    log = (tmp_path / "up.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--port", "0", "--video-port", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        for _ in range(600):
            if (tmp_path / ".local" / "env").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert (tmp_path / ".local" / "env").exists(), (tmp_path / "up.log").read_text()
        yield tmp_path
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        log.close()


def run_shell(
    folder: Path, lines: str, *options: str, environment: dict[str, str] | None = None, stdin: str = ""
) -> str:
    """Run lines in bash, stopping at the first error; return their output."""
    finished = subprocess.run(
        ["bash", "-e", *options, "-c", lines],
        cwd=folder,
        env=os.environ | (environment or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def run_with_stack(folder: Path, *lines: str, stdin: str = "") -> str:
    """Run lines in a shell that is connected to the stack, with a replacement for SAM; return their output."""
    sam_deploy.install_sam(folder / "bin")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "PYTHONPATH": str(ROOT)}
    return run_shell(folder, stack_setup() + "\n".join(lines), environment=environment, stdin=stdin)
