"""Renders one picture as a real H.264 MP4: yuv420p, 30 frames a second, playable while it downloads."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image, ImageOps

FRAMES_PER_SECOND = 30
# Resampling is what takes time: six pictures a second, each held for five frames, render 4 s of 1280x720 in about 1.5 s
# on two slow cores, and a slow zoom still visibly moves.
_FRAMES_PER_PICTURE = 5
_ZOOM = 0.08
# superfast rather than ultrafast: as quick here, and a fifth of the size, because held frames cost next to nothing. The
# quality keeps the first frame of a photograph above 38 dB.
_ENCODER = {"preset": "superfast", "crf": "16"}


class RenderStopped(Exception):
    """The fake video server stops; the render starts again after its restart."""


def first_picture(reference: bytes | None, prompt: str, size: tuple[int, int]) -> Image.Image:
    """Return the picture a video starts with, as RGB of exactly `size`: the reference, else one from the prompt."""
    if reference is None:
        return _gradient(prompt, size)
    with Image.open(io.BytesIO(reference)) as picture:
        if picture.mode == "RGB":
            return picture.copy()
        opaque = Image.new("RGBA", picture.size, "black")
        opaque.alpha_composite(picture.convert("RGBA"))
        return opaque.convert("RGB")


def render(
    picture: Image.Image, seconds: int, path: Path, on_progress: Callable[[float], None], stopping: Callable[[], bool]
) -> None:
    """Write `seconds` of video of `picture`'s size to `path`; the first frame is `picture` itself.

    Calls `on_progress` with 0..1. Raises `RenderStopped` soon after `stopping()` becomes true.
    """
    count = seconds * FRAMES_PER_SECOND
    # faststart: the index comes first, as in OpenAI's files, so that players can stream them.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_ENCODER)
        stream.width, stream.height = picture.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, FRAMES_PER_SECOND)
        # Named, because players guess BT.601 or BT.709 by size, and one of the guesses shifts the colors.
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for number, frame in enumerate(_frames(picture, count)):
            if stopping():
                raise RenderStopped
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
            on_progress((number + 1) / count)
        container.mux(stream.encode(None))


def thumbnail(video: Path) -> bytes:
    """Return the first frame of a video as WebP."""
    with av.open(str(video)) as container:
        frame = next(container.decode(video=0))
        image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # PyAV gives it no types
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80)
    return out.getvalue()


def _frames(picture: Image.Image, count: int) -> Iterator[av.VideoFrame]:
    for number in range(count):
        if number % _FRAMES_PER_PICTURE == 0:
            frame = _to_yuv_frame(_zoom(picture, number / count))
        yield frame


def _zoom(picture: Image.Image, progress: float) -> Image.Image:
    if progress == 0:
        return picture
    width, height = picture.size
    margin = _ZOOM * progress / 2
    box = (width * margin, height * margin, width * (1 - margin), height * (1 - margin))
    return picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)


def _to_yuv_frame(picture: Image.Image) -> av.VideoFrame:
    # AREA averages the four pixels that share a color sample: the closest 4:2:0 gets, and the fastest.
    frame: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # nor this
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, interpolation="AREA")


def _gradient(prompt: str, size: tuple[int, int]) -> Image.Image:
    """Return a gradient between two colors that the prompt decides."""
    digest = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()
    dark = (digest[0] // 3, digest[1] // 3, digest[2] // 3)
    light = (170 + digest[3] // 3, 170 + digest[4] // 3, 170 + digest[5] // 3)
    ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    return ImageOps.colorize(ramp, dark, light)
