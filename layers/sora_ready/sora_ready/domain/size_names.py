"""Sizes by name: an orientation, a number of lines, or a platform.

A name is read against the sizes of one model: `720p` means both of `sora-2`, `youtube` the smallest that is 16:9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sora_ready.domain.frame import AUTO, Size, nearest_size

PLATFORMS = {"youtube": Size(16, 9), "tiktok": Size(9, 16), "reels": Size(9, 16), "shorts": Size(9, 16)}
"""The shape that each platform shows."""

_NAME = re.compile(r"(landscape|portrait|square)(?:[ _-]?(\d{1,4})p)?|(\d{1,4})p", re.ASCII)


def find_sizes(text: str, sizes: Sequence[Size]) -> tuple[Size, ...]:
    """Return which of `sizes` a size or a name means: all for `auto`, none if it is unknown or fits none of them."""
    word = text.strip().lower()
    if word == AUTO:
        return tuple(sizes)
    if word in PLATFORMS:
        alike = [size for size in sizes if _orientation(size) == _orientation(PLATFORMS[word])]
        return (nearest_size(PLATFORMS[word], alike),) if alike else ()
    if name := _NAME.fullmatch(word):
        orientation, lines = name[1], name[2] or name[3]
        return tuple(
            size
            for size in sizes
            if (not orientation or _orientation(size) == orientation) and (not lines or min(size) == int(lines))
        )
    try:
        size = Size.parse(word)
    except ValueError:
        return ()
    return (size,) if size in sizes else ()


def list_sizes(sizes: Sequence[Size]) -> list[str]:
    """Return what `find_sizes` understands of `sizes`: each, its name, the platforms that have one, and `auto`."""
    names = dict.fromkeys(f"{_orientation(size)}_{min(size)}p" for size in sizes)
    return [*map(str, sizes), *names, *(platform for platform in PLATFORMS if find_sizes(platform, sizes)), AUTO]


def _orientation(size: Size) -> str:
    if size.width == size.height:
        return "square"
    return "landscape" if size.width > size.height else "portrait"
