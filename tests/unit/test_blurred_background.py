"""`blur`: the whole picture, sharp and centered, over its own enlarged and blurred copy."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Color, Size
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.background import blurred_background
from tests.unit.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    color_of,
    decoded,
    encode,
    extrema,
    is_near,
    landscape,
    pixel_at,
    psnr,
    quarters,
)

SIZE = Size(320, 180)


def blurred(picture: Image.Image, size: Size = SIZE, **options: Any) -> Image.Image:
    return decoded(normalize_image(encode(picture), size=size, mode="blur", format="png", **options))


def steepest(picture: Image.Image) -> int:
    """The largest difference between adjacent pixels, across or down."""
    steps = [ImageChops.difference(picture, ImageChops.offset(picture, *step)) for step in ((1, 0), (0, 1))]
    inside = [step.crop((1, 1, *picture.size)) for step in steps]
    return max(high for step in inside for _, high in extrema(step))


def checks(width: int, height: int, step: int) -> Image.Image:
    """A checkerboard: the most detail possible."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for top in range(0, height, step):
        for left in range(top // step % 2 * step, width, 2 * step):
            draw.rectangle((left, top, left + step - 1, top + step - 1), fill="white")
    return picture


@pytest.mark.parametrize("shape", [(180, 180), (101, 180), (640, 180), (320, 60)], ids=str)
def test_the_centered_picture_is_as_it_would_be_between_bars(shape: tuple[int, int]) -> None:
    picture = landscape(*shape)
    bars = decoded(normalize_image(encode(picture), size=SIZE, mode="pad", format="png"))
    scale = min(SIZE.width / shape[0], SIZE.height / shape[1])
    width, height = round(shape[0] * scale), round(shape[1] * scale)
    left, top = (SIZE.width - width) // 2, (SIZE.height - height) // 2
    center = (left, top, left + width, top + height)

    frame = blurred(picture)

    assert frame.size == SIZE
    assert psnr(frame.crop(center), bars.crop(center)) == 99


@pytest.mark.parametrize("color", [RED, BLUE, YELLOW])
def test_the_background_of_a_one_colored_picture_is_that_color(color: tuple[int, int, int]) -> None:
    assert colors_of(blurred(Image.new("RGB", (90, 180), color))) == {color}


def colors_of(frame: Image.Image) -> set[object]:
    return {color for _, color in frame.getcolors(99) or [(0, None)]}


def test_the_background_has_the_pictures_colors_in_their_places() -> None:
    # given red and green at the top, blue and yellow at the bottom
    frame = blurred(quarters(180, 180))

    # then each corner has the nearest color
    for corner, color in zip([(0, 0), (319, 0), (0, 179), (319, 179)], (RED, GREEN, BLUE, YELLOW), strict=True):
        assert is_near(frame.getpixel(corner), color, 25)


@pytest.mark.parametrize("shape", [(100, 400), (900, 60)], ids=["tall", "wide"])
def test_the_background_is_a_center_crop_of_the_picture(shape: tuple[int, int]) -> None:
    # given a red picture with a green center, as large as the crop
    width, height = shape
    picture = Image.new("RGB", shape, RED)
    center = (0, 140, width, 260) if height > width else (370, 0, 530, height)
    picture.paste(GREEN, center)

    # then
    background = blurred_background(picture, SIZE)
    assert all(is_near(background.getpixel(corner), GREEN, 30) for corner in [(0, 0), (319, 0), (0, 179), (319, 179)])


@pytest.mark.parametrize("step", [3, 8, 20])
def test_no_detail_is_left_in_the_background(step: int) -> None:
    # given
    picture = checks(180, 180, step)

    # when
    background = blurred_background(picture, SIZE)

    # then adjacent pixels hardly differ, and it is as bright as the picture
    assert background.size == SIZE
    assert steepest(background) <= 12
    assert all(abs(mean - 128) < 20 for mean in ImageStat.Stat(background).mean)


def test_the_background_has_no_visible_pixels() -> None:
    # given a smooth ramp, which would have steps if enlarged without interpolation
    ramp = Image.linear_gradient("L").resize((180, 180)).convert("RGB")

    assert steepest(blurred_background(ramp, SIZE)) <= 4


@pytest.mark.parametrize("shape", [(2560, 71), (20, 720), (40, 1440), (4000, 111)], ids=str)
def test_extreme_aspect_ratios_fill_the_frame_to_its_corners(shape: tuple[int, int]) -> None:
    frame = blurred(landscape(*shape))

    assert frame.size == SIZE
    # nothing is left black
    assert all(sum(pixel_at(frame, *corner)) > 30 for corner in [(0, 0), (319, 0), (0, 179), (319, 179)])


def test_a_sliver_is_rejected_as_in_every_mode() -> None:
    with pytest.raises(ImageRejected) as rejection:
        blurred(Image.new("RGB", (180 * 65, 100)))

    assert rejection.value.code == "shape_too_extreme"


@pytest.mark.parametrize("size", [Size(8, 8), Size(9, 16), Size(16, 9)], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (20, 1), (3, 2)], ids=str)
def test_tiny_pictures_fill_tiny_frames(shape: tuple[int, int], size: Size) -> None:
    assert colors_of(blurred(Image.new("RGB", shape, GREEN), size)) == {GREEN}


def test_a_transparent_picture_is_blurred_with_its_background() -> None:
    # given a blue square on transparency
    picture = Image.new("RGBA", (180, 180), (0, 0, 0, 0))
    picture.paste((*BLUE, 255), (60, 60, 120, 120))

    # when
    frame = blurred(picture, background=Color(250, 140, 20))

    # then
    assert is_near(frame.getpixel((75, 5)), (250, 140, 20))
    assert is_near(frame.getpixel((3, 3)), (250, 140, 20), 12)
    assert is_near(frame.getpixel((160, 90)), BLUE)


def test_a_picture_with_the_frames_aspect_ratio_needs_no_background() -> None:
    picture = landscape(640, 360)

    ready = normalize_image(encode(picture), size=SIZE, mode="blur", format="png")

    assert ready.mode == "cover"
    assert decoded(ready) == decoded(normalize_image(encode(picture), size=SIZE, mode="cover", format="png"))


def test_the_largest_frame_takes_little_time_and_memory() -> None:
    picture = landscape(576, 1024)
    tracemalloc.start()
    started = time.process_time()

    background = blurred_background(picture, Size(1792, 1024))

    spent, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert background.size == (1792, 1024)
    assert spent < 0.5
    assert peak < 1_000_000  # of Python objects: no loop over pixels


def test_the_blur_does_not_darken_the_edges() -> None:
    assert is_near(color_of(blurred_background(Image.new("RGB", (90, 180), (255, 255, 255)), SIZE)), (255, 255, 255), 0)
