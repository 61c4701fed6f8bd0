"""Transparency at every bit depth shows the background, and no drawing disappears on it."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Color
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.handmade_files import png
from tests.unit.pictures import encode, is_near


def test_a_black_drawing_on_a_transparent_ground_stays_visible_on_a_black_background() -> None:
    # given a black square on a transparent ground
    picture = Image.new("RGBA", (64, 36), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (20, 10, 40, 26))

    # when
    ready = normalize_image(encode(picture, "PNG"), size=(64, 36), background=Color(0, 0, 0))

    # then the background is white, and the frame says so
    frame = Image.open(io.BytesIO(ready.data))
    assert ready.background == Color(255, 255, 255)
    assert is_near(frame.getpixel((2, 2)), (255, 255, 255))
    assert is_near(frame.getpixel((30, 18)), (0, 0, 0))


@pytest.mark.parametrize(("bits", "gray_level"), [(1, 1), (2, 2), (4, 5), (8, 77), (16, 40_000)])
def test_a_gray_declared_transparent_shows_the_background_at_every_depth(bits: int, gray_level: int) -> None:
    # given a picture whose left half has the transparent gray, and whose right half is black
    picture = png([[gray_level] * 32 + [0] * 32] * 36, bits=bits, color_type=0, chunks=[transparent_color(gray_level)])

    # when
    frame = Image.open(io.BytesIO(normalize_image(picture, size=(64, 36), background=Color(250, 140, 20)).data))

    # then
    assert is_near(frame.getpixel((8, 18)), (250, 140, 20))
    assert is_near(frame.getpixel((56, 18)), (0, 0, 0))


def test_a_deep_color_declared_transparent_shows_the_background() -> None:
    # given 16 bits per channel
    transparent, opaque = (40_000, 1_000, 65_535), (65_535, 0, 0)
    rows = [[sample for pixel in [transparent] * 32 + [opaque] * 32 for sample in pixel]] * 36
    picture = png(rows, bits=16, color_type=2, chunks=[transparent_color(*transparent)])

    # when
    frame = Image.open(io.BytesIO(normalize_image(picture, size=(64, 36), background=Color(250, 140, 20)).data))

    # then
    assert is_near(frame.getpixel((8, 18)), (250, 140, 20))
    assert is_near(frame.getpixel((56, 18)), (255, 0, 0))


def transparent_color(*samples: int) -> tuple[bytes, bytes]:
    """The PNG chunk that declares one color transparent."""
    return b"tRNS", struct.pack(f">{len(samples)}H", *samples)


def test_a_fully_transparent_picture_is_rejected() -> None:
    # given colors under full transparency
    picture = Image.new("RGBA", (64, 36), (200, 0, 0, 0))
    picture.paste((0, 200, 0, 0), (10, 10, 30, 30))

    # then
    with pytest.raises(ImageRejected) as rejected:
        normalize_image(encode(picture, "PNG"), size=(64, 36))
    assert rejected.value.code == "blank"


def test_a_drawing_in_nearly_the_background_color_stays_visible() -> None:
    # given
    picture = Image.new("RGBA", (64, 36), (0, 0, 0, 0))
    picture.paste((8, 8, 8, 255), (20, 10, 40, 26))

    # then
    assert normalize_image(encode(picture, "PNG"), size=(64, 36)).background == Color(255, 255, 255)


@pytest.mark.parametrize("ink", [(20, 20, 20), (51, 51, 51), (10, 20, 60)])
def test_a_dark_drawing_stays_visible_on_black(ink: tuple[int, int, int]) -> None:
    # given a logo in dark ink on a transparent ground
    logo = Image.new("RGBA", (64, 36))
    logo.paste((*ink, 255), (10, 8, 50, 28))

    ready = normalize_image(encode(logo), size=(64, 36))

    assert ready.background == Color(255, 255, 255)


@pytest.mark.parametrize("ink", [(110, 110, 110), (200, 30, 30), (30, 60, 200)])
def test_a_visible_drawing_keeps_the_requested_background(ink: tuple[int, int, int]) -> None:
    logo = Image.new("RGBA", (64, 36))
    logo.paste((*ink, 255), (10, 8, 50, 28))

    assert normalize_image(encode(logo), size=(64, 36)).background == Color(0, 0, 0)


def test_a_dark_photo_with_round_corners_is_not_a_drawing() -> None:
    # given a night photo of which only the corners are transparent
    night = Image.new("RGBA", (64, 36), (12, 12, 20, 255))
    night.paste((0, 0, 0, 0), (0, 0, 4, 4))

    assert normalize_image(encode(night), size=(64, 36)).background == Color(0, 0, 0)


def test_an_empty_crop_of_a_picture_is_rejected_with_advice() -> None:
    # given a subject at the left of a wide picture that is transparent otherwise
    wide = Image.new("RGBA", (300, 100))
    wide.paste((200, 30, 30, 255), (0, 0, 60, 100))

    with pytest.raises(ImageRejected, match="mode=pad"):
        normalize_image(encode(wide), size=(100, 100))
    assert normalize_image(encode(wide), size=(100, 100), mode="pad").size == (100, 100)
