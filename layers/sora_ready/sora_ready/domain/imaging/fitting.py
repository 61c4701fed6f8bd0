"""Decodes a picture and scales its visible region to the size that it has in the frame.

The picture is decoded completely, scaled once, converted to sRGB at the size of the frame, and turned upright last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import AUTO, CENTER, DECIMALS, WHOLE, Color, Crop, FrameOptions, Mode, Size, nearest_size
from sora_ready.domain.imaging.background import flatten_alpha
from sora_ready.domain.imaging.color import PixelBox, convert_and_downscale, to_opaque_srgb
from sora_ready.domain.imaging.decoding import JPEG_FORMATS, load_picture, load_scaled, read_orientation
from sora_ready.domain.imaging.geometry import (
    Box,
    Plan,
    crop_to_aspect_ratio,
    orient_size,
    plan_frame,
    scale_box,
    to_stored_box,
    to_stored_point,
    to_upright_box,
)
from sora_ready.domain.imaging.resizing import render_region
from sora_ready.domain.imaging.saliency import THUMBNAIL_SIDE, find_salient_point

# A picture this many times longer than the frame would show a sliver, whatever the mode.
MAX_ASPECT_RATIO_FACTOR = 64
# A JPEG is decoded to at least this many times the rendered pixels in each direction: nearer to 1, the coarse filter of
# the decoder becomes visible.
JPEG_OVERSAMPLING = 1.15
# How far from a whole number a fraction of a picture's pixels may be to count as whole.
PIXEL_TOLERANCE = 1e-3
GRAY = Color(128, 128, 128)

# EXIF orientation → the turn that makes the stored picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class FittedPicture:
    """The visible region of a picture, `rendered` upright and opaque in sRGB at its size in the frame.

    The other fields are those of `ReadyImage`; `size` is the frame's.
    """

    rendered: Image.Image
    size: Size
    mode: Mode
    background: Color
    region: Crop
    source_size: Size


def fit_picture(picture: Image.Image, sizes: Sequence[Size], options: FrameOptions) -> FittedPicture:
    """Decode an opened picture and fit it to the nearest of `sizes` (pixels).

    Raises `ImageRejected` with code `corrupt`, `crop_too_small`, `shape_too_extreme` or `blank`.
    """
    tiles = getattr(picture, "tile", None)
    raw_mode = str(tiles[0][3]) if tiles else picture.mode
    # A JPEG has its EXIF before its pixels and can be decoded at a smaller size, so it is planned first. In other
    # formats reading the EXIF can consume the pixels, and decoding a TIFF turns it upright: decode first.
    scalable = picture.format in JPEG_FORMATS
    if not scalable:
        load_picture(picture)
    stored = Size(*picture.size)
    orientation = read_orientation(picture)
    source_size = orient_size(stored, orientation)
    size = _choose_size(source_size, options.crop, sizes)
    stored_frame = orient_size(size, orientation)
    crop_box = scale_box(to_stored_box(options.crop, orientation), *stored)
    focus = CENTER if options.focus == AUTO else to_stored_point(options.focus, orientation)
    plan = plan_frame(crop_box, stored_frame, options.mode, focus)
    scale = _load_for_plan(picture, plan) if scalable else (1.0, 1.0)
    crop_box, plan = scale_box(crop_box, *scale), replace(plan, region=scale_box(plan.region, *scale))
    pixel_box = (0, 0, *picture.size) if options.crop == WHOLE else _whole_pixels(crop_box, picture.size)
    if options.focus == AUTO and plan.mode is Mode.COVER:
        salient = find_salient_point(_make_thumbnail(picture, pixel_box, raw_mode), plan.region, crop_box)
        plan = replace(plan, region=crop_to_aspect_ratio(crop_box, stored_frame, salient))
    profile = picture.info.get("icc_profile")
    reduced = render_region(picture, pixel_box, plan, raw_mode)
    rendered, background = flatten_alpha(reduced, profile, options.background, stored_frame)
    if orientation in _TURNS:
        rendered = rendered.transpose(_TURNS[orientation])
    region = scale_box(plan.region, 1 / (stored.width * scale[0]), 1 / (stored.height * scale[1]))
    upright_region = Crop(*(round(edge, DECIMALS) for edge in to_upright_box(region, orientation)))
    return FittedPicture(rendered, size, plan.mode, background, upright_region, source_size)


def _choose_size(source_size: Size, crop: Crop, sizes: Sequence[Size]) -> Size:
    """Return the size nearest in aspect ratio to the cropped upright picture. Raises `ImageRejected` for a sliver."""
    width, height = source_size.width * (crop.right - crop.left), source_size.height * (crop.bottom - crop.top)
    if min(width, height) < 1 - PIXEL_TOLERANCE:
        message = (
            f"The crop {crop} leaves less than a pixel of a picture of {source_size}. Move its edges further apart."
        )
        raise ImageRejected(
            "crop_too_small", message, width=source_size.width, height=source_size.height, crop=str(crop)
        )
    cropped = Size(round(width), round(height))
    size = nearest_size(cropped, sizes)
    ratio = (cropped.width * size.height) / (cropped.height * size.width)
    if not 1 / MAX_ASPECT_RATIO_FACTOR <= ratio <= MAX_ASPECT_RATIO_FACTOR:
        message = f"A picture of {cropped} cannot fill a frame of {size}: almost none of it would be visible. "
        advice = "Crop it nearer to the frame's aspect ratio."
        raise ImageRejected(
            "shape_too_extreme", message + advice, width=cropped.width, height=cropped.height, frame=str(size)
        )
    return size


def _load_for_plan(picture: Image.Image, plan: Plan) -> tuple[float, float]:
    """Decode a JPEG no larger than the plan needs; return the scale it was decoded at, across and down."""
    left, top, right, bottom = plan.region
    across = JPEG_OVERSAMPLING * plan.rendered_size.width / (right - left)
    down = JPEG_OVERSAMPLING * plan.rendered_size.height / (bottom - top)
    return load_scaled(picture, Size(int(picture.width * min(across, 1)), int(picture.height * min(down, 1))))


def _whole_pixels(box: Box, size: tuple[int, int]) -> PixelBox:
    """Return the whole pixels inside the box, or the ones it touches if there are none."""
    left, top = math.ceil(box[0] - PIXEL_TOLERANCE), math.ceil(box[1] - PIXEL_TOLERANCE)
    right, bottom = int(box[2] + PIXEL_TOLERANCE), int(box[3] + PIXEL_TOLERANCE)
    if left >= right:
        left, right = int(box[0]), math.ceil(box[2])
    if top >= bottom:
        top, bottom = int(box[1]), math.ceil(box[3])
    return left, top, min(right, size[0]), min(bottom, size[1])


def _make_thumbnail(picture: Image.Image, box: PixelBox, raw_mode: str) -> Image.Image:
    """Return a small opaque copy of the box, for `find_salient_point`."""
    left, top, right, bottom = box
    factor = max(1, max(right - left, bottom - top) // (2 * THUMBNAIL_SIDE))
    thumbnail = to_opaque_srgb(convert_and_downscale(picture, box, (factor, factor), raw_mode), None, GRAY)
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return thumbnail
