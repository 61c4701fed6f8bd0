"""Samples of more than 8 bits are scaled to the right shades: not black, not brightened, not banded."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from tests.unit.handmade_files import png, tiff
from tests.unit.pictures import encode, extrema, is_near, psnr
from tests.unit.small_frames import GRAY, HEIGHT, PICTURE, SIZE, WIDTH, frame_of, rows_of


@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bit_samples_stored_in_sixteen_are_not_black(order: str) -> None:
    # given a scanner's file: samples of 12 bits in a file of 16
    ready = frame_of(tiff(rows_of(GRAY, 12), bits=16, photometric=1, order=order))

    assert psnr(ready, GRAY.convert("RGB")) == 99


def test_samples_of_more_than_twelve_bits_are_scaled_from_sixteen() -> None:
    # given a dim picture that uses 14 bits: its brightest sample is a quarter of white
    ready = frame_of(tiff([[value // 4 for value in row] for row in rows_of(GRAY, 16)], bits=16, photometric=1))

    assert psnr(ready, GRAY.point(lambda value: value / 4).convert("RGB")) > 50


def test_all_bands_of_rows_have_the_same_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    # given bands of one row, and a picture that is brightest in its last row
    monkeypatch.setattr("sora_ready.domain.imaging.color._BAND_PIXELS", WIDTH)
    rows = [*rows_of(GRAY.point(lambda value: value / 32), 16)[:-1], [65_535] * WIDTH]

    frame = frame_of(tiff(rows, bits=16, photometric=1, order=">"))

    assert is_near(frame.getpixel((32, 10)), (4, 4, 4), 1)
    assert frame.getpixel((32, 35)) == (255, 255, 255)


def test_samples_beyond_the_usual_ranges_are_scaled_from_the_brightest() -> None:
    # given 32-bit samples, such as measurements
    picture = Image.new("I", SIZE, 100_000)
    picture.paste(200_000, (32, 0, 64, 36))
    out = io.BytesIO()
    picture.save(out, "TIFF")

    frame = frame_of(out.getvalue())

    assert is_near(frame.getpixel((10, 18)), (128, 128, 128), 1)
    assert is_near(frame.getpixel((50, 18)), (255, 255, 255), 1)


def test_a_dark_16_bit_png_is_not_brightened() -> None:
    # given a night shot: its brightest sample is 0.3 percent of white
    ready = frame_of(png([[200] * WIDTH] * HEIGHT, bits=16, color_type=0))

    assert max(high for _, high in extrema(ready)) <= 1


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_samples_a_little_above_white_do_not_darken_the_picture(white: float) -> None:
    # given floating-point samples that a filter made overshoot white
    picture = Image.new("F", (WIDTH, HEIGHT))
    picture.putdata([white * 1.02 * (number % WIDTH) / (WIDTH - 1) for number in range(WIDTH * HEIGHT)])

    assert frame_of(encode(picture, "TIFF")).getextrema()[0] == (0, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_planes_are_turned_upright(orientation: int) -> None:
    # given the same samples in planes and interleaved
    tag = [(274, 3, 1, struct.pack("<HH", orientation, 0))]
    planar, interleaved = (
        tiff(rows_of(PICTURE, 16), bits=16, photometric=2, samples=3, planar=is_planar, tags=tag)
        for is_planar in (True, False)
    )

    # rounding may differ
    assert psnr(frame_of(planar), frame_of(interleaved)) > 60
