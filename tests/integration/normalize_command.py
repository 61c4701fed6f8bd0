"""The normalize command and small photos, for the tests of `python -m local normalize`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from local.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
RED, BLUE = (220, 30, 30), (40, 60, 210)

Command = Callable[..., int]


@pytest.fixture
def normalize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command, run in the test's folder, for small frames and with one process."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> int:
        return main(["normalize", "--size", "64x36", "--jobs", "1", *arguments])

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def paint(path: str, color: tuple[int, int, int] = RED, size: tuple[int, int] = (90, 60)) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return Path(path)


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def color_of(path: str) -> str:
    with Image.open(path) as frame:
        assert frame.size == (64, 36)
        red, _, blue = frame.convert("RGB").crop((32, 18, 33, 19)).tobytes()
    return "red" if red > blue else "blue"
