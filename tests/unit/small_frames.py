"""One small picture in color, one in gray, their samples at any depth, and the frame that a file of them becomes."""

from __future__ import annotations

from typing import Any

from PIL import Image

from sora_ready.domain.frame import Color
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import landscape, shown

WIDTH, HEIGHT = SIZE = (64, 36)
ORANGE = Color(250, 140, 20)
# Every shade there is from left to right, and every place of its own color.
PICTURE = landscape(*SIZE)
GRAY = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(SIZE)


def frame_of(data: bytes, **options: Any) -> Image.Image:
    return shown(normalize_image(data, size=SIZE, format="png", **options))


def rows_of(picture: Image.Image, bits: int) -> list[list[int]]:
    """A picture's samples, in this many bits."""
    top = (1 << bits) - 1
    line = [round(value * top / 255) for value in picture.tobytes()]
    length = len(line) // picture.height
    return [line[start : start + length] for start in range(0, len(line), length)]
