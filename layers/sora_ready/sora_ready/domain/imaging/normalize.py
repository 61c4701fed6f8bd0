"""Any picture in, one exact frame out.

The order is what makes it right: everything is planned as the picture is stored, it is decoded whole, shrunk once,
brought to sRGB at the size of the frame, laid on its background, and turned upright last, because turning 48 megapixels
costs ten times the memory of turning the frame.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import (
    AUTO,
    BLACK,
    CENTER,
    DECIMALS,
    MAX_SIDE,
    WHOLE,
    Color,
    Crop,
    Format,
    FrameOptions,
    Mode,
    Size,
    nearest_size,
)
from sora_ready.domain.imaging.background import blurred_background, flatten_alpha
from sora_ready.domain.imaging.color import WholeBox, finish_colors
from sora_ready.domain.imaging.decoding import (
    Source,
    can_shrink,
    load_picture,
    load_small,
    open_picture,
    read_orientation,
    turned,
)
from sora_ready.domain.imaging.geometry import (
    Box,
    Plan,
    cut_window,
    plan_frame,
    scale_box,
    turn_back,
    turn_box,
    turn_point,
)
from sora_ready.domain.imaging.resizing import reduce_checked, shrink_region
from sora_ready.domain.imaging.saliency import THUMBNAIL_SIDE, find_salient_point

# A picture this much longer than the frame leaves a sliver of it, whatever the mode.
MAX_SHAPE_RATIO = 64
# How many times the frame's pixels a JPEG is decoded to at least: nearer to one, the decoder's own coarse filter shows.
SPARE = 1.15
# Fractions of a picture come out as whole pixels but for this much.
HAIR = 1e-3
GRAY = Color(128, 128, 128)

# EXIF orientation → the turn that brings the stored picture upright. 1 (and nonsense) needs none.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ReadyImage:
    """A frame ready to be sent: encoded bytes and their `content_type`, its exact `size`, and how it was made.

    `mode` and `background` are those used: `auto` was decided, and a picture that would vanish on the color asked for
    is laid on its opposite. `region` is the part of the upright source (of `source_size`) that is shown.
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
    source: Source,
    *,
    size: Size | tuple[int, int] | Sequence[Size],
    mode: Mode | str = Mode.COVER,
    focus: tuple[float, float] | Literal["auto"] = CENTER,
    crop: tuple[float, float, float, float] = WHOLE,
    background: tuple[int, int, int] | Literal["auto"] = BLACK,
    format: Format | str = Format.JPEG,  # noqa: A002 - the word that tags use
    quality: int = 95,
) -> ReadyImage:
    """Turn a picture (bytes, a path, or an open binary file) into exactly one frame.

    `size` is the frame in pixels, or several frames, of which the one nearest in shape to the upright picture is taken.
    `crop` is applied first, in fractions of the upright picture; `focus`, in fractions of what that leaves, is kept
    when `cover` has to cut. The frame is upright (EXIF), sRGB, opaque, 8 bits a channel, and carries no metadata; a
    JPEG is written at 4:4:4, a WebP of `quality` 100 without loss.

    Raises `ImageRejected` with a code: `empty`, `not_an_image`, `too_many_pixels`, `crop_too_small`,
    `shape_too_extreme`, `corrupt`, `blank`, `out_of_memory`; `OSError` where a path cannot be read; and `ValueError`
    for an argument that means nothing.
    """
    sizes = [Size(*cast(Size, size))] if size and isinstance(size[0], int) else cast(Sequence[Size], size)
    if not sizes or any(not 1 <= side <= MAX_SIDE for each in sizes for side in each):
        raise ValueError(f"size={size!r} must be a width and a height of 1 to {MAX_SIDE} pixels, or several such")
    frame_options = FrameOptions.of(
        mode=mode, focus=focus, crop=crop, background=background, format=format, quality=quality
    )
    try:
        return _make_frame(source, sizes, frame_options)
    except MemoryError as error:
        raise ImageRejected(
            "out_of_memory", "There is not enough memory here to decode the picture. Shrink it first."
        ) from error


