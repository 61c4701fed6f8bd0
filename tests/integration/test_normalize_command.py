"""`python -m local normalize`: photos of a disk become frames, whatever some of them hold."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from local.__main__ import main
from local.normalize import Order, normalize_photos, write_whole
from sora_ready.domain.frame import Look, Size
from tests.unit.pictures import psnr

from .dying_work import die_of_bad_ones, die_the_first_time

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


def paint(path: str, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (90, 60)) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return Path(path)


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def colour_of(path: str) -> str:
    with Image.open(path) as frame:
        assert frame.size == (64, 36)
        pixel = frame.convert("RGB").getpixel((32, 18))
    return "red" if pixel[0] > pixel[2] else "blue"


# ---------------------------------------------------------------- what is written


def test_a_folder_becomes_a_folder_of_exact_frames(normalize: Command, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    paint("photos/a.png")
    paint("photos/trip/day 1/b.bmp", BLUE)
    Path("photos/notes.txt").write_text("not a picture, and not called one")

    # when
    code = normalize("photos", "--out", "ready", "--jobs", "2")

    # then
    assert code == 0
    assert files("ready") == ["a.jpg", "trip/day 1/b.jpg"]
    assert [colour_of("ready/a.jpg"), colour_of("ready/trip/day 1/b.jpg")] == ["red", "blue"]
    told = capsys.readouterr()
    assert "photos/a.png → ready/a.jpg  64x36, cover\n" in told.out
    assert "Left alone, as they are no pictures by their names: 1\n" in told.out
    assert "2 of 2 photos are frames in ready" in told.out
    assert told.err == ""


@pytest.mark.parametrize(("asked", "suffix", "kind"), [("png", ".png", "PNG"), ("webp", ".webp", "WEBP")])
def test_a_frame_is_called_after_its_format(normalize: Command, asked: str, suffix: str, kind: str) -> None:
    # given a photo whose name says nothing
    paint("photo.jpg").rename("photo")

    # then
    assert normalize("photo", "--out", "ready", "--format", asked) == 0
    with Image.open(f"ready/photo{suffix}") as frame:
        assert (frame.format, frame.size) == (kind, (64, 36))


def test_photos_of_one_name_do_not_overwrite_one_another(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    paint("a/x.png", RED)
    paint("b/x.jpg", BLUE)

    # when
    code = normalize("a/x.png", "b/x.jpg", "--out", "ready")

    # then
    assert code == 0
    assert [colour_of("ready/x.jpg"), colour_of("ready/x-2.jpg")] == ["red", "blue"]
    assert "b/x.jpg is ready/x-2.jpg: another one is x.jpg.\n" in capsys.readouterr().out


def test_the_folder_of_the_frames_may_lie_among_the_photos(normalize: Command) -> None:
    # given
    paint("a.png")

    # then the frames of the first run are no photos to the second
    assert [normalize(".", "--out", "ready"), normalize(".", "--out", "ready", "--force")] == [0, 0]
    assert files("ready") == ["a.jpg"]


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_half_of_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    def write_half(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "frame.jpg").write_bytes(b"the old one")
    monkeypatch.setattr(Path, "write_bytes", write_half)

    # when
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "frame.jpg", b"the new one")

    # then
    assert (tmp_path / "frame.jpg").read_bytes() == b"the old one"
    assert files(str(tmp_path)) == ["frame.jpg"]


# ---------------------------------------------------------------- what is refused


def test_what_is_refused_is_told_with_its_path_its_code_and_why(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    paint("photos/good.png")
    Path("photos/cut.png").write_bytes(Path("photos/good.png").read_bytes()[:60])
    Path("photos/notes.jpg").write_text("nothing to see")
    Path("photos/zero.gif").touch()

    # when
    code = normalize("photos", "missing.jpg", "--out", "ready")

    # then
    assert code == 1
    assert files("ready") == ["good.jpg"]
    told = capsys.readouterr()
    assert "1 of 4 photos are frames in ready" in told.out
    lines = told.err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "✗ missing.jpg (not_found)",
        "✗ photos/cut.png (corrupt)",
        "✗ photos/notes.jpg (not_an_image)",
        "✗ photos/zero.gif (empty)",
    ]
    assert lines[1].endswith("cannot be decoded whole. Export or upload it again.")


def test_nothing_is_overwritten_unless_that_is_asked_for(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    paint("photo.png", RED)
    assert normalize("photo.png", "--out", "ready") == 0
    paint("photo.png", BLUE)
    capsys.readouterr()

    # when
    again = normalize("photo.png", "--out", "ready")
    kept = colour_of("ready/photo.jpg")
    told = capsys.readouterr().err
    forced = normalize("photo.png", "--out", "ready", "--force")

    # then
    assert (again, kept) == (1, "red")
    assert told == "✗ photo.png (exists): ready/photo.jpg is there already. --force replaces it.\n"
    assert (forced, colour_of("ready/photo.jpg")) == (0, "blue")


@pytest.mark.parametrize("out", ["photos", "photos/../photos", "link"])
def test_a_photo_is_never_overwritten(normalize: Command, capsys: pytest.CaptureFixture[str], out: str) -> None:
    # given
    paint("photos/a.jpg")
    paint("photos/b.jpg")
    Path("link").symlink_to("photos")
    before = [Path(path).read_bytes() for path in ("photos/a.jpg", "photos/b.jpg")]

    # then
    assert normalize("photos", "--out", out, "--force") == 2
    assert normalize("photos", "--contact-sheet", f"{out}/b.jpg", "--force") == 2
    assert [Path(path).read_bytes() for path in ("photos/a.jpg", "photos/b.jpg")] == before
    assert "is one of the photos and would be overwritten" in capsys.readouterr().err


def test_a_frame_that_cannot_be_written_costs_no_other(normalize: Command, capsys: pytest.CaptureFixture[str]) -> None:
    # given a file where a folder is needed
    paint("photos/trip/a.png")
    paint("photos/b.png")
    paint("ready/trip.jpg").rename("ready/trip")

    # when
    code = normalize("photos", "--out", "ready")

    # then
    assert code == 1
    assert files("ready") == ["b.jpg", "trip"]
    assert "photos/trip/a.png (not_written): ready/trip/a.jpg cannot be written" in capsys.readouterr().err


# ---------------------------------------------------------------- what is not begun


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["photo.png", "--out", "ready", "--mode", "fill"], "mode='fill' (option) cannot be used. Allowed: cover, pad"),
        (["photo.png", "--out", "ready", "--size", "9"], "size='9' (option) cannot be used. Allowed: any WIDTHxHEIGHT"),
        (["photo.png", "--out", "ready", "--focus", "2 2"], "focus='2 2' (option) cannot be used."),
        (["photo.png"], "Say what for: --out DIR"),
        (["--out", "ready"], "Say which photos"),
        (["photo.png", "--out", "photo.png/ready"], "photo.png/ready must be a folder that can be written"),
        (["photo.png", "--out", "ready", "--contact-sheet", "s.gif"], "its name must end in .jpg, .jpeg, .png."),
        (["photo.png", "--out", "ready", "--contact-sheet", "there.jpg"], "there.jpg is there already. --force"),
        (["many", "--out", "ready", "--contact-sheet", "s.jpg"], "up to 50 photos, and these are 51. Choose from them"),
    ],
)
def test_a_wrong_order_is_refused_before_any_photo_is_touched(
    normalize: Command, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    # given
    paint("photo.png")
    paint("there.jpg")
    Path("many").mkdir()
    for number in range(51):
        Path(f"many/{number}.jpg").touch()

    # then
    assert normalize(*arguments) == 2
    assert told in capsys.readouterr().err
    assert not Path("ready").exists()


@pytest.mark.parametrize("arguments", [["", "--out", "ready"], ["photo.png", "--out", ""], ["a", "--jobs", "0"]])
def test_an_argument_that_means_nothing_is_refused(normalize: Command, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        normalize(*arguments)

    assert ended.value.code == 2


# ---------------------------------------------------------------- what a photo can do to its process


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Four photos, one of them called bad, and two processes."""
    for name in ("a", "bad", "c", "d"):
        paint(str(tmp_path / "photos" / f"{name}.png"))
    return Order([tmp_path / "photos"], (Size(64, 36),), Look(), out=tmp_path / "ready", jobs=2)


