"""`python -m local normalize`: photos on this machine become frames, even if some of them cannot."""

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
    Path("photos/notes.txt").write_text("not a picture, by content and by name")

    # when
    code = normalize("photos", "--out", "ready", "--jobs", "2")

    # then
    assert code == 0
    assert files("ready") == ["a.jpg", "trip/day 1/b.jpg"]
    assert [color_of("ready/a.jpg"), color_of("ready/trip/day 1/b.jpg")] == ["red", "blue"]
    output = capsys.readouterr()
    assert "photos/a.png → ready/a.jpg  64x36, cover\n" in output.out
    assert "Ignored, because their suffixes are not those of pictures: 1\n" in output.out
    assert "2 of 2 photos are frames in ready" in output.out
    assert output.err == ""


@pytest.mark.parametrize(("name", "suffix", "kind"), [("png", ".png", "PNG"), ("webp", ".webp", "WEBP")])
def test_a_frame_has_the_suffix_of_its_format(normalize: Command, name: str, suffix: str, kind: str) -> None:
    # given a photo without a suffix
    paint("photo.jpg").rename("photo")

    # then
    assert normalize("photo", "--out", "ready", "--format", name) == 0
    with Image.open(f"ready/photo{suffix}") as frame:
        assert (frame.format, frame.size) == (kind, (64, 36))


def test_photos_with_the_same_name_do_not_overwrite_one_another(
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


def test_the_output_folder_may_be_inside_the_photos_folder(normalize: Command) -> None:
    # given
    paint("a.png")

    # then the second run does not read the frames of the first
    assert [normalize(".", "--out", "ready"), normalize(".", "--out", "ready", "--force")] == [0, 0]
    assert files("ready") == ["a.jpg"]


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one(
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


def test_each_refusal_is_printed_with_path_code_and_reason(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    paint("photos/good.png")
    Path("photos/cut.png").write_bytes(Path("photos/good.png").read_bytes()[:60])
    Path("photos/notes.jpg").write_text("not a picture")
    Path("photos/zero.gif").touch()

    # when
    code = normalize("photos", "missing.jpg", "--out", "ready")

    # then
    assert code == 1
    assert files("ready") == ["good.jpg"]
    output = capsys.readouterr()
    assert "1 of 4 photos are frames in ready" in output.out
    lines = output.err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "✗ missing.jpg (not_found)",
        "✗ photos/cut.png (corrupt)",
        "✗ photos/notes.jpg (not_an_image)",
        "✗ photos/zero.gif (empty)",
    ]
    assert lines[1].endswith("cannot be decoded whole. Export it again, or take another copy.")


def test_nothing_is_overwritten_without_force(normalize: Command, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    paint("photo.png", RED)
    assert normalize("photo.png", "--out", "ready") == 0
    paint("photo.png", BLUE)
    capsys.readouterr()

    # when
    again = normalize("photo.png", "--out", "ready")
    kept = color_of("ready/photo.jpg")
    errors = capsys.readouterr().err
    forced = normalize("photo.png", "--out", "ready", "--force")

    # then
    assert (again, kept) == (1, "red")
    assert errors == "✗ photo.png (exists): ready/photo.jpg exists already. --force replaces it.\n"
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


def test_a_frame_that_cannot_be_written_does_not_stop_the_others(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
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


# ---------------------------------------------------------------- what stops the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png", "--out", "ready", "--mode", "fill"], "mode='fill' (option) cannot be used. Allowed: cover, pad"),
        (["photo.png", "--out", "ready", "--size", "9"], "size='9' (option) cannot be used. Allowed: any WIDTHxHEIGHT"),
        (["photo.png", "--out", "ready", "--focus", "2 2"], "focus='2 2' (option) cannot be used."),
        (["photo.png"], "Name the output: --out DIR"),
        (["--out", "ready"], "Name the photos"),
        (["photo.png", "--out", "photo.png/ready"], "photo.png/ready must be a folder that can be written"),
        (["photo.png", "--out", "ready", "--contact-sheet", "s.gif"], "its name must end in .jpg, .jpeg, .png."),
        (["photo.png", "--out", "ready", "--contact-sheet", "there.jpg"], "there.jpg exists already. --force"),
        (["many", "--out", "ready", "--contact-sheet", "s.jpg"], "up to 50 photos, not 51. Choose from them"),
    ],
)
def test_unusable_arguments_are_refused_before_anything_is_written(
    normalize: Command, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    # given
    paint("photo.png")
    paint("there.jpg")
    Path("many").mkdir()
    for number in range(51):
        Path(f"many/{number}.jpg").touch()

    # then
    assert normalize(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("ready").exists()


@pytest.mark.parametrize("arguments", [["", "--out", "ready"], ["photo.png", "--out", ""], ["a", "--jobs", "0"]])
def test_an_empty_path_and_a_zero_count_are_refused(normalize: Command, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        normalize(*arguments)

    assert ended.value.code == 2
