"""The README's blocks, and shells to paste them into, beside a `make up` that is running."""

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


def blocks_of_readme() -> list[str]:
    """Every block of shell commands that the README shows."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder_with_stack_up(tmp_path: Path) -> Iterator[Path]:
    """A folder in which `make up` is running, on ports that disturb nobody."""
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


def shell(folder: Path, lines: str) -> str:
    """Run lines in a plain shell, and return what they said."""
    finished = subprocess.run(
        ["bash", "-e", "-c", lines], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def paste(folder: Path, *lines: str, stdin: str = "") -> str:
    """Run lines in a shell of the stack's, with something that stands for SAM, and return what they said."""
    sam_deploy.put_sam(folder / "bin")
    [start] = [block for block in blocks_of_readme() if block.startswith(". .local/env")]
    finished = subprocess.run(
        ["bash", "-e", "-c", start[: start.index("# drop a picture")] + "\n".join(lines)],
        cwd=folder,
        env=os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