def test_a_photo_that_kills_its_process_costs_no_other(
    order: Order, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # when
    complete = normalize_photos(order, work=die_of_bad_ones)

    # then
    assert not complete
    assert files(str(tmp_path / "ready")) == ["a.jpg", "c.jpg", "d.jpg"]
    [line] = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/photos/bad.png (decoder_crashed): The decoder crashed on it" in line


def test_a_photo_whose_process_was_killed_once_is_tried_again(order: Order, tmp_path: Path) -> None:
    # given
    alone = replace(order, photos=[tmp_path / "photos" / "a.png"])

    # then
    assert normalize_photos(alone, work=die_the_first_time)
    assert (tmp_path / "photos" / "a.mark").exists()
    assert files(str(tmp_path / "ready")) == ["a.jpg"]


# ---------------------------------------------------------------- the command as a process


def test_stopping_is_quick_and_leaves_only_whole_files(tmp_path: Path) -> None:
    # given more than can be done in time
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

    # when the whole group is told, as a terminal does it
    told = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    # then it ended, and so did all that hold its output open
    assert process.returncode == 130
    assert time.monotonic() - told < 10
    assert errors == "✗ Stopped. Every file that was written is whole.\n"
    written = list((tmp_path / "ready").iterdir())
    assert 0 < len(written) < 200
    for path in written:
        with Image.open(path) as frame:
            frame.load()
            assert (path.suffix, frame.size) == (".jpg", (1280, 720))


def test_the_stack_is_not_loaded_for_it(tmp_path: Path) -> None:
    # given
    heavy = ("boto3", "botocore", "openai", "httpx", "starlette", "local.emulator", "local.stand_in")
    script = (
        "import sys; from local.__main__ import main\n"
        f"code = main(['normalize', '--samples', '--contact-sheet', {str(tmp_path / 's.gif')!r}])\n"
        f"print(code, sorted(set(sys.modules) & set({heavy!r})))"
    )

    # when
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    # then
    assert ended.stdout == "2 []\n"


# ---------------------------------------------------------------- the contact sheet


def test_a_contact_sheet_needs_no_folder_and_shows_what_was_refused(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    paint("photo.png")
    Path("notes.jpg").write_text("nothing to see")

    # when
    code = normalize("photo.png", "notes.jpg", "--contact-sheet", "sheet.png")

    # then two rows below the names of six columns
    assert code == 1
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (16 + 6 * 336, 56 + 2 * 236)
    told = capsys.readouterr()
    assert "1 of 2 photos are side by side in sheet.png" in told.out
    assert "notes.jpg (not_an_image)" in told.err
    assert files(".") == ["notes.jpg", "photo.png", "sheet.png"]


def test_a_frame_that_is_there_already_is_on_the_sheet_all_the_same(normalize: Command) -> None:
    # given
    paint("photo.png")
    paint("ready/photo.jpg", BLUE, size=(64, 36))

    # when
    code = normalize("photo.png", "--out", "ready", "--contact-sheet", "sheet.jpg")

    # then
    assert code == 1
    assert colour_of("ready/photo.jpg") == "blue"
    with Image.open("sheet.jpg") as sheet:
        assert sheet.size == (16 + 6 * 336, 56 + 236)


def test_the_picture_in_the_readme_is_what_the_command_makes(normalize: Command) -> None:
    # given
    kept = ROOT / "docs" / "contact-sheet.jpg"

    # when
    code = normalize("--samples", "--size", "1280x720", "--contact-sheet", "sheet.jpg")

    # then
    assert code == 0
    assert kept.stat().st_size < 200_000
    with Image.open(kept) as old, Image.open("sheet.jpg") as new:
        assert psnr(old, new) > 35, (
            "make it again: .venv/bin/python -m local normalize --samples --size 1280x720 --force "
            "--contact-sheet docs/contact-sheet.jpg"
        )
