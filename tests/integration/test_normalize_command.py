"""`python -m local normalize`: photos of a disk become frames, whatever some of them hold."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PIL import Image

from local.normalize import write_whole

from .normalize_command import BLUE, RED, Command, color_of, files, paint

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
    assert [color_of("ready/a.jpg"), color_of("ready/trip/day 1/b.jpg")] == ["red", "blue"]
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
    assert [color_of("ready/x.jpg"), color_of("ready/x-2.jpg")] == ["red", "blue"]
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
    assert lines[1].endswith("cannot be decoded whole. Export it again, or take another copy.")


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
    kept = color_of("ready/photo.jpg")
    told = capsys.readouterr().err
    forced = normalize("photo.png", "--out", "ready", "--force")

    # then
    assert (again, kept) == (1, "red")
    assert told == "✗ photo.png (exists): ready/photo.jpg is there already. --force replaces it.\n"
    assert (forced, color_of("ready/photo.jpg")) == (0, "blue")


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
