"""Turns any picture into exactly one frame, encoded and ready for the video server."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack, cast

from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import MAX_SIDE, Color, Crop, Format, FrameOptions, FrameOptionValues, Mode, Size
from sora_ready.domain.imaging.background import blurred_background
from sora_ready.domain.imaging.decoding import PictureSource, open_picture
from sora_ready.domain.imaging.fitting import FittedPicture, fit_picture


@dataclass(frozen=True)
class ReadyImage:
    """A frame that is ready to be sent: the encoded bytes, their `content_type`, the exact `size` in pixels.

    `mode` and `background` are those in effect: `auto` has been resolved, and a drawing that would be invisible on the
    requested color is on its opposite. `region` is the visible part of the upright source picture, whose size in pixels
    is `source_size`.
    """

    data: bytes
    size: Size
    content_type: str
    mode: Mode
    background: Color
    region: Crop
    source_format: str
    source_size: Size

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the encoded frame to `path`."""
        Path(path).write_bytes(self.data)


def normalize_image(
    source: PictureSource, *, size: Size | tuple[int, int] | Sequence[Size], **options: Unpack[FrameOptionValues]
) -> ReadyImage:
    """Turn a picture (bytes, a path, or an open binary file) into exactly one frame.

    `size` is the frame in pixels, or several sizes, of which the one nearest in aspect ratio to the upright picture is
    used. The options are `mode`, `focus`, `crop`, `background`, `format` and `quality`; `FrameOptions` has their
    defaults. `crop` is applied first, in fractions of the upright picture. `focus` is the point that `cover` keeps, in
    fractions of the cropped picture.

    The frame is upright (EXIF), sRGB, opaque, 8 bits a channel, and without metadata. A JPEG is written at 4:4:4, a
    WebP of `quality` 100 losslessly.

    Raises `ImageRejected` with code `empty`, `not_an_image`, `too_many_pixels`, `crop_too_small`, `shape_too_extreme`,
    `corrupt`, `blank` or `out_of_memory`; `OSError` if a path cannot be read; `ValueError` for an argument out of
    range, and `TypeError` for an unknown one.
    """
    sizes = [Size(*cast("Size", size))] if size and isinstance(size[0], int) else cast("Sequence[Size]", size)
    return make_ready_image(source, sizes, FrameOptions.from_values(**options))


def make_ready_image(source: PictureSource, sizes: Sequence[Size], options: FrameOptions) -> ReadyImage:
    """Do what `normalize_image` does, with the options in one object. Raises the same errors."""
    if not sizes or any(not 1 <= side <= MAX_SIDE for size in sizes for side in size):
        raise ValueError(f"size={sizes!r} must be a width and a height of 1 to {MAX_SIDE} pixels, or several of these")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures and of broken EXIF; both are handled here.
            warnings.simplefilter("ignore")
            with open_picture(source) as picture:
                source_format = picture.format or ""
                fitted = fit_picture(picture, sizes, options)
        return ReadyImage(
            data=_encode_frame(_compose_frame(fitted), options.format, options.quality),
            size=fitted.size,
            content_type=options.format.content_type,
            mode=fitted.mode,
            background=fitted.background,
            region=fitted.region,
            source_format=source_format,
            source_size=fitted.source_size,
        )
    except MemoryError as error:
        message = "There is not enough memory to decode the picture. Shrink it first."
        raise ImageRejected("out_of_memory", message) from error


def _compose_frame(fitted: FittedPicture) -> Image.Image:
    """Return the frame: the rendered picture at its center, over its background."""
    rendered = fitted.rendered
    # Without a background if the picture covers it all.
    frame = Image.new("RGB", fitted.size, None if rendered.size == fitted.size else tuple(fitted.background))
    if fitted.mode is Mode.BLUR:
        frame.paste(blurred_background(rendered, fitted.size))
    # Pasted into a new image, which has none of the source's metadata (comments, GPS, profiles).
    frame.paste(rendered, ((frame.width - rendered.width) // 2, (frame.height - rendered.height) // 2))
    return frame


def _encode_frame(frame: Image.Image, frame_format: Format, quality: int) -> bytes:
    buffer = io.BytesIO()
    if frame_format is Format.PNG:
        frame.save(buffer, "PNG")
    elif frame_format is Format.WEBP:
        frame.save(buffer, "WEBP", quality=quality, lossless=quality == 100)
    else:
        frame.save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue()
