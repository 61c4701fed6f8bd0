"""Photos, and the command that makes frames of them, as the tests of `python -m local normalize` use both."""

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
    """The command, called from the folder of the test, for small frames and with one process at a time."""
    monkeypatch.chdir(tmp_path)
    heeded = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGHUP)}

    def call(*arguments: str) -> int:
        return main(["normalize", "--size", "64x36", "--jobs", "1", *arguments])

    yield call
    for which, handler in heeded.items():
        signal.signal(which, handler)


def paint(path: str, color: tuple[int, int, int] = RED, size: tuple[int, int] = (90, 60)) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return Path(path)


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def color_of(path: str) -> str:
    with Image.open(path) as frame:
        assert frame.size == (64, 36)
        pixel = frame.convert("RGB").getpixel((32, 18))
    return "red" if pixel[0] > pixel[2] else "blue"
