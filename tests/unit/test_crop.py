"""`crop` is applied first: what it leaves is treated as the whole picture."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from sora_ready.domain.frame import CENTER, WHOLE, Crop, Focus, Mode, Size
from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, color_of, decoded, encode, is_near, landscape, psnr, quarters
from tests.unit.test_upright import ORIENTATIONS, with_orientation

# Whole pixels of a picture of 320x240: landscape and portrait, in the center and at the edges.
CROPS = [Crop(0.1, 0.25, 0.9, 0.75), Crop(0.5, 0, 0.75, 1), Crop(0, 0.5, 1, 0.75), Crop(0.25, 0.25, 0.55, 0.65)]
FOCUSES: list[Any] = [CENTER, Focus(0, 0), Focus(0.9, 0.3), "auto"]


@cache
def scene() -> Image.Image:
    grain = Image.effect_noise((40, 30), 60).resize((320, 240), Image.Resampling.BICUBIC)
    return Image.blend(landscape(320, 240), grain.convert("RGB"), 0.4)


def cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = crop
    return picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


@pytest.mark.parametrize("focus", FOCUSES, ids=str)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("crop", CROPS, ids=str)
def test_a_crop_has_the_frame_of_the_cropped_picture(crop: Crop, mode: Mode, focus: Any) -> None:
    expected = normalize_image(encode(cropped(scene(), crop)), size=(160, 90), mode=mode, focus=focus, format="png")

    ready = normalize_image(encode(scene()), size=(160, 90), mode=mode, focus=focus, crop=crop, format="png")

    assert ready.mode == expected.mode
    assert psnr(decoded(ready), decoded(expected)) > 50


@pytest.mark.parametrize("mode", [Mode.PAD, Mode.BLUR, Mode.STRETCH])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_region_is_in_fractions_of_the_upright_picture(orientation: int, mode: Mode) -> None:
    crop = Crop(0.1, 0.2, 0.4, 0.9)

    ready = normalize_image(with_orientation(scene(), orientation), size=(160, 90), mode=mode, crop=crop)

    assert ready.region == pytest.approx(crop)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_region_of_cover_is_inside_the_crop(orientation: int) -> None:
    # Of 160x240, a frame of 16:9 shows 90 rows; here, the lowest.
    ready = normalize_image(
        with_orientation(scene(), orientation), size=(160, 90), crop=Crop(0.25, 0, 0.75, 1), focus=Focus(0.5, 1)
    )

    assert ready.region == pytest.approx((0.25, 1 - 90 / 240, 0.75, 1))


def test_the_focus_is_a_point_of_the_cropped_picture() -> None:
    picture = encode(quarters(160, 160))
    right_half = Crop(0.5, 0, 1, 1)

    top, bottom = (normalize_image(picture, size=(160, 90), crop=right_half, focus=Focus(0.5, y)) for y in (0.0, 1.0))

    assert is_near(color_of(decoded(top)), GREEN)
    assert is_near(color_of(decoded(bottom)), YELLOW)


def test_the_size_is_chosen_for_the_cropped_picture() -> None:
    several = [Size(64, 36), Size(36, 64)]

    whole = normalize_image(encode(quarters(160, 90)), size=several)
    part = normalize_image(encode(quarters(160, 90)), size=several, crop=Crop(0, 0, 0.3, 1))

    assert whole.size == (64, 36)
    assert part.size == (36, 64)


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
def test_a_crop_is_measured_from_the_top_left(crop: Crop, color: tuple[int, int, int]) -> None:
    frame = decoded(normalize_image(encode(quarters(64, 36)), size=(64, 36), crop=crop))

    assert is_near(color_of(frame), color)


@settings(max_examples=100, deadline=None)
@given(
    side=st.integers(2, 30),
    edges=st.tuples(*[st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True).map(sorted)] * 2),
    focus=st.builds(Focus, st.floats(0, 1), st.floats(0, 1)),
    frame=st.builds(Size, st.integers(8, 60), st.integers(8, 60)),
)
def test_a_crop_may_have_its_edges_inside_pixels(
    side: int, edges: tuple[list[float], list[float]], focus: Focus, frame: Size
) -> None:
    (left, right), (top, bottom) = edges
    width, height = round((right - left) * side), round((bottom - top) * side)
    # Less than a pixel and slivers are rejected.
    assume(min(right - left, bottom - top) * side >= 1)
    assume(1 / 60 < width * frame.height / (height * frame.width) < 60)

    ready = normalize_image(
        encode(Image.new("RGB", (side, side), GREEN)),
        size=frame,
        crop=Crop(left, top, right, bottom),
        focus=focus,
        format="png",
    )

    assert decoded(ready).size == frame
    assert decoded(ready).getcolors(1) == [(frame.width * frame.height, GREEN)]
