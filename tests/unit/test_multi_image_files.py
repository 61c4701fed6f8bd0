"""Of a file with several pictures, the first is used, at the position that the file gives it."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, color_of, decoded, encode, is_near, psnr
from tests.unit.small_frames import ORANGE, PICTURE, SIZE, frame_of


def gif_with_offset() -> bytes:
    """A GIF of 64x36 whose first picture is a blue square of 20x20 at (30, 8), transparent elsewhere."""
    small = Image.new("P", (20, 20), 1)
    small.putpalette([*GREEN, *BLUE])
    small.putpixel((0, 0), 0)
    data = bytearray(encode(small, "GIF", transparency=0))
    descriptor = data.index(b",", data.index(b"\x21\xf9"))
    data[6:10] = struct.pack("<2H", *SIZE)
    data[descriptor + 1 : descriptor + 5] = struct.pack("<2H", 30, 8)
    return bytes(data)


def test_a_gifs_first_picture_is_at_its_offset() -> None:
    ready = normalize_image(gif_with_offset(), size=SIZE, background=ORANGE, format="png")

    assert ready.source_size == SIZE
    assert is_near(decoded(ready).getpixel((40, 18)), BLUE, 1)
    assert [is_near(decoded(ready).getpixel(point), ORANGE, 1) for point in ((5, 5), (28, 18), (40, 30))] == [True] * 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_of_several_pictures_the_first_is_used(kind: str) -> None:
    first, *others = (Image.new("RGB", SIZE, color) for color in (YELLOW, RED, BLUE))

    frame = frame_of(encode(first, kind, save_all=True, append_images=others))

    assert is_near(color_of(frame), YELLOW, 3)


def test_an_apng_becomes_its_default_image() -> None:
    # given an APNG whose default image is not part of the animation
    still, *others = (Image.new("RGB", SIZE, color) for color in (GREEN, RED, BLUE))

    frame = frame_of(encode(still, "PNG", save_all=True, append_images=others, default_image=True))

    assert is_near(color_of(frame), GREEN, 1)


def test_a_phones_mpo_becomes_its_first_picture() -> None:
    # given what phones write: a JPEG followed by a second one (a depth or gain map)
    data = encode(PICTURE, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 18))], quality=97)
    assert b"MPF" in data

    ready = normalize_image(data, size=SIZE, format="png")

    assert psnr(decoded(ready), PICTURE) > 26
