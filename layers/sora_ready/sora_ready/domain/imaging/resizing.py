"""Renders the visible region of a decoded picture at its size in the frame.

A large region is first averaged down by whole factors; a Lanczos filter does the rest. After decoding, that filter
takes the most time. `cykooz.resizer` computes it with SIMD instructions in an eighth of Pillow's time; it has builds
for x86-64 and for Apple's processors. Elsewhere Pillow computes it. Both are equally close to exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from PIL import Image

from sora_ready.domain.frame import Size
from sora_ready.domain.imaging.color import PixelBox, needs_no_conversion, reduce_picture
from sora_ready.domain.imaging.geometry import Box, Plan

# The Lanczos filter gets at least this many times the rendered pixels in each direction. More is not visible.
LANCZOS_OVERSAMPLING = 2
# The radius of the Lanczos filter, in rendered pixels.
LANCZOS_RADIUS = 3
# From this many pixels on, all cores filter: below, starting them takes longer.
MIN_PARALLEL_PIXELS = 4_000_000
# The modes that `cykooz.resizer` resizes here; Pillow does the others (LAB).
_SIMD_MODES = frozenset({"L", "RGB", "RGBa", "CMYK"})


def render_region(picture: Image.Image, crop_box: PixelBox, plan: Plan, raw_mode: str) -> Image.Image:
    """Return the plan's region at its rendered size, in one of the modes of `reduce_picture`.

    Nothing outside `crop_box` is used, not even at the edges. Raises as `reduce_picture` does.
    """
    left, right = _shift_inside(plan.region[0], plan.region[2], crop_box[0], crop_box[2])
    top, bottom = _shift_inside(plan.region[1], plan.region[3], crop_box[1], crop_box[3])
    across, down = (right - left) / plan.rendered_size.width, (bottom - top) / plan.rendered_size.height
    factors = max(1, int(across / LANCZOS_OVERSAMPLING)), max(1, int(down / LANCZOS_OVERSAMPLING))
    if factors == (1, 1) and crop_box == (0, 0, *picture.size) and needs_no_conversion(picture):
        return resize_lanczos(picture, plan.rendered_size, (left, top, right, bottom))
    # The filter reads a little beyond the region, so that the frame's edges look as they would in the whole picture.
    margin_x = math.ceil(LANCZOS_RADIUS * max(across, 1)) + factors[0]
    margin_y = math.ceil(LANCZOS_RADIUS * max(down, 1)) + factors[1]
    needed = (
        max(crop_box[0], int(left) - margin_x),
        max(crop_box[1], int(top) - margin_y),
        min(crop_box[2], math.ceil(right) + margin_x),
        min(crop_box[3], math.ceil(bottom) + margin_y),
    )
    reduced = reduce_picture(picture, needed, factors, raw_mode)
    box = (
        max(0.0, (left - needed[0]) / factors[0]),
        max(0.0, (top - needed[1]) / factors[1]),
        min(reduced.width, (right - needed[0]) / factors[0]),
        min(reduced.height, (bottom - needed[1]) / factors[1]),
    )
    return resize_lanczos(reduced, plan.rendered_size, box)


def resize_lanczos(picture: Image.Image, size: Size, box: Box) -> Image.Image:
    """Return the picture's `box` (pixels) at `size`, by a Lanczos filter of radius 3."""
    resize = load_simd_resizer()
    if resize is None or picture.mode not in _SIMD_MODES:
        return picture.resize(size, Image.Resampling.LANCZOS, box=box)
    return resize(picture, size, box)


@cache
def load_simd_resizer() -> Callable[[Image.Image, Size, Box], Image.Image] | None:
    """Return `resize_lanczos` in SIMD instructions, or None if there is no build for this processor."""
    try:
        # Imported with the first picture, to keep cold starts short.
        import cykooz_resizer as simd  # noqa: PLC0415
    except ImportError:
        return None
    lanczos = simd.ResizeAlg.convolution(simd.FilterType.lanczos3)
    thread_pool = cache(simd.ResizerThreadPool)

    def resize(picture: Image.Image, size: Size, box: Box) -> Image.Image:
        left, top, right, bottom = box
        # A box that exceeds the picture by a rounding error would be refused.
        width, height = min(right, picture.width) - left, min(bottom, picture.height) - top
        options = simd.ResizeOptions(
            resize_alg=lanczos,
            crop_box=simd.CropBox(left, top, width, height),
            thread_pool=thread_pool() if width * height >= MIN_PARALLEL_PIXELS else None,
        )
        # Not filled with a color: the resizer writes every pixel.
        resized = Image.new(picture.mode, size, None)
        simd.Resizer().resize_pil(picture, resized, options)
        return resized

    return resize


def _shift_inside(start: float, end: float, low: float, high: float) -> tuple[float, float]:
    """Return the interval moved inside the limits, no further than needed, and shortened if it does not fit."""
    length = min(end - start, high - low)
    start = min(max(start, low), high - length)
    return start, start + length
