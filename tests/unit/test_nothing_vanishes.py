"""Transparency at every depth shows the background, and no picture vanishes on it."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Colour
from sora_ready.domain.imaging import normalize_image
from tests.unit.files_by_hand import png
from tests.unit.pictures import encode, is_near


def test_a_black_drawing_on_nothing_is_not_lost_on_a_black_background() -> None:
    # given a black square, and nothing around it
    picture = Image.new("RGBA", (64, 36), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (20, 10, 40, 26))

    # when
    ready = normalize_image(encode(picture, "PNG"), size=(64, 36), background=Colour(0, 0, 0))

    # then it is laid on white, and the frame says so
    frame = Image.open(io.BytesIO(ready.data))
    assert ready.background == Colour(255, 255, 255)
    assert is_near(frame.getpixel((2, 2)), (255, 255, 255))
    assert is_near(frame.getpixel((30, 18)), (0, 0, 0))


@pytest.mark.parametrize(("bits", "grey_level"), [(1, 1), (2, 2), (4, 5), (8, 77), (16, 40_000)])
def test_a_grey_declared_transparent_shows_the_background_at_every_depth(bits: int, grey_level: int) -> None:
    # given a picture whose left half has the transparent grey, and whose right half another
    picture = png([[grey_level] * 32 + [0] * 32] * 36, bits=bits, colour_type=0, chunks=[clear(grey_level)])

    # when
    frame = Image.open(io.BytesIO(normalize_image(picture, size=(64, 36), background=Colour(250, 140, 20)).data))

    # then
    assert is_near(frame.getpixel((8, 18)), (250, 140, 20))
    assert is_near(frame.getpixel((56, 18)), (0, 0, 0))


def test_a_deep_colour_declared_transparent_shows_the_background() -> None:
    # given 16 bits a channel
    unseen, solid = (40_000, 1_000, 65_535), (65_535, 0, 0)
    rows = [[sample for pixel in [unseen] * 32 + [solid] * 32 for sample in pixel]] * 36
    picture = png(rows, bits=16, colour_type=2, chunks=[clear(*unseen)])

    # when
    frame = Image.open(io.BytesIO(normalize_image(picture, size=(64, 36), background=Colour(250, 140, 20)).data))

    # then
    assert is_near(frame.getpixel((8, 18)), (250, 140, 20))
    assert is_near(frame.getpixel((56, 18)), (255, 0, 0))


def clear(*samples: int) -> tuple[bytes, bytes]:
    """The chunk that declares one colour of a PNG transparent."""
    return b"tRNS", struct.pack(f">{len(samples)}H", *samples)


def test_a_picture_that_is_transparent_all_over_is_refused() -> None:
    # given colours that nobody would see
    picture = Image.new("RGBA", (64, 36), (200, 0, 0, 0))
    picture.paste((0, 200, 0, 0), (10, 10, 30, 30))

    # then
    with pytest.raises(ImageRejected) as refusal:
        normalize_image(encode(picture, "PNG"), size=(64, 36))
    assert refusal.value.code == "blank"


def test_a_drawing_that_is_nearly_its_background_is_not_lost_either() -> None:
    # given
    picture = Image.new("RGBA", (64, 36), (0, 0, 0, 0))
    picture.paste((8, 8, 8, 255), (20, 10, 40, 26))

    # then
    assert normalize_image(encode(picture, "PNG"), size=(64, 36)).background == Colour(255, 255, 255)
