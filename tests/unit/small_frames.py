"""A small color picture and a small gray one, their samples at any depth, and the lossless frame of a file."""

from __future__ import annotations

from typing import Any

from PIL import Image

from sora_ready.domain.frame import Color
from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import decoded, landscape

WIDTH, HEIGHT = SIZE = (64, 36)
ORANGE = Color(250, 140, 20)
# A different color at every pixel; every shade from left to right.
PICTURE = landscape(*SIZE)
GRAY = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(SIZE)


def frame_of(data: bytes, **options: Any) -> Image.Image:
    return decoded(normalize_image(data, size=SIZE, format="png", **options))


def rows_of(picture: Image.Image, bits: int) -> list[list[int]]:
    """The picture's samples in `bits` bits."""
    top = (1 << bits) - 1
    line = [round(value * top / 255) for value in picture.tobytes()]
    length = len(line) // picture.height
    return [line[start : start + length] for start in range(0, len(line), length)]
