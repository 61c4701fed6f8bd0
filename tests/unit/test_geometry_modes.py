"""How each mode fits a picture of another aspect ratio into the frame, and which mode `auto` chooses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from sora_ready.domain.frame import CENTER, Color, Crop, Focus, Mode, Size
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.geometry import (
    MAX_AUTO_CROP,
    MIN_BAR_SHARE,
    Plan,
    plan_frame,
    to_stored_box,
    to_upright_box,
)
from tests.unit.pictures import GREEN, RED, color_of, decoded, encode, is_near, landscape, psnr
from tests.unit.test_upright import ORIENTATIONS

SIDES = st.integers(1, 4000)
FITTED = [Mode.PAD, Mode.BLUR]
MAGENTA = Color(200, 0, 200)


def plan(source: Size, frame: Size, mode: Mode) -> Plan:
    return plan_frame((0, 0, *source), frame, mode, CENTER)


def cropped_share(source: Size, frame: Size) -> float:
    """The share of the picture that `cover` crops."""
    ratio = (source.width * frame.height) / (source.height * frame.width)
    return 1 - min(ratio, 1 / ratio)


# ---------------------------------------------------------------- auto


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        (Size(160, 90), Mode.COVER),
        (Size(160, 100), Mode.COVER),  # 10 % would be cropped
        (Size(160, 102), Mode.COVER),  # 11.8 %
        (Size(160, 103), Mode.BLUR),  # 12.6 %
        (Size(181, 90), Mode.COVER),  # 11.6 %
        (Size(182, 90), Mode.BLUR),  # 12.1 %
        (Size(160, 120), Mode.BLUR),
        (Size(90, 160), Mode.BLUR),
        (Size(640, 90), Mode.BLUR),
    ],
    ids=str,
)
def test_auto_covers_if_that_crops_little_and_else_blurs(source: Size, mode: Mode) -> None:
    picture = encode(landscape(*source))

    ready = normalize_image(picture, size=(160, 90), mode=Mode.AUTO)

    assert ready.mode is mode
    assert ready.data == normalize_image(picture, size=(160, 90), mode=mode).data


@settings(deadline=None)
@given(source=st.builds(Size, SIDES, SIDES), frame=st.builds(Size, SIDES, SIDES))
def test_auto_depends_on_the_share_that_cover_would_crop(source: Size, frame: Size) -> None:
    share = cropped_share(source, frame)
    assume(abs(share - 0.12) > 1e-9)

    assert plan(source, frame, Mode.AUTO) == plan(source, frame, Mode.COVER if share < 0.12 else Mode.BLUR)
    assert MAX_AUTO_CROP == 0.12


def test_auto_depends_on_the_cropped_picture() -> None:
    picture = encode(landscape(160, 180))

    assert normalize_image(picture, size=(160, 90), mode="auto").mode is Mode.BLUR
    assert normalize_image(picture, size=(160, 90), mode="auto", crop=Crop(0, 0.25, 1, 0.75)).mode is Mode.COVER


# ---------------------------------------------------------------- bars


@pytest.mark.parametrize("mode", FITTED)
@pytest.mark.parametrize("source", [Size(1281, 720), Size(1280, 721), Size(1279, 720), Size(1292, 720)], ids=str)
def test_a_bar_of_a_few_pixels_is_not_drawn(source: Size, mode: Mode) -> None:
    ready = normalize_image(
        encode(Image.new("RGB", source, GREEN), "BMP"), size=(1280, 720), mode=mode, background=MAGENTA, format="png"
    )

    assert ready.mode is Mode.COVER
    assert decoded(ready).getcolors(1) == [(1280 * 720, GREEN)]


@settings(max_examples=200, deadline=None)
@given(source=st.builds(Size, SIDES, SIDES), frame=st.builds(Size, SIDES, SIDES), mode=st.sampled_from(FITTED))
def test_the_whole_picture_is_as_large_as_fits(source: Size, frame: Size, mode: Mode) -> None:
    share = cropped_share(source, frame)
    assume(share > MIN_BAR_SHARE + 1e-9)

    planned = plan(source, frame, mode)

    assert planned.region == (0, 0, *source)
    assert planned.mode is mode
    scale = min(frame.width / source.width, frame.height / source.height)
    assert abs(planned.rendered_size.width - source.width * scale) <= 0.5 + 1e-6 or planned.rendered_size.width == 1
    assert abs(planned.rendered_size.height - source.height * scale) <= 0.5 + 1e-6 or planned.rendered_size.height == 1
    assert planned.rendered_size.width == frame.width or planned.rendered_size.height == frame.height
    assert planned.rendered_size.width <= frame.width
    assert planned.rendered_size.height <= frame.height


@settings(max_examples=300, deadline=None)
@given(source=st.builds(Size, SIDES, SIDES), frame=st.builds(Size, SIDES, SIDES), mode=st.sampled_from(list(Mode)))
def test_a_picture_stored_sideways_has_the_plan_of_the_upright_one(source: Size, frame: Size, mode: Mode) -> None:
    upright = plan(source, frame, mode)

    sideways = plan(Size(*source[::-1]), Size(*frame[::-1]), mode)

    left, top, right, bottom = upright.region
    assert sideways == Plan((top, left, bottom, right), Size(*upright.rendered_size[::-1]), upright.mode)


@pytest.mark.parametrize("source", [Size(128, 46), Size(320, 121), Size(36, 49)], ids=str)
def test_half_a_row_is_rounded_the_same_way_upright_and_sideways(source: Size) -> None:
    # 160 × 46 / 128 = 57.5 rows.
    upright, sideways = plan(source, Size(160, 90), Mode.PAD), plan(Size(*source[::-1]), Size(90, 160), Mode.PAD)

    assert upright.rendered_size == sideways.rendered_size[::-1]


@pytest.mark.parametrize("source", [Size(101, 100), Size(100, 101)], ids=str)
@pytest.mark.parametrize("mode", FITTED)
def test_what_nearly_fits_does_so_upright_and_sideways(source: Size, mode: Mode) -> None:
    assert plan(source, Size(64, 64), mode).mode is Mode.COVER


@pytest.mark.parametrize("focus", [CENTER, Focus(0.25, 0.5)], ids=str)
def test_the_edges_of_a_crop_are_filtered_as_in_the_whole_picture(focus: Focus) -> None:
    picture = Image.merge("RGB", [Image.effect_noise((320, 90), spread) for spread in (40, 60, 80)])
    left = round(focus.x * 160) - 40

    frame = decoded(normalize_image(encode(picture), size=(80, 45), focus=focus, format="png"))

    whole = picture.resize((160, 45), Image.Resampling.LANCZOS).crop((left, 0, left + 80, 45))
    assert psnr(frame, whole) > 50


@pytest.mark.parametrize("source", [Size(1600, 45), Size(80, 900)], ids=str)
def test_stretch_scales_each_direction_by_its_own_factor(source: Size) -> None:
    picture = landscape(*source)

    frame = decoded(normalize_image(encode(picture), size=(80, 45), mode=Mode.STRETCH, format="png"))

    assert psnr(frame, picture.resize((80, 45), Image.Resampling.LANCZOS)) > 40


# ---------------------------------------------------------------- orientation of boxes


@settings(max_examples=30, deadline=None)
@given(edges=st.tuples(*[st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted)] * 2))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_box_to_stored_and_back_to_upright_is_the_same(
    orientation: int, edges: tuple[list[float], list[float]]
) -> None:
    (left, right), (top, bottom) = edges

    stored = to_stored_box((left, top, right, bottom), orientation)

    assert stored[0] <= stored[2]
    assert stored[1] <= stored[3]
    assert to_upright_box(stored, orientation) == pytest.approx((left, top, right, bottom))


# ---------------------------------------------------------------- blur


@pytest.mark.parametrize("source", [Size(200, 400), Size(400, 100), Size(90, 90)], ids=str)
def test_blur_shows_the_picture_where_pad_does(source: Size) -> None:
    picture = encode(landscape(*source))
    blurred, padded = (normalize_image(picture, size=(320, 180), mode=mode, format="png") for mode in FITTED[::-1])
    fitted = plan(source, Size(320, 180), Mode.PAD).rendered_size
    left, top = (320 - fitted.width) // 2, (180 - fitted.height) // 2
    center = (left, top, left + fitted.width, top + fitted.height)

    assert decoded(blurred).crop(center).tobytes() == decoded(padded).crop(center).tobytes()


def test_blur_fills_the_bars_with_the_picture_without_its_details() -> None:
    # Black and white noise at the top, red at the bottom: gray and red once blurred.
    picture = Image.new("RGB", (90, 180), RED)
    picture.paste(Image.effect_noise((90, 90), 200).convert("1").convert("RGB"))

    frame = decoded(normalize_image(encode(picture), size=(320, 180), mode="blur", format="png"))

    for bar in (frame.crop((0, 0, 110, 180)), frame.crop((210, 0, 320, 180))):
        top, bottom = color_of(bar, (0, 0, 110, 30)), color_of(bar, (0, 150, 110, 180))
        assert is_near(top, (top[1],) * 3, 30)
        assert is_near(bottom, RED, 30)
        gray = bar.convert("L")
        steps = [abs(one - next_) for y in (10, 90, 170) for one, next_ in pairwise(line(gray, y))]
        assert max(steps) <= 4


def line(gray: Image.Image, row: int) -> bytes:
    return gray.crop((0, row, gray.width, row + 1)).tobytes()


def test_blur_of_one_color_is_that_color_everywhere() -> None:
    frame = decoded(normalize_image(encode(Image.new("RGB", (50, 200), GREEN)), size=(320, 180), mode="blur"))

    assert is_near(frame.getpixel((3, 90)), GREEN)
    assert psnr(frame, Image.new("RGB", (320, 180), GREEN)) > 40


@pytest.mark.parametrize("height", [29, 242, 254, 395, 509])
def test_blur_accepts_every_height_of_the_picture(height: int) -> None:
    # 720 × (29 / 720) is a little more than 29.
    picture = encode(Image.new("RGB", (1280, height), GREEN), "BMP")

    assert decoded(normalize_image(picture, size=(1280, 720), mode="blur")).size == (1280, 720)
