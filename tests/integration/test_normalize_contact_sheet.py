"""The contact sheet of `python -m local normalize`, and the one in the README."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.unit.pictures import psnr

from .normalize_command import BLUE, ROOT, Command, color_of, files, paint


def test_a_contact_sheet_needs_no_output_folder_and_shows_refused_photos(
    normalize: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    paint("photo.png")
    Path("notes.jpg").write_text("not a picture")

    # when
    code = normalize("photo.png", "notes.jpg", "--contact-sheet", "sheet.png")

    # then it has two rows below the titles of six columns
    assert code == 1
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (16 + 6 * 336, 56 + 2 * 236)
    output = capsys.readouterr()
    assert "1 of 2 photos are side by side in sheet.png" in output.out
    assert "notes.jpg (not_an_image)" in output.err
    assert files(".") == ["notes.jpg", "photo.png", "sheet.png"]


def test_a_photo_whose_frame_exists_already_is_on_the_sheet_too(normalize: Command) -> None:
    # given
    paint("photo.png")
    paint("ready/photo.jpg", BLUE, size=(64, 36))

    # when
    code = normalize("photo.png", "--out", "ready", "--contact-sheet", "sheet.jpg")

    # then
    assert code == 1
    assert color_of("ready/photo.jpg") == "blue"
    with Image.open("sheet.jpg") as sheet:
        assert sheet.size == (16 + 6 * 336, 56 + 236)


def test_the_picture_in_the_readme_is_what_the_command_draws(normalize: Command) -> None:
    # given
    documented = ROOT / "docs" / "contact-sheet.jpg"

    # when
    code = normalize("--samples", "--size", "1280x720", "--contact-sheet", "sheet.jpg")

    # then
    assert code == 0
    assert documented.stat().st_size < 200_000
    with Image.open(documented) as old, Image.open("sheet.jpg") as new:
        assert psnr(old, new) > 35, (
            "create it again: .venv/bin/python -m local normalize --samples --size 1280x720 --force "
            "--contact-sheet docs/contact-sheet.jpg"
        )
