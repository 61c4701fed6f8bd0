"""The contact sheet shows each photo in every mode, exactly as its frames would be, with titles."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from PIL import Image

from local.contact_sheet import (
    BACKGROUND,
    GAP,
    LINE_HEIGHT,
    REFUSED_COLOR,
    TILE_SIDE,
    draw_refused_row,
    draw_row,
    encode_sheet,
    join_rows,
    list_variants,
    tile_size,
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
    """The photo's row, for a wide frame and for a tall one."""
    return {size: draw_row(photo, [size], FrameOptions()) for size in (WIDE, TALL)}


def tile_of(row: Image.Image, column: int, tile: Size) -> Image.Image:
    """The tile in a column (0 is the source's), which is in the middle of its cell."""
    left = GAP + column * (TILE_SIDE + GAP) + (TILE_SIDE - tile.width) // 2
    return row.crop((left, LINE_HEIGHT, left + tile.width, LINE_HEIGHT + tile.height))


def darkest(picture: Image.Image) -> int:
    return min(picture.convert("L").tobytes())


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
    photo: Photo, rows: dict[Size, Image.Image], column: int, mode: Mode, focus: Focus | Literal["auto"], size: Size
) -> None:
    # when
    ready = decoded(normalize_image(photo.path, size=size, mode=mode, focus=focus))

    # then
    tile = tile_size(size)
    assert psnr(tile_of(rows[size], column, tile), ready.resize(tile, Image.Resampling.LANCZOS)) > 40


def test_no_two_tiles_are_alike(photo: Photo) -> None:
    # given a focus at the edge, without which the covers would be alike
    tile = tile_size(WIDE)

    # when
    row = draw_row(photo, [WIDE], FrameOptions(focus=Focus(0.5, 1.0)))

    # then
    tiles = [tile_of(row, column, tile) for column in range(1, 6)]
    assert all(psnr(one, other) < 30 for one in tiles for other in tiles if one is not other)


def test_the_source_is_shown_whole_upright_and_in_proportion(tmp_path: Path) -> None:
    # given a photo that is stored sideways
    upright, path = landscape(300, 500), tmp_path / "lying.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95, subsampling=0)

    # when
    row = draw_row(Photo(path, "lying.jpg", Path("lying.jpg")), [WIDE], FrameOptions(crop=Crop(0, 0, 1, 0.5)))

    # then
    small = Size(108, 180)
    assert psnr(tile_of(row, 0, small), upright.resize(small, Image.Resampling.LANCZOS)) > 30


def test_crop_background_and_focus_are_as_given_and_the_modes_are_compared() -> None:
    # when
    variants = list_variants(FrameOptions(Mode.PAD, Focus(0.5, 0.3), Crop(0, 0, 1, 0.5), AUTO, Format.PNG, 5))

    # then
    assert list(variants) == ["cover, focus 0.5 0.3", "cover, focus auto", "pad", "blur", "stretch"]
    assert {(variant.crop, variant.background) for variant in variants.values()} == {(Crop(0, 0, 1, 0.5), AUTO)}
    assert next(iter(list_variants(FrameOptions(focus=AUTO)))) == "cover"


def test_rows_are_below_the_titles_of_the_columns(rows: dict[Size, Image.Image]) -> None:
    # when
    sheet = join_rows([rows[WIDE], rows[TALL]], FrameOptions())

    # then
    width = GAP + 6 * (TILE_SIDE + GAP)
    assert [row.size for row in rows.values()] == [(width, LINE_HEIGHT + 180 + GAP), (width, LINE_HEIGHT + 320 + GAP)]
    assert sheet.size == (width, GAP + LINE_HEIGHT + rows[WIDE].height + rows[TALL].height)
    head = sheet.crop((0, 0, width, GAP + LINE_HEIGHT))
    for column in range(6):
        left = GAP + column * (TILE_SIDE + GAP)
        assert darkest(head.crop((left, 0, left + TILE_SIDE, head.height))) < 100, "no text"
    assert (
        sheet.crop((0, GAP + LINE_HEIGHT, width, GAP + LINE_HEIGHT + rows[WIDE].height)).tobytes()
        == rows[WIDE].tobytes()
    )


def test_a_refused_photo_is_a_gray_tile_with_its_code() -> None:
    # when
    row, other = (draw_refused_row(Refusal("notes.jpg", code, "…")) for code in ("not_an_image", "corrupt"))

    # then
    tile = row.crop((GAP, LINE_HEIGHT, GAP + TILE_SIDE, LINE_HEIGHT + 180))
    assert tile.getpixel((4, 4)) == REFUSED_COLOR
    assert darkest(tile) < 100, "no text"
    assert row.getpixel((GAP + TILE_SIDE + GAP + 4, LINE_HEIGHT + 4)) == BACKGROUND
    assert tile.tobytes() != other.crop((GAP, LINE_HEIGHT, GAP + TILE_SIDE, LINE_HEIGHT + 180)).tobytes()


@pytest.mark.parametrize(
    "name", ["x" * 255 + ".jpg", "d/" * 2000 + "x.jpg", "写真.jpg", "صورة.jpg", "🐳" * 300, "a\nb\tc", "\udcff.jpg", ""]
)
def test_a_name_of_any_length_fits_its_line(name: str) -> None:
    # when
    row = draw_refused_row(Refusal(name, "corrupt", "…"))

    # then
    assert row.size == (GAP + 6 * (TILE_SIDE + GAP), LINE_HEIGHT + 180 + GAP)
    assert row.crop((row.width - GAP, 0, row.width, LINE_HEIGHT)).getcolors() == [(GAP * LINE_HEIGHT, BACKGROUND)]


def test_a_file_that_is_not_a_picture_is_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("nothing to see")

    with pytest.raises(ImageRejected):
        draw_row(Photo(tmp_path / "notes.jpg", "notes.jpg", Path("notes.jpg")), [WIDE], FrameOptions())


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".png", "PNG")])
def test_a_sheet_has_the_format_of_its_suffix(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / "sheet"
    path.write_bytes(encode_sheet(Image.new("RGB", (9, 9)), suffix))

    with Image.open(path) as sheet:
        assert sheet.format == kind
