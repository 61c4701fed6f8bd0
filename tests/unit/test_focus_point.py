"""`focus` is the point that cover keeps: in the middle of what is shown, or as near to it as the edges allow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sora_ready.domain.frame import CENTER, Focus, Mode, Size
from sora_ready.domain.imaging.geometry import cut_window, plan_frame
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, color_of, encode, is_near, landscape, quarters, shown
from tests.unit.test_upright import ORIENTATIONS, held

FRACTIONS = st.floats(0, 1)
SIDES = st.integers(1, 5000)
SQUARE = Size(100, 100)


def striped(width: int, height: int) -> Image.Image:
    """Four stripes, each a quarter of the longer side."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for place, color in enumerate((RED, GREEN, BLUE, YELLOW)):
        if width > height:
            draw.rectangle((place * width // 4, 0, (place + 1) * width // 4 - 1, height), fill=color)
        else:
            draw.rectangle((0, place * height // 4, width, (place + 1) * height // 4 - 1), fill=color)
    return picture


# ---------------------------------------------------------------- where the window lies


@pytest.mark.parametrize(
    ("x", "left"),
    [(0.0, 0), (0.1, 0), (0.125, 0), (0.2, 30), (0.25, 50), (0.5, 150), (0.7, 230), (0.875, 300), (0.9, 300), (1, 300)],
)
def test_the_window_is_centerd_on_the_point_and_stops_at_the_edges(x: float, left: float) -> None:
    assert cut_window((0, 0, 400, 100), SQUARE, Focus(x, 0.5)) == pytest.approx((left, 0, left + 100, 100))


@pytest.mark.parametrize(("y", "top"), [(0.0, 0), (0.1, 0), (0.25, 50), (0.5, 150), (0.7, 230), (0.9, 300), (1, 300)])
def test_so_it_is_from_top_to_bottom(y: float, top: float) -> None:
    assert cut_window((0, 0, 100, 400), SQUARE, Focus(0.5, y)) == pytest.approx((0, top, 100, top + 100))


def test_the_window_lies_in_the_content_wherever_that_is() -> None:
    assert cut_window((50, 20, 450, 120), SQUARE, Focus(0.25, 0.5)) == pytest.approx((100, 20, 200, 120))


@settings(deadline=None)
@given(FRACTIONS, FRACTIONS)
def test_in_the_direction_in_which_nothing_is_cut_the_focus_changes_nothing(along: float, other: float) -> None:
    wide, tall = (0, 0, 400, 100), (0, 0, 100, 400)

    assert cut_window(wide, SQUARE, Focus(along, other)) == cut_window(wide, SQUARE, Focus(along, 0.5))
    assert cut_window(tall, SQUARE, Focus(other, along)) == cut_window(tall, SQUARE, Focus(0.5, along))


@settings(max_examples=300, deadline=None)
@given(
    content=st.tuples(SIDES, SIDES),
    frame=st.builds(Size, SIDES, SIDES),
    focus=st.builds(Focus, FRACTIONS, FRACTIONS),
)
def test_the_window_is_the_largest_of_the_frames_shape_and_holds_the_point(
    content: tuple[int, int], frame: Size, focus: Focus
) -> None:
    width, height = content

    left, top, right, bottom = cut_window((0, 0, width, height), frame, focus)

    hair = 1e-6 * max(content)
    assert -hair <= left < right <= width + hair
    assert -hair <= top < bottom <= height + hair
    assert (right - left) * frame.height == pytest.approx((bottom - top) * frame.width)
    assert right - left == pytest.approx(width) or bottom - top == pytest.approx(height)
    assert left - hair <= focus.x * width <= right + hair
    assert top - hair <= focus.y * height <= bottom + hair


# ---------------------------------------------------------------- what is seen


@pytest.mark.parametrize(("place", "color"), list(enumerate((RED, GREEN, BLUE, YELLOW))))
@pytest.mark.parametrize("source", [Size(400, 100), Size(100, 400)], ids=["wide", "tall"])
def test_what_the_point_is_on_is_what_is_shown(source: Size, place: int, color: tuple[int, int, int]) -> None:
    middle = (place + 0.5) / 4
    focus = Focus(middle, 0.5) if source.width > source.height else Focus(0.5, middle)

    ready = normalize_image(encode(striped(*source)), size=SQUARE, focus=focus)

    assert is_near(color_of(shown(ready)), color)


def test_without_a_focus_it_is_the_middle() -> None:
    picture = encode(striped(400, 100), "BMP")

    assert normalize_image(picture, size=SQUARE).data == normalize_image(picture, size=SQUARE, focus=CENTER).data


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("name", "color"), [("top-left", RED), ("top right", GREEN), ("bottom_left", BLUE), ("right bottom", YELLOW)]
)
def test_a_corner_is_the_upright_pictures_corner(name: str, color: tuple[int, int, int], orientation: int) -> None:
    ready = normalize_image(held(quarters(160, 160), orientation, "PNG"), size=(160, 80), focus=Focus.parse(name))

    half = (0, 0, 80, 80) if color in {RED, BLUE} else (80, 0, 160, 80)
    assert is_near(color_of(shown(ready), half), color)


@pytest.mark.parametrize("mode", [Mode.PAD, Mode.BLUR, Mode.STRETCH])
def test_modes_that_cut_nothing_away_need_no_focus(mode: Mode) -> None:
    picture = encode(landscape(300, 100), "BMP")
    focuses: list[Any] = [Focus(0, 0), Focus(1, 1), "auto"]

    frames = [normalize_image(picture, size=(160, 90), mode=mode, focus=focus) for focus in focuses]

    assert {frame.data for frame in frames} == {normalize_image(picture, size=(160, 90), mode=mode).data}
    assert {frame.region for frame in frames} == {(0, 0, 1, 1)}


@pytest.mark.parametrize("source", [Size(160, 90), Size(320, 180)], ids=str)
def test_a_picture_of_the_frames_shape_is_shown_whole_whatever_the_focus(source: Size) -> None:
    focuses: list[Any] = [Focus(0, 0), Focus(1, 1), "auto"]

    frames = [normalize_image(encode(landscape(*source)), size=(160, 90), focus=focus) for focus in focuses]

    assert [frame.region for frame in frames] == [pytest.approx((0, 0, 1, 1))] * 3


@settings(max_examples=200, deadline=None)
@given(
    content=st.tuples(SIDES, SIDES), frame=st.builds(Size, SIDES, SIDES), focus=st.builds(Focus, FRACTIONS, FRACTIONS)
)
def test_a_plan_to_cover_is_the_window_at_the_frames_size(content: tuple[int, int], frame: Size, focus: Focus) -> None:
    box = (0.0, 0.0, *map(float, content))

    plan = plan_frame(box, frame, Mode.COVER, focus)

    assert (plan.region, plan.shown, plan.mode) == (cut_window(box, frame, focus), frame, Mode.COVER)
