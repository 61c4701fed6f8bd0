"""`cover` and `pad` place a photo exactly where FFmpeg's scale, crop and pad filters place it."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import av
import av.filter
import pytest
from PIL import Image

from sora_ready.domain.frame import Color, Mode, Size
from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import Pixel, decoded, encode, landscape, psnr

MAGENTA = Color(255, 0, 255)
# Much larger, larger in one direction, nearly the frame, smaller; landscape, portrait and square.
PHOTOS = [
    (Size(2000, 1333), Size(1280, 720)),
    (Size(1000, 1503), Size(640, 360)),
    (Size(1200, 600), Size(640, 360)),
    (Size(749, 749), Size(640, 360)),
    (Size(450, 451), Size(360, 640)),
    (Size(320, 240), Size(640, 360)),
]


@cache
def photo(size: Size) -> Image.Image:
    """A gradient with the fine grain of a camera."""
    grain = Image.merge("RGB", [Image.effect_noise((size.width // 6 + 1, size.height // 6 + 1), 40)] * 3)
    return Image.blend(landscape(*size), grain.resize(size, Image.Resampling.BICUBIC), 0.3)


def filtered(picture: Image.Image, *steps: tuple[str, str]) -> Image.Image:
    """The picture after FFmpeg's filters, in RGB throughout: a conversion to YUV would round it."""
    graph = av.filter.Graph()
    source = av.VideoFrame.from_bytes(picture.convert("RGBA").tobytes(), *picture.size, format="rgba")
    begin: Any = graph.add_buffer(width=source.width, height=source.height, format=source.format, time_base=Fraction(1))
    chain = [begin, *(graph.add(name, arguments) for name, arguments in steps), graph.add("buffersink")]
    graph.link_nodes(*chain).configure()
    graph.push(source)
    frame = graph.pull()
    assert isinstance(frame, av.VideoFrame)
    plane = frame.planes[0]
    return Image.frombuffer("RGB", (frame.width, frame.height), bytes(plane), "raw", "RGB", plane.line_size, 1)


def scale(frame: Size, fit: str) -> tuple[str, str]:
    arguments = f"{frame.width}:{frame.height}:force_original_aspect_ratio={fit}"
    return "scale", arguments + ":flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"


def covered(picture: Image.Image, frame: Size) -> Image.Image:
    crop = ("crop", f"{frame.width}:{frame.height}")
    return filtered(picture, ("format", "gbrp"), scale(frame, "increase"), crop, ("format", "rgb24"))


def padded(picture: Image.Image, frame: Size) -> Image.Image:
    bars = ("pad", f"{frame.width}:{frame.height}:(ow-iw)/2:(oh-ih)/2:color=#{MAGENTA}")
    return filtered(picture, ("format", "gbrp"), scale(frame, "decrease"), bars, ("format", "rgb24"))


def find_content(frame: Image.Image, bar: Pixel) -> tuple[int, int, int, int]:
    """The box inside the bars, in whose rows and columns every pixel has the bar's color."""

    def is_bar(box: tuple[int, int, int, int]) -> bool:
        return frame.crop(box).getcolors(1) == [((box[2] - box[0]) * (box[3] - box[1]), bar)]

    columns = [x for x in range(frame.width) if not is_bar((x, 0, x + 1, frame.height))]
    rows = [y for y in range(frame.height) if not is_bar((0, y, frame.width, y + 1))]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize(("source", "frame"), PHOTOS, ids=str)
def test_cover_shows_what_ffmpeg_crops(source: Size, frame: Size) -> None:
    picture = photo(source)

    ready = normalize_image(encode(picture, "BMP"), size=frame, mode=Mode.COVER, format="png")

    # FFmpeg crops at whole pixels of the scaled photo, up to half a pixel off the center.
    assert psnr(decoded(ready), covered(picture, frame)) > 36


@pytest.mark.parametrize(("source", "frame"), PHOTOS, ids=str)
def test_pad_draws_bars_where_ffmpeg_does(source: Size, frame: Size) -> None:
    picture = photo(source)
    theirs = padded(picture, frame)

    ready = normalize_image(encode(picture, "BMP"), size=frame, mode=Mode.PAD, background=MAGENTA, format="png")

    assert find_content(decoded(ready), MAGENTA) == find_content(theirs, MAGENTA)
    assert psnr(decoded(ready), theirs) > 50


def test_a_shift_by_one_pixel_would_fail() -> None:
    theirs = covered(photo(PHOTOS[1][0]), PHOTOS[1][1])

    shifted = theirs.transform(theirs.size, Image.Transform.AFFINE, (1, 0, 1, 0, 1, 0))

    assert psnr(shifted, theirs) < 34
