"""Which part of a picture is shown, how large, and where that lies in the file's own rows and columns.

A phone stores a picture lying on its side and says so beside it (EXIF orientation). Turning the small frame costs a
tenth of turning the large picture, so everything is planned as the picture is stored, and the frame is turned last.
"""

from __future__ import annotations

from dataclasses import dataclass

from sora_ready.domain.frame import Focus, Mode, Size

Box = tuple[float, float, float, float]
"""Left, top, right and bottom: in pixels, or as fractions of the whole."""

UPRIGHT = 1
SIDEWAYS = frozenset({5, 6, 7, 8})
# A turn by a quarter is undone by the opposite one; every other orientation undoes itself.
_OPPOSITE = {6: 8, 8: 6}

# Nearer in shape than this, a bar would be a stray line of a few pixels: fill the frame instead.
NEAR_MATCH = 0.01
# `auto` crops while that costs less than this share of the picture.
LITTLE_LOSS = 0.12


@dataclass(frozen=True, slots=True)
class Plan:
    """The `region` of the stored picture that is shown (pixels), the size it is `shown` at, and the mode that it is."""

    region: Box
    shown: Size
    mode: Mode


def plan_frame(content: Box, frame: Size, mode: Mode, focus: Focus) -> Plan:
    """Return how the `content` (a box of pixels) meets the `frame`, both as stored, with `focus` in the content.

    The plan's mode is `cover`, `pad`, `blur` or `stretch`: `auto` is decided here, and a bar that would be a stray line
    is not drawn.
    """
    left, top, right, bottom = content
    width, height = right - left, bottom - top
    # Each of these is the other with the sides exchanged, so that a picture stored on its side gets the same bars.
    fitted_width, fitted_height = width * frame.height / height, height * frame.width / width
    lost = 1 - min(fitted_width / frame.width, fitted_height / frame.height)
    if mode is Mode.AUTO:
        mode = Mode.COVER if lost < LITTLE_LOSS else Mode.BLUR
    if mode in {Mode.PAD, Mode.BLUR} and lost <= NEAR_MATCH:
        mode = Mode.COVER
    if mode is Mode.STRETCH:
        return Plan(content, frame, mode)
    if mode is Mode.COVER:
        return Plan(cut_window(content, frame, focus), frame, mode)
    if fitted_height < frame.height:
        return Plan(content, Size(frame.width, max(1, round(fitted_height))), mode)
    return Plan(content, Size(max(1, round(fitted_width)), frame.height), mode)


def cut_window(content: Box, frame: Size, focus: Focus) -> Box:
    """Return the largest window of the frame's shape in `content`, as near around the focus as the edges allow."""
    left, top, right, bottom = content
    width, height = right - left, bottom - top
    if width * frame.height > height * frame.width:
        kept = height * frame.width / frame.height
        start = left + min(max(focus.x * width - kept / 2, 0.0), width - kept)
        return start, top, start + kept, bottom
    kept = width * frame.height / frame.width
    start = top + min(max(focus.y * height - kept / 2, 0.0), height - kept)
    return left, start, right, start + kept


def turn_box(box: Box, orientation: int) -> Box:
    """Return where a box of the upright picture lies in the stored one; fractions both times."""
    left, top, right, bottom = box
    return {
        2: (1 - right, top, 1 - left, bottom),
        3: (1 - right, 1 - bottom, 1 - left, 1 - top),
        4: (left, 1 - bottom, right, 1 - top),
        5: (top, left, bottom, right),
        6: (top, 1 - right, bottom, 1 - left),
        7: (1 - bottom, 1 - right, 1 - top, 1 - left),
        8: (1 - bottom, left, 1 - top, right),
    }.get(orientation, box)


def turn_back(box: Box, orientation: int) -> Box:
    """Return where a box of the stored picture lies in the upright one; fractions both times."""
    return turn_box(box, _OPPOSITE.get(orientation, orientation))


def turn_point(point: Focus, orientation: int) -> Focus:
    """Return where a point of the upright picture lies in the stored one."""
    x, y, _, _ = turn_box((point.x, point.y, point.x, point.y), orientation)
    return Focus(x, y)


def scale_box(box: Box, width: float, height: float) -> Box:
    """Return a box times a factor for each direction: fractions become pixels, pixels those of a smaller copy."""
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height
