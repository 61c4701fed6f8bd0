"""A crop to one cell of a color chart shows that cell and nothing of its neighbors."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from sora_ready.domain.frame import Color, Crop, Mode, Size
from sora_ready.domain.imaging import fitting, normalize_image
from sora_ready.domain.imaging.decoding import load_scaled
from tests.unit.pictures import Pixel, decoded, encode, extrema
from tests.unit.test_upright import ORIENTATIONS, with_orientation

COLUMNS, ROWS = 4, 3
CELLS = [(column, row) for row in range(ROWS) for column in range(COLUMNS)]
# In two corners and in the center.
SOME_CELLS = [(0, 0), (2, 1), (3, 2)]


def color(cell: tuple[int, int]) -> Color:
    """A different color for each cell, far from those of adjacent cells."""
    number = cell[1] * COLUMNS + cell[0]
    return Color((number * 83 + 20) % 236 + 10, (number * 151 + 90) % 236 + 10, (number * 37 + 140) % 236 + 10)


def chart(cell: Size) -> Image.Image:
    picture = Image.new("RGB", (cell.width * COLUMNS, cell.height * ROWS))
    for column, row in CELLS:
        picture.paste(tuple(color((column, row))), (column * cell.width, row * cell.height, *picture.size))
    return picture


def crop_to(cell: tuple[int, int]) -> Crop:
    column, row = cell
    return Crop(column / COLUMNS, row / ROWS, (column + 1) / COLUMNS, (row + 1) / ROWS)


def max_deviation(frame: Image.Image, expected: Pixel) -> int:
    """The largest difference of any sample from the expected color."""
    extremes = zip(extrema(frame), expected, strict=True)
    return max(max(value - low, high - value) for (low, high), value in extremes)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("size", [Size(64, 48), Size(40, 60), Size(160, 90)], ids=str)
def test_only_the_cropped_cell_is_visible(mode: Mode, size: Size) -> None:
    picture = encode(chart(Size(50, 37)))

    frames = [
        normalize_image(picture, size=size, mode=mode, crop=crop_to(cell), background=color(cell), format="png")
        for cell in CELLS
    ]

    assert [max_deviation(decoded(frame), color(cell)) for frame, cell in zip(frames, CELLS, strict=True)] == [0] * 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_crop_is_of_the_upright_picture(orientation: int, kind: str) -> None:
    picture = with_orientation(chart(Size(50, 37)), orientation, kind)

    frames = [normalize_image(picture, size=(64, 36), crop=crop_to(cell), format="png") for cell in SOME_CELLS]

    assert [max_deviation(decoded(frame), color(cell)) for frame, cell in zip(frames, SOME_CELLS, strict=True)] == [
        0
    ] * 3


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("size", "scale"), [(Size(200, 150), 1), (Size(80, 60), 1 / 2), (Size(40, 30), 1 / 4), (Size(20, 15), 1 / 8)]
)
def test_a_photo_decoded_at_a_smaller_scale_is_cropped_at_the_same_edges(
    size: Size, scale: float, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales: list[Any] = []

    def load(picture: Image.Image, min_size: Size) -> tuple[float, float]:
        scales.append(load_scaled(picture, min_size))
        return scales[-1]

    monkeypatch.setattr(fitting, "load_scaled", load)
    # The decoder's blocks do not divide these sides: the edge of a cell is inside a block, and a little blurred.
    photo = with_orientation(chart(Size(203, 151)), orientation)

    frames = [normalize_image(photo, size=size, crop=crop_to(cell), format="png") for cell in SOME_CELLS]

    assert scales == [(scale, scale)] * 3
    deviations = [max_deviation(decoded(frame), color(cell)) for frame, cell in zip(frames, SOME_CELLS, strict=True)]
    assert max(deviations) <= 8


def test_a_crop_can_be_a_single_pixel() -> None:
    picture = encode(chart(Size(1, 1)))

    frames = [normalize_image(picture, size=(16, 9), crop=crop_to(cell), format="png") for cell in CELLS]

    assert [max_deviation(decoded(frame), color(cell)) for frame, cell in zip(frames, CELLS, strict=True)] == [0] * 12


def test_a_crop_of_a_tenth_can_be_one_of_ten_pixels() -> None:
    # 0.3 - 0.2 is a little less than a tenth.
    picture = Image.new("RGB", (10, 10))
    picture.putpixel((2, 2), (200, 100, 50))

    frame = normalize_image(encode(picture), size=(16, 9), crop=Crop(0.2, 0.2, 0.3, 0.3), format="png")

    assert max_deviation(decoded(frame), (200, 100, 50)) == 0
