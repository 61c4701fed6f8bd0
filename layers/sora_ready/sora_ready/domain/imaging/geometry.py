"""Which part of a picture is visible in the frame, at what size, and which stored pixels those are.

A camera that was turned stores its pixels as the sensor read them, and the turn as the EXIF orientation (1 to 8, tag
0x0112). Everything is planned in the coordinates of the stored picture, and the frame is turned upright last: turning
the large picture takes ten times the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from sora_ready.domain.frame import Focus, Mode, Size

Box = tuple[float, float, float, float]
"""Left, top, right and bottom: in pixels, or as fractions of the whole picture."""

UPRIGHT = 1
# Orientations 6 and 8, the quarter turns, undo each other; every other orientation undoes itself.
_INVERSE = {6: 8, 8: 6}

# Bars of `pad` or `blur` of this share of the frame or less would look like a mistake: the frame is covered.
MIN_BAR_SHARE = 0.01
# `auto` covers while that crops less than this share of the picture.
MAX_AUTO_CROP = 0.12


@dataclass(frozen=True)
class Plan:
    """The visible `region` of the stored picture (pixels), its `rendered_size` in the frame, and the mode in effect."""

    region: Box
    rendered_size: Size
    mode: Mode


def plan_frame(crop_box: Box, frame: Size, mode: Mode, focus: Focus) -> Plan:
    """Return how a picture fills the frame. `crop_box` (pixels) and `frame` are both as stored.

    `focus` is in fractions of `crop_box`. The plan's mode is never `auto`; it is `cover` if the bars of `pad` or `blur`
    would be too narrow.
    """
    left, top, right, bottom = crop_box
    width, height = right - left, bottom - top
    # Each formula is the other with width and height exchanged, so that a picture stored sideways gets the same bars.
    fitted_width, fitted_height = width * frame.height / height, height * frame.width / width
    cropped_share = 1 - min(fitted_width / frame.width, fitted_height / frame.height)
    if mode is Mode.AUTO:
        mode = Mode.COVER if cropped_share < MAX_AUTO_CROP else Mode.BLUR
    if mode in {Mode.PAD, Mode.BLUR} and cropped_share <= MIN_BAR_SHARE:
        mode = Mode.COVER
    if mode is Mode.STRETCH:
        return Plan(crop_box, frame, mode)
    if mode is Mode.COVER:
        return Plan(crop_to_aspect_ratio(crop_box, frame, focus), frame, mode)
    if fitted_height < frame.height:
        return Plan(crop_box, Size(frame.width, max(1, round(fitted_height))), mode)
    return Plan(crop_box, Size(max(1, round(fitted_width)), frame.height), mode)


def crop_to_aspect_ratio(box: Box, frame: Size, focus: Focus) -> Box:
    """Return the largest part of `box` with the frame's aspect ratio, as near around the focus as the edges allow."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if width * frame.height > height * frame.width:
        kept = height * frame.width / frame.height
        start = left + min(max(focus.x * width - kept / 2, 0.0), width - kept)
        return start, top, start + kept, bottom
    kept = width * frame.height / frame.width
    start = top + min(max(focus.y * height - kept / 2, 0.0), height - kept)
    return left, start, right, start + kept


def to_stored_box(box: Box, orientation: int) -> Box:
    """Return where a box of the upright picture is in the stored one; both in fractions."""
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


def to_upright_box(box: Box, orientation: int) -> Box:
    """Return where a box of the stored picture is in the upright one; both in fractions."""
    return to_stored_box(box, _INVERSE.get(orientation, orientation))


def to_stored_point(point: Focus, orientation: int) -> Focus:
    """Return where a point of the upright picture is in the stored one; both in fractions."""
    x, y, _, _ = to_stored_box((point.x, point.y, point.x, point.y), orientation)
    return Focus(x, y)


def orient_size(size: tuple[int, int], orientation: int) -> Size:
    """Return the upright size of a stored one, or the reverse. From orientation 5 on, the picture lies on its side."""
    return Size(*size[::-1]) if orientation >= 5 else Size(*size)


def scale_box(box: Box, across: float, down: float) -> Box:
    """Return the box with its x multiplied by `across` and its y by `down`, as from fractions to pixels."""
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down
