"""Where the detail of a picture is: what to keep when a crop must choose.

No model and no numbers library: a thumbnail, two differences between a picture and its blurred self, and one sum along
the direction in which the crop may move. It costs a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from PIL import Image, ImageChops, ImageFilter, ImageStat

from sora_ready.domain.frame import Focus
from sora_ready.domain.geometry import Box

# Enough to see where things are; more pixels cost time and change nothing.
LOOKED_AT = 192


def find_attention(picture: Image.Image, window: Box, content: Box) -> Focus:
    """Return the middle of the most telling place for a window, as fractions of the content.

    `picture` is a small opaque RGB copy of the content. The window has its width or its height, and moves along the
    other; both are boxes in the same pixels, whichever those are.
    """
    across = (window[2] - window[0]) / (content[2] - content[0])
    down = (window[3] - window[1]) / (content[3] - content[1])
    interest = _draw_interest(picture)
    if across < down:
        line = interest.resize((picture.width, 1), Image.Resampling.BOX)
        return Focus(_place_window(_numbers(line), across), 0.5)
    line = interest.resize((1, picture.height), Image.Resampling.BOX)
    return Focus(0.5, _place_window(_numbers(line), down))


def _place_window(profile: Sequence[float], kept: float) -> float:
    """Return where along the profile the middle of a window of this share of it should lie: a fraction, 0 to 1."""
    length = len(profile)
    # What is equally busy everywhere (grass, noise) tells nothing.
    calm = sorted(profile)[length // 4]
    worth = [max(0.0, value - calm) for value in profile]
    window = min(length, max(1, round(kept * length)))
    # A window that has the detail in its middle goes before one that has it at its edge.
    weights = [math.sin(math.pi * (step + 0.5) / window) ** 0.5 for step in range(window)]
    middle = (length - window) / 2

    def judge(start: int) -> tuple[float, float]:
        return sum(weight * worth[start + step] for step, weight in enumerate(weights)), -abs(start - middle)

    return (max(range(length - window + 1), key=judge) + window / 2) / length


def _numbers(line: Image.Image) -> list[float]:
    return [cast(float, value) for value in line.get_flattened_data()]


def _draw_interest(picture: Image.Image) -> Image.Image:
    """Return how much each pixel stands out from its surroundings, near and far, as numbers (mode F)."""
    fine = ImageChops.difference(picture, picture.filter(ImageFilter.GaussianBlur(2)))
    coarse = ImageChops.difference(
        picture.filter(ImageFilter.GaussianBlur(2)), Image.new("RGB", picture.size, _mean(picture))
    )
    both = Image.blend(fine, coarse, 0.3)
    return both.convert("L").convert("F")


def _mean(picture: Image.Image) -> tuple[int, ...]:
    return tuple(round(value) for value in ImageStat.Stat(picture).mean)
