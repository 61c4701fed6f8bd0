"""`blur`: the whole picture, sharp and in the middle, on its own enlarged and blurred self."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Color, Size
from sora_ready.domain.imaging.background import blurred_background
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, color_of, encode, is_near, landscape, psnr, quarters, shown

SIZE = Size(320, 180)


def blurred(picture: Image.Image, size: Size = SIZE, **options: object) -> Image.Image:
    return shown(normalize_image(encode(picture), size=size, mode="blur", format="png", **options))  # type: ignore[arg-type]


def steepest(picture: Image.Image) -> int:
    """The largest step between neighbours, across or down."""
    steps = [ImageChops.difference(picture, ImageChops.offset(picture, *step)) for step in ((1, 0), (0, 1))]
    inside = [step.crop((1, 1, *picture.size)) for step in steps]
    return max(high for step in inside for _, high in step.getextrema())


def checks(width: int, height: int, step: int) -> Image.Image:
    """Black and white squares: all the detail that there can be."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for top in range(0, height, step):
        for left in range(top // step % 2 * step, width, 2 * step):
            draw.rectangle((left, top, left + step - 1, top + step - 1), fill="white")
    return picture


@pytest.mark.parametrize("shape", [(180, 180), (101, 180), (640, 180), (320, 60)], ids=str)
def test_the_picture_in_the_middle_is_as_it_would_be_between_bars(shape: tuple[int, int]) -> None:
    picture = landscape(*shape)
    bars = shown(normalize_image(encode(picture), size=SIZE, mode="pad", format="png"))
    scale = min(SIZE.width / shape[0], SIZE.height / shape[1])
    width, height = round(shape[0] * scale), round(shape[1] * scale)
    left, top = (SIZE.width - width) // 2, (SIZE.height - height) // 2
    middle = (left, top, left + width, top + height)

    frame = blurred(picture)

    assert frame.size == SIZE
    assert psnr(frame.crop(middle), bars.crop(middle)) == 99


@pytest.mark.parametrize("color", [RED, BLUE, YELLOW])
def test_the_backdrop_of_one_color_is_that_color(color: tuple[int, int, int]) -> None:
    assert shown_colors(blurred(Image.new("RGB", (90, 180), color))) == {color}


def shown_colors(frame: Image.Image) -> set[object]:
    return {color for _, color in frame.getcolors(99) or [(0, None)]}


def test_the_backdrop_shows_the_pictures_own_colors_where_they_are() -> None:
    # given red and green above, blue and yellow below
    frame = blurred(quarters(180, 180))

    # then each corner is of the color that is nearest
    for corner, color in zip([(0, 0), (319, 0), (0, 179), (319, 179)], (RED, GREEN, BLUE, YELLOW), strict=True):
        assert is_near(frame.getpixel(corner), color, 25)


@pytest.mark.parametrize("shape", [(100, 400), (900, 60)], ids=["tall", "wide"])
def test_the_backdrop_is_made_of_the_middle_of_the_picture(shape: tuple[int, int]) -> None:
    # given a picture that is red but for its middle, of which the enlarged one shows no more
    width, height = shape
    picture = Image.new("RGB", shape, RED)
    long = (0, 140, width, 260) if height > width else (370, 0, 530, height)
    picture.paste(GREEN, long)

    # then
    background = blurred_background(picture, SIZE)
    assert all(is_near(background.getpixel(corner), GREEN, 30) for corner in [(0, 0), (319, 0), (0, 179), (319, 179)])


@pytest.mark.parametrize("step", [3, 8, 20])
def test_no_detail_is_left_in_the_backdrop(step: int) -> None:
    # given checks that jump from black to white
    content = checks(180, 180, step)

    # when
    background = blurred_background(content, SIZE)

    # then neighbours hardly differ, and it is as bright as the picture
    assert background.size == SIZE
    assert steepest(background) <= 12
    assert all(abs(mean - 128) < 20 for mean in ImageStat.Stat(background).mean)


def test_the_backdrop_has_no_steps_of_its_own() -> None:
    # given a soft ramp; enlarged without smoothing it would show squares
    ramp = Image.linear_gradient("L").resize((180, 180)).convert("RGB")

    assert steepest(blurred_background(ramp, SIZE)) <= 4


@pytest.mark.parametrize("shape", [(2560, 71), (20, 720), (40, 1440), (4000, 111)], ids=str)
def test_extreme_shapes_have_a_backdrop_too(shape: tuple[int, int]) -> None:
    frame = blurred(landscape(*shape))

    assert frame.size == SIZE
    # then it is filled to its corners: nothing is left black
    assert all(sum(frame.getpixel(corner)) > 30 for corner in [(0, 0), (319, 0), (0, 179), (319, 179)])


def test_a_shape_that_leaves_nothing_to_see_is_refused_as_in_every_mode() -> None:
    with pytest.raises(ImageRejected) as refusal:
        blurred(Image.new("RGB", (180 * 65, 100)))

    assert refusal.value.code == "shape_too_extreme"


@pytest.mark.parametrize("size", [Size(8, 8), Size(9, 16), Size(16, 9)], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (20, 1), (3, 2)], ids=str)
def test_tiny_pictures_and_frames_are_met_too(shape: tuple[int, int], size: Size) -> None:
    assert shown_colors(blurred(Image.new("RGB", shape, GREEN), size)) == {GREEN}


def test_where_the_picture_is_transparent_its_background_is_blurred_with_it() -> None:
    # given a blue square, and nothing around it
    picture = Image.new("RGBA", (180, 180), (0, 0, 0, 0))
    picture.paste((*BLUE, 255), (60, 60, 120, 120))

    # when
    frame = blurred(picture, background=Color(250, 140, 20))

    # then content and background are opaque and of these colors
    assert is_near(frame.getpixel((75, 5)), (250, 140, 20))
    assert is_near(frame.getpixel((3, 3)), (250, 140, 20), 12)
    assert is_near(frame.getpixel((160, 90)), BLUE)


def test_a_picture_of_the_frames_shape_needs_no_backdrop() -> None:
    picture = landscape(640, 360)

    ready = normalize_image(encode(picture), size=SIZE, mode="blur", format="png")

    assert ready.mode == "cover"
    assert shown(ready) == shown(normalize_image(encode(picture), size=SIZE, mode="cover", format="png"))


def test_the_largest_frame_costs_little() -> None:
    content = landscape(576, 1024)
    tracemalloc.start()
    started = time.process_time()

    background = blurred_background(content, Size(1792, 1024))

    spent, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert background.size == (1792, 1024)
    assert spent < 0.5
    assert peak < 1_000_000  # pixels live elsewhere; nothing is done pixel by pixel in Python


def test_a_color_at_the_edge_is_not_darkened_by_the_blur() -> None:
    assert is_near(color_of(blurred_background(Image.new("RGB", (90, 180), (255, 255, 255)), SIZE)), (255, 255, 255), 0)
