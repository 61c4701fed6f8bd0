"""`make run`, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from local.sample import make_sample
from local.stack import JobRecord
from tests.e2e.measure_media import open_picture, psnr, read_clip

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / ".." / "shared" / "corpus"


def make_run(out: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    # These tests may run under make themselves; its flags are not for this make.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "run", f"OUT={out}", *variables],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def read_job(out: Path) -> JobRecord:
    return json.loads((out / "job.json").read_text(encoding="utf-8"))


def test_without_options_it_turns_the_sample_into_a_video(tmp_path: Path) -> None:
    # when
    finished = make_run(tmp_path)

    # then
    assert finished.returncode == 0, finished.stdout + finished.stderr
    ready, clip = open_picture(tmp_path / "ready.jpg"), read_clip(tmp_path / "video.mp4")
    assert ready.size == clip.size == (1280, 720)
    assert psnr(clip.first_frame, ready) > 30
    job = read_job(tmp_path)
    assert job["status"] == "completed"
    assert {"request", "option_sources", "source", "copy", "video", "server", "created_at", "history"} <= job.keys()
    assert "requests for a video that reached the server: 1" in finished.stdout


def test_every_option_reaches_the_server_as_it_was_typed(tmp_path: Path) -> None:
    # given a prompt with the special characters of shells and makefiles
    prompt = 'He said: "it\'s $5", 100% — 猫 🎬 #1 \\o/'

    # when
    finished = make_run(tmp_path, "SIZE=1792x1024", "MODEL=sora-2-pro", "SECONDS=8", f"PROMPT={prompt}")

    # then
    assert finished.returncode == 0, finished.stdout + finished.stderr
    job, clip = read_job(tmp_path), read_clip(tmp_path / "video.mp4")
    assert job["request"]["prompt"] == prompt
    assert (job["request"]["model"], job["request"]["seconds"]) == ("sora-2-pro", 8)
    assert (clip.size, round(clip.seconds, 1)) == ((1792, 1024), 8.0)


def test_a_file_that_is_not_a_picture_is_refused_in_one_line_and_nothing_is_sent(tmp_path: Path) -> None:
    # given the output of a previous run, and a text with the suffix of a picture
    (tmp_path / "video.mp4").write_bytes(b"old")
    (tmp_path / "text.jpg").write_text("a beach, at dawn")

    # when
    finished = make_run(tmp_path, f"IMAGE={tmp_path / 'text.jpg'}")

    # then
    assert finished.returncode != 0
    [line] = [line for line in finished.stderr.splitlines() if line.startswith("✗")]
    assert "rejected (not_an_image)" in line
    assert "requests for a video that reached the server: 0" in finished.stdout
    assert (read_job(tmp_path)["status"], read_job(tmp_path)["error"]["code"]) == ("rejected", "not_an_image")
    assert not (tmp_path / "video.mp4").exists()


def test_a_size_that_the_model_does_not_support_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    # when
    finished = make_run(tmp_path, "SIZE=1792x1024", "MODEL=sora-2")

    # then
    assert finished.returncode != 0
    assert "1280x720, 720x1280" in finished.stderr
    assert "requests for a video that reached the server: 0" in finished.stdout


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (["IMAGE=nowhere.jpg"], "IMAGE=nowhere.jpg does not exist. Set IMAGE to a picture."),
        (["IMAGE=tests"], "IMAGE=tests is a folder. Set IMAGE to a picture."),
        (["IMAGE=README.md"], "IMAGE=README.md is not a picture: the stack ignores .md. Set IMAGE to a picture."),
        (["OUT=README.md"], "OUT=README.md must be a folder that can be written"),
    ],
)
def test_a_mistyped_variable_is_explained_in_one_line(tmp_path: Path, variables: list[str], message: str) -> None:
    # when
    finished = make_run(tmp_path, *variables)

    # then
    assert finished.returncode != 0
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_frame_of_the_previous_run_may_be_the_next_picture(tmp_path: Path) -> None:
    # given the output of a previous run, with a size that is refused
    picture = make_sample(tmp_path / "ready.jpg")

    # when
    finished = make_run(tmp_path, f"IMAGE={picture}", "SIZE=it's 1x1")

    # then the size, quote included, reached the function
    assert 'size="it\'s 1x1" (metadata) cannot be used' in finished.stderr
    assert read_job(tmp_path)["source"]["key"] == "ready.jpg"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads Linux's /proc")
def test_a_server_that_cannot_be_reached_is_named_and_ctrl_c_ends_everything(tmp_path: Path) -> None:
    # given the address of a real server at which nothing listens
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "run", "--out", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"VIDEO_API_BASE_URL": "http://127.0.0.1:9/v1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout

    # when its first attempt has failed, and Ctrl-C is pressed twice
    output = []
    for line in process.stdout:
        output.append(line)
        if line.startswith("!"):
            break
    [emulator] = [int(pid) for pid in children_of(process.pid)]
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    output.append(process.stdout.read())

    # then
    process.stdout.close()
    assert process.wait(timeout=30) == 130
    assert "No connection to the video server could be made." in "".join(output)
    assert "Traceback" not in "".join(output)
    assert not Path(f"/proc/{emulator}").exists()
    assert read_job(tmp_path)["error"]["code"] == "server_unreachable"


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_sideways_picture_is_turned_upright(tmp_path: Path) -> None:
    # given a picture stored sideways, as phones do (orientation 6)
    upright = open_picture(make_sample(tmp_path / "upright.jpg"))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "sideways.jpg", exif=exif, quality=95)

    # when
    finished = make_run(tmp_path / "out", f"IMAGE={tmp_path / 'sideways.jpg'}", "SIZE=720x1280", "MODE=pad")

    # then
    assert finished.returncode == 0, finished.stdout + finished.stderr
    ready = open_picture(tmp_path / "out" / "ready.jpg")
    expected = Image.new("RGB", (720, 1280))
    expected.paste(upright.resize((720, 480), Image.Resampling.LANCZOS), (0, 400))
    assert ready.size == (720, 1280)
    assert psnr(ready, expected) > 30


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no collection of real pictures")
def test_a_real_sideways_picture_is_turned_upright(tmp_path: Path) -> None:
    # given the same landscape, stored upright and stored sideways
    sideways, upright = (CORPUS / "exif" / f"exif-orientation-examples__Landscape_{turn}.jpg" for turn in (6, 1))

    # when
    finished = make_run(tmp_path, f"IMAGE={sideways}", "SIZE=720x1280", "MODE=pad")

    # then
    assert finished.returncode == 0, finished.stdout + finished.stderr
    ready = open_picture(tmp_path / "ready.jpg")
    expected = Image.new("RGB", (720, 1280))
    expected.paste(open_picture(upright).convert("RGB").resize((720, 480), Image.Resampling.LANCZOS), (0, 400))
    assert ready.size == (720, 1280)
    assert psnr(ready, expected) > 20
