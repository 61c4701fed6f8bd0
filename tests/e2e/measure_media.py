"""What the end-to-end tests measure of pictures and videos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, ImageChops, ImageStat


@dataclass(frozen=True)
class Clip:
    """A decoded MP4: its codec, size in pixels, length in seconds, and first frame."""

    codec: str
    size: tuple[int, int]
    seconds: float
    first_frame: Image.Image


def read_clip(path: Path) -> Clip:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate
        frames = list(container.decode(stream))
        return Clip(
            stream.codec_context.name,
            (stream.width, stream.height),
            len(frames) / float(stream.average_rate),
            frames[0].to_image(),
        )


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of two RGB pictures of the same size, in dB."""
    assert one.size == other.size
    difference = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")))
    error = sum(difference.sum2) / (3 * one.width * one.height)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def open_picture(path: Path) -> Image.Image:
    """Return the decoded picture; the file is closed again."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def pixel_at(picture: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """Return one pixel as red, green and blue."""
    red, green, blue = picture.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes()
    return red, green, blue
