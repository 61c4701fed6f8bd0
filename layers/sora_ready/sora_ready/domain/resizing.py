"""A region of a decoded picture, at the size it is shown at.

Averaged down coarsely first where it is large, then by a fine filter. After decoding, that filter is where the time
goes. Pillow gives other threads the interpreter while it filters, so two threads filter a half each, in less time where
there is a second core; no sample differs by more than one step from what one thread makes.
"""

from __future__ import annotations

import math
from threading import Thread

from PIL import Image

from sora_ready.domain.colour import WholeBox, reduce_picture
from sora_ready.domain.decoding import reject_corrupt
from sora_ready.domain.frame import Size
from sora_ready.domain.geometry import Box, Plan

# How many times the frame's pixels the fine filter is given. More costs time and cannot be seen.
FINE = 2
# How far the fine filter reaches, in pixels of its result.
REACH = 3
# Fewer pixels than this are filtered before a second thread has begun.
WORTH_A_THREAD = 500_000
# Below this scale Pillow may filter a half down first and the whole across first, and round otherwise between the two.
ALIKE = 1.5


def resize_finely(picture: Image.Image, size: Size, box: Box) -> Image.Image:
    """Return the picture's `box` (in its pixels) at `size`, by Lanczos' filter."""
    left, top, right, bottom = box
    scale = min((right - left) / size.width, (bottom - top) / size.height)
    if size.height < 2 or scale < ALIKE or (right - left) * (bottom - top) < WORTH_A_THREAD:
        return picture.resize(size, Image.Resampling.LANCZOS, box=box)
    upper = size.height // 2
    middle = top + (bottom - top) * upper / size.height
    whole = Image.new(picture.mode, size)
    failed: list[Exception] = []

    def fill(rows: int, at: int, start: float, end: float) -> None:
        try:
            part = picture.resize((size.width, rows), Image.Resampling.LANCZOS, box=(left, start, right, end))
            whole.paste(part, (0, at))
        except Exception as error:  # noqa: BLE001 - it is raised again where it can be seen
            failed.append(error)

    second = Thread(target=fill, args=(size.height - upper, upper, middle, bottom))
    second.start()
    fill(upper, 0, top, middle)
    second.join()
    if failed:
        raise failed[0]
    return whole


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
