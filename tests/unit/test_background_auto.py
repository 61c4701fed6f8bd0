"""`background: auto`: what lies around a picture has the color of its edge, and no picture vanishes on it."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter

from sora_ready.domain.frame import Color, Size
from sora_ready.domain.imaging.normalize import ReadyImage, normalize_image
from tests.unit.icc_profiles import display_p3_profile
from tests.unit.pictures import BLUE, RED, color_of, encode, is_near, shown
from tests.unit.test_upright import ORIENTATIONS, stored

SIZE = Size(320, 180)
OFF_WHITE = Color(243, 240, 232)
WHITE, BLACK = Color(255, 255, 255), Color(0, 0, 0)


def laid(picture: Image.Image, kind: str = "PNG", mode: str = "pad", **options: Any) -> ReadyImage:
    return normalize_image(encode(picture, kind, **options), size=SIZE, mode=mode, background="auto", format="png")


def product(background: tuple[int, int, int] = OFF_WHITE, size: tuple[int, int] = (400, 400)) -> Image.Image:
    """A red thing in the middle of a plain background."""
    picture = Image.new("RGB", size, background)
    ImageDraw.Draw(picture).ellipse([side * at for at in (0.2, 0.8) for side in size], fill=RED)
    return picture


def logo(color: tuple[int, int, int], size: tuple[int, int] = (300, 300)) -> Image.Image:
    """A disc with soft edges, and nothing around it."""
    alpha = Image.new("L", size)
    ImageDraw.Draw(alpha).ellipse([side * at for at in (0.2, 0.8) for side in size], fill=255)
    picture = Image.new("RGBA", size, (*color, 255))
    picture.putalpha(alpha.filter(ImageFilter.GaussianBlur(2)))
    return picture


# ---------------------------------------------------------------- what is opaque


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("shape", [(400, 400), (300, 600), (900, 300)], ids=str)
def test_a_products_backdrop_goes_on_without_a_seam(shape: tuple[int, int], kind: str) -> None:
    # given a background with the faint grain that a camera leaves
    grain = Image.effect_noise(shape, 4)
    picture = ImageChops.add(product(size=shape), Image.merge("RGB", [grain] * 3), offset=-128)

    # when
    ready = laid(picture, kind)

    # then no row across the bars and the background holds more than that grain
    assert is_near(ready.background, OFF_WHITE, 3)
    for low, high in shown(ready).crop((0, 0, 320, 6)).getextrema() + shown(ready).crop((0, 0, 6, 180)).getextrema():
        assert high - low <= 24
    assert is_near(color_of(shown(ready), (0, 0, 320, 3)), OFF_WHITE, 3)


@pytest.mark.parametrize(
    ("shape", "meeting", "other"), [((300, 400), "sides", "ends"), ((800, 300), "ends", "sides")], ids=["tall", "wide"]
)
def test_only_the_edges_that_meet_bars_count(shape: tuple[int, int], meeting: str, other: str) -> None:
    # given a picture with other colors at its sides than above and below
    width, height = shape
    picture = Image.new("RGB", shape, (90, 90, 90))
    draw = ImageDraw.Draw(picture)
    edges = {
        "sides": [(0, 0, 30, height), (width - 31, 0, width, height)],
        "ends": [(0, 0, width, 30), (0, height - 31, width, height)],
    }
    for name, color in ((other, BLUE), (meeting, OFF_WHITE)):
        for edge in edges[name]:
            draw.rectangle(edge, fill=color)

    # then
    assert is_near(laid(picture).background, OFF_WHITE, 2)


@pytest.mark.parametrize("size", [(400, 400), (1200, 1200), (180, 180)], ids=str)
def test_a_stray_line_at_the_rim_does_not_decide(size: tuple[int, int]) -> None:
    # given a screenshot's border of one pixel
    picture = product(size=size)
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=BLACK)

    # then
    assert is_near(laid(picture).background, OFF_WHITE, 3)


def test_a_stray_line_does_not_decide_where_the_frame_is_small() -> None:
    # given a frame that shows each pixel of the picture as one
    picture = product(size=(36, 36))
    ImageDraw.Draw(picture).rectangle((0, 0, 35, 35), outline=BLACK)

    # then
    ready = normalize_image(encode(picture), size=(64, 36), mode="pad", background="auto")
    assert is_near(ready.background, OFF_WHITE, 3)


@pytest.mark.parametrize("dark_side", ["left", "top"])
def test_a_backdrop_that_runs_from_dark_to_light_gives_a_color_of_its_own(dark_side: str) -> None:
    gray = Image.linear_gradient("L").resize((300, 300))
    if dark_side == "left":
        gray = gray.transpose(Image.Transpose.ROTATE_90)

    red, green, blue = laid(gray.convert("RGB")).background

    assert red == green == blue
    assert 0 <= red <= 255
    if dark_side == "top":  # the sides hold every shade
        assert abs(red - 128) < 12


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_however_it_was_held_the_color_is_the_same(orientation: int, kind: str) -> None:
    # given a picture with another color on each side
    picture = Image.new("RGB", (301, 401), OFF_WHITE)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 300, 40), fill=BLUE)
    draw.rectangle((0, 360, 300, 400), fill=RED)
    draw.rectangle((280, 0, 300, 90), fill=(20, 90, 40))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    quality = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}

    # then
    held = laid(stored(picture, orientation), kind, exif=exif, **quality)
    assert is_near(held.background, laid(picture).background, 2)
    assert is_near(held.background, OFF_WHITE, 2)


def test_the_color_is_the_one_that_is_shown_not_the_one_that_is_stored() -> None:
    ready = laid(product((40, 200, 60)), icc_profile=display_p3_profile())

    assert is_near(ready.background, shown(ready).getpixel((160, 3)), 2)
    assert not is_near(ready.background, (40, 200, 60), 20)


# ---------------------------------------------------------------- what is transparent


@pytest.mark.parametrize("color", [(0, 0, 0), RED, BLUE, (128, 128, 128)])
def test_a_logo_with_nothing_around_it_is_laid_on_white(color: tuple[int, int, int]) -> None:
    ready = laid(logo(color))

    assert ready.background == WHITE
    assert is_near(shown(ready).getpixel((160, 90)), color, 2)
    assert is_near(shown(ready).getpixel((160, 3)), WHITE, 1)


@pytest.mark.parametrize("mode", ["pad", "cover", "blur", "stretch"])
@pytest.mark.parametrize("color", [WHITE, Color(246, 248, 250)])
def test_a_white_logo_is_not_lost(color: Color, mode: str) -> None:
    ready = laid(logo(color), mode=mode)

    assert ready.background == BLACK
    assert is_near(shown(ready).getpixel((160, 90)), color, 2)


def test_a_transparent_corner_does_not_decide_for_an_opaque_picture() -> None:
    # given rounded corners, as screenshots have them
    picture = product().convert("RGBA")
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 399, 399), 50, fill=255)
    picture.putalpha(mask)

    # then its corners are filled with the color of its edges
    ready = laid(picture)
    assert is_near(ready.background, OFF_WHITE, 2)
    assert is_near(shown(ready).getpixel((71, 1)), OFF_WHITE, 2)


def test_a_logo_that_touches_its_edges_here_and_there_is_laid_on_white() -> None:
    # given a blue bar that reaches from side to side, over a third of their height
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    picture.paste((*BLUE, 255), (0, 100, 300, 200))
    picture.paste((*RED, 255), (100, 120, 200, 180))

    # then
    assert laid(picture).background == WHITE


def test_a_shadow_at_the_edge_does_not_decide() -> None:
    # given a drawing in a shadow that is half transparent up to its edges
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 100))
    picture.paste((*RED, 255), (100, 100, 200, 200))

    # then
    assert laid(picture).background == WHITE


def test_the_color_around_rounded_corners_is_the_one_that_is_shown() -> None:
    picture = product((40, 200, 60)).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 20, 20))

    ready = laid(picture, icc_profile=display_p3_profile())

    assert is_near(ready.background, shown(ready).getpixel((160, 3)), 2)
    assert not is_near(ready.background, (40, 200, 60), 20)


def test_what_is_hidden_under_transparency_does_not_decide() -> None:
    # given a blue that nobody sees around an opaque disc
    picture = Image.new("RGBA", (300, 300), (0, 0, 255, 0))
    ImageDraw.Draw(picture).ellipse((60, 60, 240, 240), fill=(*RED, 255))

    # then
    assert laid(picture).background == WHITE
