"""The contact sheet shows each photo in every mode, as the frames would be, and says what is what."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from local.contact_sheet import (
    GAP,
    GRAY,
    LINE,
    PAPER,
    TILE,
    draw_refused_row,
    draw_row,
    encode_sheet,
    fit_tile,
    list_variants,
    stack_rows,
)
from local.photos import Photo, Refusal
from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import AUTO, CENTER, Crop, Focus, Format, FrameOptions, Mode, Size
from sora_ready.domain.imaging.normalize import normalize_image

from .pictures import decoded, landscape, psnr

WIDE, TALL = Size(640, 360), Size(360, 640)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Photo:
    path = tmp_path_factory.mktemp("photos") / "tall.png"
    landscape(300, 500).save(path)
    return Photo(path, "tall.png", Path("tall.png"))


@pytest.fixture(scope="module")
def rows(photo: Photo) -> dict[Size, Image.Image]:
    """The photo's row for a wide frame and for a tall one."""
    return {size: draw_row(photo, [size], FrameOptions()) for size in (WIDE, TALL)}


def tile_of(row: Image.Image, column: int, tile: Size) -> Image.Image:
    """The tile in a column (0 is the source's), where the sheet puts it: in the middle of its cell."""
    left = GAP + column * (TILE + GAP) + (TILE - tile.width) // 2
    return row.crop((left, LINE, left + tile.width, LINE + tile.height))


@pytest.mark.parametrize(
    ("column", "mode", "focus"),
    [
        (1, Mode.COVER, CENTER),
        (2, Mode.COVER, AUTO),
        (3, Mode.PAD, CENTER),
        (4, Mode.BLUR, CENTER),
        (5, Mode.STRETCH, CENTER),
    ],
)
@pytest.mark.parametrize("size", [WIDE, TALL])
def test_each_tile_is_the_frame_that_its_mode_makes(
    photo: Photo, rows: dict[Size, Image.Image], column: int, mode: Mode, focus: Focus | str, size: Size
) -> None:
    # when
    ready = decoded(normalize_image(photo.path, size=size, mode=mode, focus=focus))

    # then
    tile = fit_tile(size)
    assert psnr(tile_of(rows[size], column, tile), ready.resize(tile, Image.Resampling.LANCZOS)) > 40


def test_no_two_modes_look_alike_here(photo: Photo) -> None:
    # given what the test above could not tell apart
    tile = fit_tile(WIDE)

    # when
    row = draw_row(photo, [WIDE], FrameOptions(focus=Focus(0.5, 1.0)))

    # then
    tiles = [tile_of(row, column, tile) for column in range(1, 6)]
    assert all(psnr(one, other) < 30 for one in tiles for other in tiles if one is not other)


def test_the_source_is_shown_whole_upright_and_in_proportion(tmp_path: Path) -> None:
    # given a photo that lies on its side
    upright, path = landscape(300, 500), tmp_path / "lying.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95, subsampling=0)

    # when
    row = draw_row(Photo(path, "lying.jpg", Path("lying.jpg")), [WIDE], FrameOptions(crop=Crop(0, 0, 1, 0.5)))

    # then
    small = Size(108, 180)
    assert psnr(tile_of(row, 0, small), upright.resize(small, Image.Resampling.LANCZOS)) > 30


def test_crop_background_and_focus_are_those_asked_for_and_the_rest_is_compared() -> None:
    # when
    looks = list_variants(FrameOptions(Mode.PAD, Focus(0.5, 0.3), Crop(0, 0, 1, 0.5), AUTO, Format.PNG, 5))

    # then
    assert list(looks) == ["cover, focus 0.5 0.3", "cover, focus auto", "pad", "blur", "stretch"]
    assert {(look.crop, look.background) for look in looks.values()} == {(Crop(0, 0, 1, 0.5), AUTO)}
    assert next(iter(list_variants(FrameOptions(focus=AUTO)))) == "cover"


def test_rows_lie_below_the_names_of_the_columns(rows: dict[Size, Image.Image]) -> None:
    # when
    sheet = stack_rows([rows[WIDE], rows[TALL]], FrameOptions())

    # then
    width = GAP + 6 * (TILE + GAP)
    assert [row.size for row in rows.values()] == [(width, LINE + 180 + GAP), (width, LINE + 320 + GAP)]
    assert sheet.size == (width, GAP + LINE + rows[WIDE].height + rows[TALL].height)
    head = sheet.crop((0, 0, width, GAP + LINE))
    for column in range(6):
        left = GAP + column * (TILE + GAP)
        assert head.crop((left, 0, left + TILE, head.height)).getextrema()[0][0] < 100, "no ink"
    assert sheet.crop((0, GAP + LINE, width, GAP + LINE + rows[WIDE].height)).tobytes() == rows[WIDE].tobytes()


def test_a_refused_photo_is_a_gray_tile_with_its_code() -> None:
    # when
    row, other = (draw_refused_row(Refusal("notes.jpg", code, "…")) for code in ("not_an_image", "corrupt"))

    # then
    tile = row.crop((GAP, LINE, GAP + TILE, LINE + 180))
    assert tile.getpixel((4, 4)) == GRAY
    assert tile.getextrema()[0][0] < 100, "no ink"
    assert row.getpixel((GAP + TILE + GAP + 4, LINE + 4)) == PAPER
    assert tile.tobytes() != other.crop((GAP, LINE, GAP + TILE, LINE + 180)).tobytes()


@pytest.mark.parametrize(
    "name", ["x" * 255 + ".jpg", "d/" * 2000 + "x.jpg", "写真.jpg", "صورة.jpg", "🐳" * 300, "a\nb\tc", "\udcff.jpg", ""]
)
def test_any_name_fits_into_its_line(name: str) -> None:
    # when
    row = draw_refused_row(Refusal(name, "corrupt", "…"))

    # then
    assert row.size == (GAP + 6 * (TILE + GAP), LINE + 180 + GAP)
    assert row.crop((row.width - GAP, 0, row.width, LINE)).getcolors() == [(GAP * LINE, PAPER)]


def test_what_is_no_picture_is_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("nothing to see")

    with pytest.raises(ImageRejected):
        draw_row(Photo(tmp_path / "notes.jpg", "notes.jpg", Path("notes.jpg")), [WIDE], FrameOptions())


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".png", "PNG")])
def test_a_sheet_is_written_as_its_name_says(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / "sheet"
    path.write_bytes(encode_sheet(Image.new("RGB", (9, 9)), suffix))

    with Image.open(path) as sheet:
        assert sheet.format == kind
