"""`crop` comes first: whatever it leaves is treated as if it were the picture."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from sora_ready.domain.frame import CENTER, WHOLE, Crop, Focus, Mode, Size
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, color_of, encode, is_near, landscape, psnr, quarters, shown
from tests.unit.test_upright import ORIENTATIONS, held

# Whole pixels of a picture of 320x240, lying and upright, in the middle and at the edges.
CROPS = [Crop(0.1, 0.25, 0.9, 0.75), Crop(0.5, 0, 0.75, 1), Crop(0, 0.5, 1, 0.75), Crop(0.25, 0.25, 0.55, 0.65)]
FOCUSES: list[Any] = [CENTER, Focus(0, 0), Focus(0.9, 0.3), "auto"]


@cache
def scene() -> Image.Image:
    grain = Image.effect_noise((40, 30), 60).resize((320, 240), Image.Resampling.BICUBIC)
    return Image.blend(landscape(320, 240), grain.convert("RGB"), 0.4)


def cut(picture: Image.Image, crop: Crop) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = crop
    return picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


@pytest.mark.parametrize("focus", FOCUSES, ids=str)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("crop", CROPS, ids=str)
def test_a_crop_gives_what_a_picture_cut_beforehand_gives(crop: Crop, mode: Mode, focus: Any) -> None:
    wanted = normalize_image(encode(cut(scene(), crop)), size=(160, 90), mode=mode, focus=focus, format="png")

    ready = normalize_image(encode(scene()), size=(160, 90), mode=mode, focus=focus, crop=crop, format="png")

    assert ready.mode == wanted.mode
    assert psnr(shown(ready), shown(wanted)) > 50


@pytest.mark.parametrize("mode", [Mode.PAD, Mode.BLUR, Mode.STRETCH])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_is_shown_is_told_in_the_upright_picture(orientation: int, mode: Mode) -> None:
    crop = Crop(0.1, 0.2, 0.4, 0.9)

    ready = normalize_image(held(scene(), orientation), size=(160, 90), mode=mode, crop=crop)

    assert ready.region == pytest.approx(crop)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_cover_tells_the_window_that_it_cut_from_the_crop(orientation: int) -> None:
    # Of 160x240 a frame of 16:9 shows 90 rows, here the lowest.
    ready = normalize_image(
        held(scene(), orientation), size=(160, 90), crop=Crop(0.25, 0, 0.75, 1), focus=Focus(0.5, 1)
    )

    assert ready.region == pytest.approx((0.25, 1 - 90 / 240, 0.75, 1))


def test_the_focus_is_a_point_of_what_the_crop_left() -> None:
    picture = encode(quarters(160, 160))
    right_half = Crop(0.5, 0, 1, 1)

    top, bottom = (normalize_image(picture, size=(160, 90), crop=right_half, focus=Focus(0.5, y)) for y in (0.0, 1.0))

    assert is_near(color_of(shown(top)), GREEN)
    assert is_near(color_of(shown(bottom)), YELLOW)


def test_the_size_is_chosen_for_what_the_crop_left() -> None:
    several = [Size(64, 36), Size(36, 64)]

    whole = normalize_image(encode(quarters(160, 90)), size=several)
    left = normalize_image(encode(quarters(160, 90)), size=several, crop=Crop(0, 0, 0.3, 1))

    assert whole.size == (64, 36)
    assert left.size == (36, 64)


def test_without_a_crop_the_whole_picture_is_used() -> None:
    picture = encode(scene())

    assert normalize_image(picture, size=(160, 90), crop=WHOLE).data == normalize_image(picture, size=(160, 90)).data


@pytest.mark.parametrize(
    ("crop", "color"),
    [
        (Crop(0, 0, 0.5, 0.5), RED),
        (Crop(0.5, 0, 1, 0.5), GREEN),
        (Crop(0, 0.5, 0.5, 1), BLUE),
        (Crop(0.5, 0.5, 1, 1), YELLOW),
    ],
    ids=["top left", "top right", "bottom left", "bottom right"],
)
def test_edges_are_counted_from_the_top_left(crop: Crop, color: tuple[int, int, int]) -> None:
    frame = shown(normalize_image(encode(quarters(64, 36)), size=(64, 36), crop=crop))

    assert is_near(color_of(frame), color)


@settings(max_examples=100, deadline=None)
@given(
    side=st.integers(2, 30),
    edges=st.tuples(*[st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True).map(sorted)] * 2),
    focus=st.builds(Focus, st.floats(0, 1), st.floats(0, 1)),
    frame=st.builds(Size, st.integers(8, 60), st.integers(8, 60)),
)
def test_edges_that_fall_within_pixels_are_no_trouble(
    side: int, edges: tuple[list[float], list[float]], focus: Focus, frame: Size
) -> None:
    (left, right), (top, bottom) = edges
    width, height = round((right - left) * side), round((bottom - top) * side)
    # Less than a pixel, and slivers, are refused.
    assume(min(right - left, bottom - top) * side >= 1)
    assume(1 / 60 < width * frame.height / (height * frame.width) < 60)

    ready = normalize_image(
        encode(Image.new("RGB", (side, side), GREEN)),
        size=frame,
        crop=Crop(left, top, right, bottom),
        focus=focus,
        format="png",
    )

    assert shown(ready).size == frame
    assert shown(ready).getcolors(1) == [(frame.width * frame.height, GREEN)]
