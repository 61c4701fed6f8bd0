"""`python -m local normalize`: which files it reads, the names of their frames, and the meaning of its options."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from local.display import Display, PhotoProgress
from local.normalize import parse_options
from local.photos import Photo, assign_outputs, find_photos, make_printable
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import AUTO, Focus, Format, Mode, Size


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def photos(*names: str) -> list[Photo]:
    return [Photo(Path("somewhere", name), name, Path(name)) for name in names]


# ---------------------------------------------------------------- the files


def test_a_folder_is_searched_with_its_subfolders_for_suffixes_in_any_case(tmp_path: Path) -> None:
    # given
    touch(tmp_path, "b.JPG", "a.heic", "trip/day 1/c.Png", "notes.txt", "film.mp4", ".hidden.jpg", ".trash/d.jpg")

    # when
    found = find_photos([tmp_path])

    # then
    assert [str(photo.relative_path) for photo in found.photos] == ["a.heic", "b.JPG", "trip/day 1/c.Png"]
    assert found.ignored == 2
    assert found.refusals == []


def test_a_file_that_is_given_itself_is_read_whatever_its_name(tmp_path: Path) -> None:
    # given
    touch(tmp_path, "scan", ".hidden", "scan.2024")

    # when
    found = find_photos([tmp_path / "scan", tmp_path / ".hidden", tmp_path / "scan.2024"])

    # then
    assert len(found.photos) == 3
    assert list(map(str, assign_outputs(found.photos, ".jpg"))) == ["scan.jpg", ".hidden.jpg", "scan.2024.jpg"]


def test_links_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    # given
    touch(tmp_path, "photos/a.jpg", "photos/trip/b.jpg", "elsewhere/c.jpg")
    (tmp_path / "photos/trip/back").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/self.jpg").symlink_to(tmp_path / "photos/self.jpg")
    (tmp_path / "photos/linked").symlink_to(tmp_path / "elsewhere")

    # when
    found = find_photos([tmp_path / "photos"])

    # then
    assert [str(photo.relative_path) for photo in found.photos] == ["a.jpg", "linked/c.jpg", "trip/b.jpg"]
    assert [refusal.code for refusal in found.refusals] == ["unreadable"]


def test_the_frames_of_the_previous_run_are_not_photos(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "ready/a.jpg")

    found = find_photos([tmp_path], excluded=tmp_path / "ready")

    assert [str(photo.relative_path) for photo in found.photos] == ["a.jpg"]


def test_a_photo_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    # given
    touch(tmp_path, "a.jpg", "trip/b.jpg")

    # when
    found = find_photos([tmp_path, tmp_path / "a.jpg", tmp_path / "trip", tmp_path / "trip" / ".." / "a.jpg"])

    # then
    assert [photo.path.name for photo in found.photos] == ["a.jpg", "b.jpg"]
    assert found.refusals == []


def test_a_path_that_cannot_be_a_photo_is_refused(tmp_path: Path) -> None:
    # given a pipe, whose reading would block; a missing file; a folder without pictures
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "empty").mkdir()

    # when
    found = find_photos([tmp_path / "pipe.jpg", tmp_path / "missing.jpg", tmp_path / "empty"])

    # then
    assert found.photos == []
    assert [(refusal.name, refusal.code) for refusal in found.refusals] == [
        (str(tmp_path / "pipe.jpg"), "not_a_file"),
        (str(tmp_path / "missing.jpg"), "not_found"),
        (str(tmp_path / "empty"), "no_pictures"),
    ]


# ---------------------------------------------------------------- the names of the frames


@pytest.mark.parametrize(
    ("names", "outputs"),
    [
        (["x.png", "x.jpg"], ["x.jpg", "x-2.jpg"]),
        (["x.png", "x.jpg", "x-2.heic", "x.gif"], ["x.jpg", "x-3.jpg", "x-2.jpg", "x-4.jpg"]),
        (["X.png", "x.jpg"], ["X.jpg", "x-2.jpg"]),
        (["é.png", "e\u0301.jpg"], ["é.jpg", "e\u0301-2.jpg"]),
        (["trip/x.png", "x.png"], ["trip/x.jpg", "x.jpg"]),
    ],
)
def test_no_two_frames_have_the_same_name(names: list[str], outputs: list[str]) -> None:
    assert list(map(str, assign_outputs(photos(*names), ".jpg"))) == outputs


def test_no_frame_has_the_name_of_the_contact_sheet() -> None:
    assert assign_outputs(photos("sheet.png"), ".jpg", taken=[Path("sheet.jpg")]) == [Path("sheet-2.jpg")]


# ---------------------------------------------------------------- the options


def test_the_defaults_are_the_models_sizes_and_the_default_frame_options() -> None:
    sizes, frame_options = parse_options({"size": "", "mode": " "})

    assert sizes == (Size(1280, 720), Size(720, 1280))
    assert (frame_options.mode, frame_options.format, frame_options.quality) == (Mode.COVER, Format.JPEG, 95)


@pytest.mark.parametrize(
    ("size", "model", "sizes"),
    [
        ("640x360", "", [(640, 360)]),
        ("1×1", "sora-2", [(1, 1)]),
        ("8192X8192", "", [(8192, 8192)]),
        ("portrait", "", [(720, 1280)]),
        ("1080p", "sora-2-pro", [(1920, 1080), (1080, 1920)]),
        ("TikTok", "Sora-2-Pro", [(720, 1280)]),
    ],
)
def test_a_size_is_any_in_pixels_or_a_name_of_the_models_sizes(
    size: str, model: str, sizes: list[tuple[int, int]]
) -> None:
    assert list(parse_options({"size": size, "model": model})[0]) == sizes


def test_an_option_overrides_its_preset() -> None:
    _, frame_options = parse_options({"preset": "portrait", "mode": "blur"})

    assert (frame_options.mode, frame_options.focus) == (Mode.BLUR, Focus(0.5, 0.3))
    assert parse_options({"preset": "landscape"})[1].focus == AUTO


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("size", "8193x1", "any WIDTHxHEIGHT up to 8192x8192"),
        ("size", "0x9", "any WIDTHxHEIGHT"),
        ("size", "square", "landscape_720p"),
        ("model", "wan-2", "sora-2, sora-2-pro"),
        ("mode", "fill", "cover, pad, blur, stretch, auto"),
        ("quality", "101", "whole numbers from 1 to 100"),
    ],
)
def test_a_refused_option_names_option_value_and_what_is_allowed(field: str, value: str, allowed: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        parse_options({field: value})

    assert str(refusal.value).startswith(f"{field}={value!r} (option) cannot be used.")
    assert allowed in str(refusal.value)


# ---------------------------------------------------------------- the output


@pytest.mark.parametrize("terminal", [False, True])
def test_a_terminal_has_a_bar_and_a_file_has_lines(terminal: bool) -> None:
    # given
    out = io.StringIO()

    # when
    with PhotoProgress(Display(Console(file=out, force_terminal=terminal, width=100)), 2) as progress:
        progress.count("[b]one.jpg", "is ready")
        progress.count("two.jpg", "is ready")

    # then
    output = out.getvalue()
    assert (output == "1/2 [b]one.jpg is ready\n2/2 two.jpg is ready\n") is not terminal
    assert ("━" in output and "2/2" in output) is terminal


def test_a_name_cannot_send_control_codes_to_the_terminal() -> None:
    assert make_printable("a\x1b[2Jb\n\udcffc 写真") == "a?[2Jb??c 写真"
