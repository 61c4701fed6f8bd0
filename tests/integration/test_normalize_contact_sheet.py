"""The contact sheet: each mode side by side, and the one that the README shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.unit.pictures import psnr

from .normalize_command import BLUE, ROOT, Command, color_of, files, paint

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
    assert color_of("ready/photo.jpg") == "blue"
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
