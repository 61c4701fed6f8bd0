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
from sora_ready.domain.imaging.color import PixelBox, convert_and_downscale, needs_no_conversion
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
    """Return the plan's region at its rendered size, in one of the modes of `convert_and_downscale`.

    Nothing outside `crop_box` is used, not even at the edges. Raises as `convert_and_downscale` does.
    """
    (left, top, right, bottom), size = plan.region, plan.rendered_size
    left, right, low_x, high_x, factor_x = _plan_axis((left, right), (crop_box[0], crop_box[2]), size.width)
    top, bottom, low_y, high_y, factor_y = _plan_axis((top, bottom), (crop_box[1], crop_box[3]), size.height)
    if factor_x == factor_y == 1 and crop_box == (0, 0, *picture.size) and needs_no_conversion(picture):
        return resize_lanczos(picture, size, (left, top, right, bottom))
    reduced = convert_and_downscale(picture, (low_x, low_y, high_x, high_y), (factor_x, factor_y), raw_mode)
    start = max(0.0, (left - low_x) / factor_x), max(0.0, (top - low_y) / factor_y)
    end = min(reduced.width, (right - low_x) / factor_x), min(reduced.height, (bottom - low_y) / factor_y)
    return resize_lanczos(reduced, size, (*start, *end))


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


def _plan_axis(
    region: tuple[float, float], limits: tuple[int, int], rendered: int
) -> tuple[float, float, int, int, int]:
    """Plan one axis: return start and end of the region moved inside `limits` and of the pixels to read, and a factor.

    The filter reads those pixels, averaged by the factor, to render `rendered` of them. The region is moved no further
    than needed, and shortened if it does not fit.
    """
    (start, end), (low, high) = region, limits
    length = min(end - start, high - low)
    start = min(max(start, low), high - length)
    end = start + length
    scale = (end - start) / rendered
    factor = max(1, int(scale / LANCZOS_OVERSAMPLING))
    # The filter reads a little beyond the region, so that the frame's edges look as they would in the whole picture.
    margin = math.ceil(LANCZOS_RADIUS * max(scale, 1)) + factor
    return start, end, max(low, int(start) - margin), min(high, math.ceil(end) + margin), factor
