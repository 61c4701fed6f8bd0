"""A photo that kills its process costs no other photo, and a command that is stopped leaves only whole files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from local.display import Display
from local.normalize import NormalizeCommand, normalize_photos
from sora_ready.domain.frame import FrameOptions, Size

from .crashing_work import crash_at_first_attempt, crash_on_bad_photos
from .normalize_command import ROOT, files, paint

# ---------------------------------------------------------------- a photo that kills its process


@pytest.fixture
def command(tmp_path: Path) -> NormalizeCommand:
    """The command for four photos, one of them named bad, with two processes."""
    for name in ("a", "bad", "c", "d"):
        paint(str(tmp_path / "photos" / f"{name}.png"))
    return NormalizeCommand([tmp_path / "photos"], (Size(64, 36),), FrameOptions(), out=tmp_path / "ready", jobs=2)


def test_a_photo_that_kills_its_process_does_not_stop_the_others(
    command: NormalizeCommand, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # when
    complete = normalize_photos(command, Display(), work=crash_on_bad_photos)

    # then
    assert not complete
    assert files(str(tmp_path / "ready")) == ["a.jpg", "c.jpg", "d.jpg"]
    [line] = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/photos/bad.png (decoder_crashed): The decoder crashed" in line


def test_a_photo_whose_process_was_killed_once_is_repeated(command: NormalizeCommand, tmp_path: Path) -> None:
    # given
    alone = replace(command, paths=[tmp_path / "photos" / "a.png"])

    # then
    assert normalize_photos(alone, Display(), work=crash_at_first_attempt)
    assert (tmp_path / "photos" / "a.mark").exists()
    assert files(str(tmp_path / "ready")) == ["a.jpg"]


# ---------------------------------------------------------------- the command as a process


def test_stopping_is_quick_and_leaves_only_whole_files(tmp_path: Path) -> None:
    # given more photos than can be normalized in time
    big = paint(str(tmp_path / "photos" / "0.png"), size=(4000, 3000))
    for number in range(1, 200):
        (tmp_path / "photos" / f"{number}.png").hardlink_to(big)
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "normalize", tmp_path / "photos", "--out", tmp_path / "ready", "--jobs", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    process.stdout.readline()

    # when the whole process group gets Ctrl-C, as a terminal sends it
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    # then it ended, and so did every process that has its output open
    assert process.returncode == 130
    assert errors == "✗ Stopped. Every file that was written is whole.\n"
    written = list((tmp_path / "ready").iterdir())
    assert 0 < len(written) < 200
    for path in written:
        with Image.open(path) as frame:
            frame.load()
            assert (path.suffix, frame.size) == (".jpg", (1280, 720))


def test_normalize_does_not_import_the_stack(tmp_path: Path) -> None:
    # given
    heavy = ("boto3", "botocore", "openai", "httpx", "starlette", "local.emulator", "local.fake_video_server")
    script = (
        "import sys; from local.__main__ import main\n"
        f"code = main(['normalize', '--samples', '--contact-sheet', {str(tmp_path / 's.gif')!r}])\n"
        f"print(code, sorted(set(sys.modules) & set({heavy!r})))"
    )

    # when
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    # then
    assert finished.stdout == "2 []\n"
