"""A crop keeps exactly the region asked for: of a chart of flat colors, one field, and nothing of those around it."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from sora_ready.domain.frame import Color, Crop, Mode, Size
from sora_ready.domain.imaging import normalize as imaging
from sora_ready.domain.imaging.decoding import load_small
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import Pixel, encode, shown
from tests.unit.test_upright import ORIENTATIONS, held

COLUMNS, ROWS = 4, 3
FIELDS = [(column, row) for row in range(ROWS) for column in range(COLUMNS)]
# In two corners and in the middle.
SOME_FIELDS = [(0, 0), (2, 1), (3, 2)]


def color(field: tuple[int, int]) -> Color:
    """Another one for each field, with neighbours far apart."""
    number = field[1] * COLUMNS + field[0]
    return Color((number * 83 + 20) % 236 + 10, (number * 151 + 90) % 236 + 10, (number * 37 + 140) % 236 + 10)


def chart(field: Size) -> Image.Image:
    picture = Image.new("RGB", (field.width * COLUMNS, field.height * ROWS))
    for column, row in FIELDS:
        picture.paste(tuple(color((column, row))), (column * field.width, row * field.height, *picture.size))
    return picture


def crop_to(field: tuple[int, int]) -> Crop:
    column, row = field
    return Crop(column / COLUMNS, row / ROWS, (column + 1) / COLUMNS, (row + 1) / ROWS)


def strays(frame: Image.Image, wanted: Pixel) -> int:
    """How far the frame's farthest pixel is from the color."""
    extremes = zip(frame.getextrema(), wanted, strict=True)
    return max(max(value - low, high - value) for (low, high), value in extremes)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("size", [Size(64, 48), Size(40, 60), Size(160, 90)], ids=str)
def test_one_field_is_all_that_is_seen(mode: Mode, size: Size) -> None:
    picture = encode(chart(Size(50, 37)))

    frames = [
        normalize_image(picture, size=size, mode=mode, crop=crop_to(field), background=color(field), format="png")
        for field in FIELDS
    ]

    assert [strays(shown(frame), color(field)) for frame, field in zip(frames, FIELDS, strict=True)] == [0] * 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_field_is_found_in_the_upright_picture(orientation: int, kind: str) -> None:
    picture = held(chart(Size(50, 37)), orientation, kind)

    frames = [normalize_image(picture, size=(64, 36), crop=crop_to(field), format="png") for field in SOME_FIELDS]

    assert [strays(shown(frame), color(field)) for frame, field in zip(frames, SOME_FIELDS, strict=True)] == [0] * 3


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("size", "scale"), [(Size(200, 150), 1), (Size(80, 60), 1 / 2), (Size(40, 30), 1 / 4), (Size(20, 15), 1 / 8)]
)
def test_a_photo_that_is_decoded_small_is_cut_at_the_same_place(
    size: Size, scale: float, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales: list[Any] = []

    def load(picture: Image.Image, needed: Size) -> tuple[float, float]:
        scales.append(load_small(picture, needed))
        return scales[-1]

    monkeypatch.setattr(imaging, "load_small", load)
    # Sides that the decoder's blocks do not divide: an edge of a field lies within a block, and is a little unsharp.
    photo = held(chart(Size(203, 151)), orientation)

    frames = [normalize_image(photo, size=size, crop=crop_to(field), format="png") for field in SOME_FIELDS]

    assert scales == [(scale, scale)] * 3
    far = [strays(shown(frame), color(field)) for frame, field in zip(frames, SOME_FIELDS, strict=True)]
    assert max(far) <= 8


def test_a_single_pixel_can_be_asked_for() -> None:
    picture = encode(chart(Size(1, 1)))

    frames = [normalize_image(picture, size=(16, 9), crop=crop_to(field), format="png") for field in FIELDS]

    assert [strays(shown(frame), color(field)) for frame, field in zip(frames, FIELDS, strict=True)] == [0] * 12


def test_a_pixel_of_a_row_of_ten_can_be_asked_for_in_tenths() -> None:
    # 0.3 - 0.2 is a little less than a tenth.
    picture = Image.new("RGB", (10, 10))
    picture.putpixel((2, 2), (200, 100, 50))

    frame = normalize_image(encode(picture), size=(16, 9), crop=Crop(0.2, 0.2, 0.3, 0.3), format="png")

    assert strays(shown(frame), (200, 100, 50)) == 0