def _make_frame(source: Source, sizes: Sequence[Size], frame_options: FrameOptions) -> ReadyImage:
    with warnings.catch_warnings():
        # Pillow warns of large pictures and odd EXIF; both are dealt with here.
        warnings.simplefilter("ignore")
        with open_picture(source) as picture:
            source_format = picture.format or ""
            fitted = _fit_picture(picture, sizes, frame_options)
    content = fitted.content
    # A content that fills the frame needs nothing behind it.
    behind = None if content.size == fitted.frame else tuple(fitted.background)
    frame = Image.new("RGB", fitted.frame, behind)
    if fitted.mode is Mode.BLUR:
        frame.paste(blurred_background(content, fitted.frame))
    # Pasted into a fresh picture: whatever the source carried (comments, GPS, profiles) stays behind.
    frame.paste(content, ((frame.width - content.width) // 2, (frame.height - content.height) // 2))
    return ReadyImage(
        data=_encode(frame, frame_options.format, frame_options.quality),
        size=fitted.frame,
        content_type=frame_options.format.content_type,
        mode=fitted.mode,
        background=fitted.background,
        region=fitted.region,
        source_format=source_format,
        source_size=fitted.upright,
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The upright `content` at the size it is shown at; the other fields are as in `ReadyImage`."""

    upright: Size
    frame: Size
    mode: Mode
    region: Crop
    content: Image.Image
    background: Color


def _fit_picture(picture: Image.Image, sizes: Sequence[Size], frame_options: FrameOptions) -> _Fitted:
    """Decode `picture` and scale it for the nearest of `sizes`."""
    tiles = getattr(picture, "tile", None)
    raw_mode = str(tiles[0][3]) if tiles else picture.mode
    # A JPEG's EXIF stands before its pixels and its pixels can be decoded small, so it is planned first and decoded
    # then. Elsewhere reading EXIF can consume the pixels' bytes, and TIFF is turned by decoding: decode first.
    drafted = can_shrink(picture)
    if not drafted:
        load_picture(picture)
    stored = Size(*picture.size)
    orientation = read_orientation(picture)
    upright = turned(stored, orientation)
    frame = _choose_frame(upright, frame_options.crop, sizes)
    stored_frame = turned(frame, orientation)
    content = scale_box(turn_box(frame_options.crop, orientation), *stored)
    focus = CENTER if frame_options.focus == AUTO else turn_point(frame_options.focus, orientation)
    plan = plan_frame(content, stored_frame, frame_options.mode, focus)
    scale = _load_for_plan(picture, plan) if drafted else (1.0, 1.0)
    content, plan = scale_box(content, *scale), replace(plan, region=scale_box(plan.region, *scale))
    window = (0, 0, *picture.size) if frame_options.crop == WHOLE else _inside(content, picture.size)
    if frame_options.focus == AUTO and plan.mode is Mode.COVER:
        seen = find_salient_point(_look_at(picture, window, raw_mode), plan.region, content)
        plan = replace(plan, region=cut_window(content, stored_frame, seen))
    profile = picture.info.get("icc_profile")
    shrunk = shrink_region(picture, window, plan, raw_mode)
    shown, background = flatten_alpha(shrunk, profile, frame_options.background, stored_frame)
    if orientation in _UPRIGHT:
        shown = shown.transpose(_UPRIGHT[orientation])
    region = scale_box(plan.region, 1 / (stored.width * scale[0]), 1 / (stored.height * scale[1]))
    told = Crop(*(round(edge, DECIMALS) for edge in turn_back(region, orientation)))
    return _Fitted(upright, frame, plan.mode, told, shown, background)


def _choose_frame(upright: Size, crop: Crop, sizes: Sequence[Size]) -> Size:
    """Return the frame for what the crop leaves. Raises `ImageRejected` where that is next to nothing."""
    width, height = upright.width * (crop.right - crop.left), upright.height * (crop.bottom - crop.top)
    if min(width, height) < 1 - HAIR:
        raise ImageRejected(
            "crop_too_small",
            f"The crop {crop} leaves less than a pixel of a picture of {upright}. Give it edges further apart.",
            width=upright.width,
            height=upright.height,
            crop=str(crop),
        )
    left = Size(round(width), round(height))
    frame = nearest_size(left, sizes)
    ratio = (left.width * frame.height) / (left.height * frame.width)
    if not 1 / MAX_SHAPE_RATIO <= ratio <= MAX_SHAPE_RATIO:
        raise ImageRejected(
            "shape_too_extreme",
            f"A picture of {left} cannot fill a frame of {frame}: almost nothing of it would be seen. "
            "Crop it nearer to the frame's shape.",
            width=left.width,
            height=left.height,
            frame=str(frame),
        )
    return frame


def _load_for_plan(picture: Image.Image, plan: Plan) -> tuple[float, float]:
    """Decode a JPEG no larger than the plan needs; return the scale it was decoded at, across and down."""
    left, top, right, bottom = plan.region
    width, height = picture.size
    across, down = SPARE * plan.shown.width / (right - left), SPARE * plan.shown.height / (bottom - top)
    return load_small(picture, Size(int(width * min(across, 1)), int(height * min(down, 1))))


def _inside(box: Box, size: tuple[int, int]) -> WholeBox:
    """Return the whole pixels within a box; where there is none, those that it touches."""
    left, top, right, bottom = (
        math.ceil(box[0] - HAIR),
        math.ceil(box[1] - HAIR),
        int(box[2] + HAIR),
        int(box[3] + HAIR),
    )
    if left >= right:
        left, right = int(box[0]), math.ceil(box[2])
    if top >= bottom:
        top, bottom = int(box[1]), math.ceil(box[3])
    return left, top, min(right, size[0]), min(bottom, size[1])


def _look_at(picture: Image.Image, window: WholeBox, raw_mode: str) -> Image.Image:
    """Return a small opaque copy of the window, to see what is where."""
    left, top, right, bottom = window
    factor = max(1, max(right - left, bottom - top) // (2 * THUMBNAIL_SIDE))
    small = reduce_checked(picture, window, (factor, factor), raw_mode)
    seen = finish_colors(small, None, GRAY)
    seen.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return seen


def _encode(frame: Image.Image, written: Format, quality: int) -> bytes:
    buffer = io.BytesIO()
    if written is Format.PNG:
        frame.save(buffer, "PNG")
    elif written is Format.WEBP:
        frame.save(buffer, "WEBP", quality=quality, lossless=quality == 100)
    else:
        frame.save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue()
