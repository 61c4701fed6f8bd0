"""`focus` is the point that `cover` keeps at the center of the frame, or as near to it as the edges allow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sora_ready.domain.frame import CENTER, Focus, Mode, Size
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.geometry import crop_to_aspect_ratio, plan_frame
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, color_of, decoded, encode, is_near, landscape, quarters
from tests.unit.test_upright import ORIENTATIONS, with_orientation

FRACTIONS = st.floats(0, 1)
SIDES = st.integers(1, 5000)
SQUARE = Size(100, 100)


def striped(width: int, height: int) -> Image.Image:
    """Four stripes, each a quarter of the longer side."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for stripe, color in enumerate((RED, GREEN, BLUE, YELLOW)):
        if width > height:
            draw.rectangle((stripe * width // 4, 0, (stripe + 1) * width // 4 - 1, height), fill=color)
        else:
            draw.rectangle((0, stripe * height // 4, width, (stripe + 1) * height // 4 - 1), fill=color)
    return picture


# ---------------------------------------------------------------- the window


@pytest.mark.parametrize(
    ("x", "left"),
    [(0.0, 0), (0.1, 0), (0.125, 0), (0.2, 30), (0.25, 50), (0.5, 150), (0.7, 230), (0.875, 300), (0.9, 300), (1, 300)],
)
def test_the_window_is_centered_on_the_point_and_stops_at_the_edges(x: float, left: float) -> None:
    assert crop_to_aspect_ratio((0, 0, 400, 100), SQUARE, Focus(x, 0.5)) == pytest.approx((left, 0, left + 100, 100))


@pytest.mark.parametrize(("y", "top"), [(0.0, 0), (0.1, 0), (0.25, 50), (0.5, 150), (0.7, 230), (0.9, 300), (1, 300)])
def test_the_window_is_centered_on_the_point_from_top_to_bottom_too(y: float, top: float) -> None:
    assert crop_to_aspect_ratio((0, 0, 100, 400), SQUARE, Focus(0.5, y)) == pytest.approx((0, top, 100, top + 100))


def test_the_window_is_inside_the_crop_box() -> None:
    assert crop_to_aspect_ratio((50, 20, 450, 120), SQUARE, Focus(0.25, 0.5)) == pytest.approx((100, 20, 200, 120))


@settings(deadline=None)
@given(FRACTIONS, FRACTIONS)
def test_the_focus_has_no_effect_in_the_direction_that_is_not_cropped(along: float, other: float) -> None:
    wide, tall = (0, 0, 400, 100), (0, 0, 100, 400)

    assert crop_to_aspect_ratio(wide, SQUARE, Focus(along, other)) == crop_to_aspect_ratio(
        wide, SQUARE, Focus(along, 0.5)
    )
    assert crop_to_aspect_ratio(tall, SQUARE, Focus(other, along)) == crop_to_aspect_ratio(
        tall, SQUARE, Focus(0.5, along)
    )


@settings(max_examples=300, deadline=None)
@given(
    size=st.tuples(SIDES, SIDES),
    frame=st.builds(Size, SIDES, SIDES),
    focus=st.builds(Focus, FRACTIONS, FRACTIONS),
)
def test_the_window_is_the_largest_with_the_frames_aspect_ratio_and_holds_the_point(
    size: tuple[int, int], frame: Size, focus: Focus
) -> None:
    width, height = size

    left, top, right, bottom = crop_to_aspect_ratio((0, 0, width, height), frame, focus)

    tolerance = 1e-6 * max(size)
    assert -tolerance <= left < right <= width + tolerance
    assert -tolerance <= top < bottom <= height + tolerance
    assert (right - left) * frame.height == pytest.approx((bottom - top) * frame.width)
    assert right - left == pytest.approx(width) or bottom - top == pytest.approx(height)
    assert left - tolerance <= focus.x * width <= right + tolerance
    assert top - tolerance <= focus.y * height <= bottom + tolerance


# ---------------------------------------------------------------- the frame


@pytest.mark.parametrize(("stripe", "color"), list(enumerate((RED, GREEN, BLUE, YELLOW))))
@pytest.mark.parametrize("source", [Size(400, 100), Size(100, 400)], ids=["wide", "tall"])
def test_the_frame_shows_what_is_at_the_point(source: Size, stripe: int, color: tuple[int, int, int]) -> None:
    center = (stripe + 0.5) / 4
    focus = Focus(center, 0.5) if source.width > source.height else Focus(0.5, center)

    ready = normalize_image(encode(striped(*source)), size=SQUARE, focus=focus)

    assert is_near(color_of(decoded(ready)), color)


def test_the_default_focus_is_the_center() -> None:
    picture = encode(striped(400, 100), "BMP")

    assert normalize_image(picture, size=SQUARE).data == normalize_image(picture, size=SQUARE, focus=CENTER).data


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("name", "color"), [("top-left", RED), ("top right", GREEN), ("bottom_left", BLUE), ("right bottom", YELLOW)]
)
def test_a_corner_is_the_upright_pictures_corner(name: str, color: tuple[int, int, int], orientation: int) -> None:
    ready = normalize_image(
        with_orientation(quarters(160, 160), orientation, "PNG"), size=(160, 80), focus=Focus.parse(name)
    )

    half = (0, 0, 80, 80) if color in {RED, BLUE} else (80, 0, 160, 80)
    assert is_near(color_of(decoded(ready), half), color)


@pytest.mark.parametrize("mode", [Mode.PAD, Mode.BLUR, Mode.STRETCH])
def test_modes_that_do_not_crop_ignore_the_focus(mode: Mode) -> None:
    picture = encode(landscape(300, 100), "BMP")
    focuses: list[Any] = [Focus(0, 0), Focus(1, 1), "auto"]

    frames = [normalize_image(picture, size=(160, 90), mode=mode, focus=focus) for focus in focuses]

    assert {frame.data for frame in frames} == {normalize_image(picture, size=(160, 90), mode=mode).data}
    assert {frame.region for frame in frames} == {(0, 0, 1, 1)}


@pytest.mark.parametrize("source", [Size(160, 90), Size(320, 180)], ids=str)
def test_a_picture_with_the_frames_aspect_ratio_is_shown_whole_with_any_focus(source: Size) -> None:
    focuses: list[Any] = [Focus(0, 0), Focus(1, 1), "auto"]

    frames = [normalize_image(encode(landscape(*source)), size=(160, 90), focus=focus) for focus in focuses]

    assert [frame.region for frame in frames] == [pytest.approx((0, 0, 1, 1))] * 3


@settings(max_examples=200, deadline=None)
@given(size=st.tuples(SIDES, SIDES), frame=st.builds(Size, SIDES, SIDES), focus=st.builds(Focus, FRACTIONS, FRACTIONS))
def test_the_plan_of_cover_is_the_window_at_the_frames_size(size: tuple[int, int], frame: Size, focus: Focus) -> None:
    box = (0.0, 0.0, float(size[0]), float(size[1]))

    plan = plan_frame(box, frame, Mode.COVER, focus)

    assert (plan.region, plan.rendered_size, plan.mode) == (crop_to_aspect_ratio(box, frame, focus), frame, Mode.COVER)
