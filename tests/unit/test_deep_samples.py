"""Samples of more than eight bits become the shades that they mean: neither black, nor brightened, nor in bands."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from tests.unit.handmade_files import png, tiff
from tests.unit.pictures import encode, is_near, psnr
from tests.unit.small_frames import GRAY, HEIGHT, PICTURE, SIZE, WIDTH, frame_of, rows_of


@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bits_in_a_box_of_sixteen_are_not_black(order: str) -> None:
    # given a scanner's file: its samples fill 12 bits, the file speaks of 16
    ready = frame_of(tiff(rows_of(GRAY, 12), bits=16, photometric=1, order=order))

    assert psnr(ready, GRAY.convert("RGB")) == 99


def test_a_picture_of_large_numbers_keeps_its_scale() -> None:
    # given a dim picture that uses more than 12 bits: a quarter as bright as white
    ready = frame_of(tiff([[value // 4 for value in row] for row in rows_of(GRAY, 16)], bits=16, photometric=1))

    assert psnr(ready, GRAY.point(lambda value: value / 4).convert("RGB")) > 50


def test_deep_gray_is_scaled_alike_in_all_its_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    # given so little memory that a picture is worked on a row at a time, and brightest in its last row
    monkeypatch.setattr("sora_ready.domain.imaging.color._BAND_PIXELS", WIDTH)
    rows = [*rows_of(GRAY.point(lambda value: value / 32), 16)[:-1], [65_535] * WIDTH]

    frame = frame_of(tiff(rows, bits=16, photometric=1, order=">"))

    assert is_near(frame.getpixel((32, 10)), (4, 4, 4), 1)
    assert frame.getpixel((32, 35)) == (255, 255, 255)


def test_what_holds_no_number_for_white_is_taken_by_its_brightest() -> None:
    # given numbers beyond any usual range, such as a measurement's
    picture = Image.new("I", SIZE, 100_000)
    picture.paste(200_000, (32, 0, 64, 36))
    out = io.BytesIO()
    picture.save(out, "TIFF")

    frame = frame_of(out.getvalue())

    assert is_near(frame.getpixel((10, 18)), (128, 128, 128), 1)
    assert is_near(frame.getpixel((50, 18)), (255, 255, 255), 1)


def test_a_dark_deep_png_is_not_brightened() -> None:
    # given a night shot: its brightest sample is a third of a percent of white
    ready = frame_of(png([[200] * WIDTH] * HEIGHT, bits=16, color_type=0))

    assert max(high for _, high in ready.getextrema()) <= 1


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_fractions_a_little_above_white_do_not_turn_the_picture_black(white: float) -> None:
    # given what a filter leaves: numbers somewhat above the usual white
    picture = Image.new("F", (WIDTH, HEIGHT))
    picture.putdata([white * 1.02 * (number % WIDTH) / (WIDTH - 1) for number in range(WIDTH * HEIGHT)])

    assert frame_of(encode(picture, "TIFF")).getextrema()[0] == (0, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_planes_of_sixteen_bits_are_turned_upright(orientation: int) -> None:
    # given the same samples in planes, and together
    tag = [(274, 3, 1, struct.pack("<HH", orientation, 0))]
    planes, together = (
        tiff(rows_of(PICTURE, 16), bits=16, photometric=2, samples=3, planar=planar, tags=tag)
        for planar in (True, False)
    )

    # together they are cut to their high bytes, as in planes, but may be rounded
    assert psnr(frame_of(planes), frame_of(together)) > 60
