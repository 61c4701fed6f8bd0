"""A region of a decoded picture, at the size it is shown at.

Averaged down coarsely first where it is large, then by a fine filter. After decoding, that filter is where the time
goes. Where a library is installed that computes it with the processor's vector instructions, it does so, in an eighth
of the time; there are builds of it for x86-64 and for Apple's processors. Elsewhere Pillow computes the same filter:
both are equally near to what exact arithmetic makes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from PIL import Image

from sora_ready.domain.frame import Size
from sora_ready.domain.imaging.color import WholeBox, is_plain, reduce_picture
from sora_ready.domain.imaging.decoding import reject_corrupt
from sora_ready.domain.imaging.geometry import Box, Plan

# How many times the frame's pixels the fine filter is given. More costs time and cannot be seen.
FINE = 2
# How far the fine filter reaches, in pixels of its result.
REACH = 3
# More pixels than this are filtered on all cores: it takes longer than to begin.
WORTH_ALL_CORES = 4_000_000
# What the vector instructions are used for; other modes (LAB) are rare.
_VECTOR_MODES = frozenset({"L", "RGB", "RGBa", "CMYK"})


def resize_finely(picture: Image.Image, size: Size, box: Box) -> Image.Image:
    """Return the picture's `box` (in its pixels) at `size`, by Lanczos' filter."""
    vectors = load_simd_resizer()
    if vectors is None or picture.mode not in _VECTOR_MODES:
        return picture.resize(size, Image.Resampling.LANCZOS, box=box)
    left, top, right, bottom = box
    # A hair beyond the picture, as fractions come out, is refused there.
    crop = vectors.CropBox(left, top, min(right, picture.width) - left, min(bottom, picture.height) - top)
    lanczos = vectors.ResizeAlg.convolution(vectors.FilterType.lanczos3)
    # Without a color: every pixel is written.
    resized = Image.new(picture.mode, size, None)
    pool = _open_pool() if crop.width * crop.height >= WORTH_ALL_CORES else None
    options = vectors.ResizeOptions(resize_alg=lanczos, crop_box=crop, thread_pool=pool)
    vectors.Resizer().resize_pil(picture, resized, options)
    return resized


@cache
def load_simd_resizer() -> Any:
    """Return the library that resizes with vector instructions, None where there is no build of it."""
    try:
        # Imported with the first picture: it would slow every cold start.
        import cykooz_resizer  # noqa: PLC0415
    except ImportError:
        return None
    return cykooz_resizer


@cache
def _open_pool() -> Any:
    return load_simd_resizer().ResizerThreadPool()


def reduce_checked(picture: Image.Image, window: WholeBox, factors: tuple[int, int], raw_mode: str) -> Image.Image:
    """Return `reduce_picture` of these. Raises `ImageRejected` (`corrupt`) where samples are no numbers."""
    try:
        return reduce_picture(picture, window, factors, raw_mode)
    except ValueError as error:
        raise reject_corrupt(error) from error


def shrink_region(picture: Image.Image, window: WholeBox, plan: Plan, raw_mode: str) -> Image.Image:
    """Return the plan's region at the size it is shown at, averaged down coarsely first where it is large."""
    left, right = _slide_inside(plan.region[0], plan.region[2], window[0], window[2])
    top, bottom = _slide_inside(plan.region[1], plan.region[3], window[1], window[3])
    across, down = (right - left) / plan.shown.width, (bottom - top) / plan.shown.height
    factors = max(1, int(across / FINE)), max(1, int(down / FINE))
    if factors == (1, 1) and window == (0, 0, *picture.size) and is_plain(picture):
        return resize_finely(picture, plan.shown, (left, top, right, bottom))
    # The fine filter looks a little beyond the region, as it does where nothing was cut; never beyond a crop's edges.
    reach_x = math.ceil(REACH * max(across, 1)) + factors[0]
    reach_y = math.ceil(REACH * max(down, 1)) + factors[1]
    near = (
        max(window[0], int(left) - reach_x),
        max(window[1], int(top) - reach_y),
        min(window[2], math.ceil(right) + reach_x),
        min(window[3], math.ceil(bottom) + reach_y),
    )
    small = reduce_checked(picture, near, factors, raw_mode)
    box = (
        max(0.0, (left - near[0]) / factors[0]),
        max(0.0, (top - near[1]) / factors[1]),
        min(small.width, (right - near[0]) / factors[0]),
        min(small.height, (bottom - near[1]) / factors[1]),
    )
    return resize_finely(small, plan.shown, box)


def _slide_inside(start: float, end: float, low: float, high: float) -> tuple[float, float]:
    """Return a stretch, as long as it was where that fits, moved no further than it must to lie within the limits."""
    kept = min(end - start, high - low)
    start = min(max(start, low), high - kept)
    return start, start + kept
