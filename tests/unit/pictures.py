"""Test pictures, and what measures a frame."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import Any, cast

from PIL import Image, ImageChops, ImageDraw, ImageStat

from sora_ready.domain.imaging import ReadyImage

Pixel = tuple[int, int, int]

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 180, 60), (40, 60, 210), (230, 210, 40)


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def heic(picture: Image.Image, **options: Any) -> bytes:
    """A HEIC as phones write it. Only tests have this encoder; the product decodes with another library."""
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(picture).save(out, **{"quality": 95} | options)
    return out.getvalue()


def decoded(ready: ReadyImage) -> Image.Image:
    """The frame as its receiver decodes it."""
    with Image.open(io.BytesIO(ready.data)) as frame:
        frame.load()
        return frame


def landscape(width: int, height: int) -> Image.Image:
    """A gradient with a mark in one corner: every turn and mirror image of it differs."""
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (across, down, ImageChops.invert(across)))
    ImageDraw.Draw(picture).rectangle((0, 0, width // 3, height // 4), fill=YELLOW)
    return picture


def quarters(width: int, height: int) -> Image.Image:
    """Red and green at the top, blue and yellow at the bottom."""
    picture = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill=GREEN)
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill=BLUE)
    draw.rectangle((width // 2, height // 2, width, height), fill=YELLOW)
    return picture


def psnr(one: Image.Image, other: Image.Image) -> float:
    """The peak signal-to-noise ratio of two RGB pictures of the same size, in dB; 99 if they are equal."""
    assert one.size == other.size
    error = sum(ImageStat.Stat(ImageChops.difference(one, other)).sum2) / (3 * one.width * one.height)
    return 10 * math.log10(255**2 / error) if error else 99.0


def pixel_at(frame: Image.Image, x: int, y: int) -> Pixel:
    return cast("Pixel", frame.getpixel((x, y)))


def extrema(frame: Image.Image) -> list[tuple[int, int]]:
    """The lowest and highest sample of each channel."""
    return ImageStat.Stat(frame).extrema


def is_near(pixel: Any, color: Pixel, tolerance: int = 6) -> bool:
    return all(abs(actual - expected) <= tolerance for actual, expected in zip(pixel, color, strict=True))


def color_of(frame: Image.Image, box: tuple[int, int, int, int] | None = None) -> Pixel:
    """The mean color of a frame, or of a region of it."""
    red, green, blue = ImageStat.Stat(frame.crop(box) if box else frame).mean
    return round(red), round(green), round(blue)


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header claims far more pixels than its few bytes hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
