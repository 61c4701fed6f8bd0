"""`background=auto` takes the color of the picture's edge, and no drawing becomes invisible on it."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter

from sora_ready.domain.frame import Color, Size
from sora_ready.domain.imaging import ReadyImage, normalize_image
from tests.unit.icc_profiles import display_p3_profile
from tests.unit.pictures import BLUE, RED, color_of, decoded, encode, extrema, is_near, pixel_at
from tests.unit.test_upright import ORIENTATIONS, stored_as

SIZE = Size(320, 180)
OFF_WHITE = Color(243, 240, 232)
WHITE, BLACK = Color(255, 255, 255), Color(0, 0, 0)


def padded(picture: Image.Image, kind: str = "PNG", mode: str = "pad", **options: Any) -> ReadyImage:
    return normalize_image(encode(picture, kind, **options), size=SIZE, mode=mode, background="auto", format="png")


def product(background: tuple[int, int, int] = OFF_WHITE, size: tuple[int, int] = (400, 400)) -> Image.Image:
    """A red disc in the center of a plain background."""
    picture = Image.new("RGB", size, background)
    ImageDraw.Draw(picture).ellipse([side * at for at in (0.2, 0.8) for side in size], fill=RED)
    return picture


def logo(color: tuple[int, int, int], size: tuple[int, int] = (300, 300)) -> Image.Image:
    """A disc with soft edges on a transparent background."""
    alpha = Image.new("L", size)
    ImageDraw.Draw(alpha).ellipse([side * at for at in (0.2, 0.8) for side in size], fill=255)
    picture = Image.new("RGBA", size, (*color, 255))
    picture.putalpha(alpha.filter(ImageFilter.GaussianBlur(2)))
    return picture


# ---------------------------------------------------------------- opaque pictures


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("shape", [(400, 400), (300, 600), (900, 300)], ids=str)
def test_a_plain_background_continues_into_the_bars_without_a_seam(shape: tuple[int, int], kind: str) -> None:
    # given a background with the faint grain of a camera
    grain = Image.effect_noise(shape, 4)
    picture = ImageChops.add(product(size=shape), Image.merge("RGB", [grain] * 3), offset=-128)

    # when
    ready = padded(picture, kind)

    # then no row across bars and background varies by more than the grain
    assert is_near(ready.background, OFF_WHITE, 3)
    for edge in ((0, 0, 320, 6), (0, 0, 6, 180)):
        assert all(high - low <= 24 for low, high in extrema(decoded(ready).crop(edge)))
    assert is_near(color_of(decoded(ready), (0, 0, 320, 3)), OFF_WHITE, 3)


@pytest.mark.parametrize(
    ("shape", "at_bars", "other"),
    [((300, 400), "left_right", "top_bottom"), ((800, 300), "top_bottom", "left_right")],
    ids=["tall", "wide"],
)
def test_only_the_edges_at_the_bars_decide(shape: tuple[int, int], at_bars: str, other: str) -> None:
    # given a picture whose left and right edges have another color than its top and bottom
    width, height = shape
    picture = Image.new("RGB", shape, (90, 90, 90))
    draw = ImageDraw.Draw(picture)
    edges = {
        "left_right": [(0, 0, 30, height), (width - 31, 0, width, height)],
        "top_bottom": [(0, 0, width, 30), (0, height - 31, width, height)],
    }
    for name, color in ((other, BLUE), (at_bars, OFF_WHITE)):
        for edge in edges[name]:
            draw.rectangle(edge, fill=color)

    # then
    assert is_near(padded(picture).background, OFF_WHITE, 2)


@pytest.mark.parametrize("size", [(400, 400), (1200, 1200), (180, 180)], ids=str)
def test_a_line_around_the_picture_does_not_decide(size: tuple[int, int]) -> None:
    # given a border of one pixel, as screenshots have it
    picture = product(size=size)
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=BLACK)

    # then
    assert is_near(padded(picture).background, OFF_WHITE, 3)


def test_a_line_around_the_picture_does_not_decide_in_a_small_frame() -> None:
    # given a frame in which each pixel of the picture is one pixel
    picture = product(size=(36, 36))
    ImageDraw.Draw(picture).rectangle((0, 0, 35, 35), outline=BLACK)

    # then
    ready = normalize_image(encode(picture), size=(64, 36), mode="pad", background="auto")
    assert is_near(ready.background, OFF_WHITE, 3)


@pytest.mark.parametrize("dark_side", ["left", "top"])
def test_a_gradient_background_gives_one_of_its_own_colors(dark_side: str) -> None:
    gray = Image.linear_gradient("L").resize((300, 300))
    if dark_side == "left":
        gray = gray.transpose(Image.Transpose.ROTATE_90)

    red, green, blue = padded(gray.convert("RGB")).background

    assert red == green == blue
    assert 0 <= red <= 255
    if dark_side == "top":  # the left and right edges have every shade
        assert abs(red - 128) < 12


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_color_is_the_same_in_every_orientation(orientation: int, kind: str) -> None:
    # given a picture with a different color at each edge
    picture = Image.new("RGB", (301, 401), OFF_WHITE)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 300, 40), fill=BLUE)
    draw.rectangle((0, 360, 300, 400), fill=RED)
    draw.rectangle((280, 0, 300, 90), fill=(20, 90, 40))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    quality: dict[str, Any] = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}

    # then
    turned = padded(stored_as(picture, orientation), kind, exif=exif, **quality)
    assert is_near(turned.background, padded(picture).background, 2)
    assert is_near(turned.background, OFF_WHITE, 2)


def test_the_color_is_the_displayed_one_not_the_stored_one() -> None:
    ready = padded(product((40, 200, 60)), icc_profile=display_p3_profile())

    assert is_near(ready.background, pixel_at(decoded(ready), 160, 3), 2)
    assert not is_near(ready.background, (40, 200, 60), 20)


# ---------------------------------------------------------------- transparent pictures


@pytest.mark.parametrize("color", [(0, 0, 0), RED, BLUE, (128, 128, 128)])
def test_a_logo_on_transparency_gets_a_white_background(color: tuple[int, int, int]) -> None:
    ready = padded(logo(color))

    assert ready.background == WHITE
    assert is_near(decoded(ready).getpixel((160, 90)), color, 2)
    assert is_near(decoded(ready).getpixel((160, 3)), WHITE, 1)


@pytest.mark.parametrize("mode", ["pad", "cover", "blur", "stretch"])
@pytest.mark.parametrize("color", [WHITE, Color(246, 248, 250)])
def test_a_white_logo_gets_a_black_background(color: Color, mode: str) -> None:
    ready = padded(logo(color), mode=mode)

    assert ready.background == BLACK
    assert is_near(decoded(ready).getpixel((160, 90)), color, 2)


def test_transparent_corners_of_an_opaque_picture_do_not_decide() -> None:
    # given rounded corners, as screenshots have them
    picture = product().convert("RGBA")
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 399, 399), 50, fill=255)
    picture.putalpha(mask)

    # then the corners have the color of the edges
    ready = padded(picture)
    assert is_near(ready.background, OFF_WHITE, 2)
    assert is_near(decoded(ready).getpixel((71, 1)), OFF_WHITE, 2)


def test_a_logo_that_touches_part_of_its_edges_gets_a_white_background() -> None:
    # given a blue bar from the left edge to the right one, over a third of their height
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    picture.paste((*BLUE, 255), (0, 100, 300, 200))
    picture.paste((*RED, 255), (100, 120, 200, 180))

    # then
    assert padded(picture).background == WHITE


def test_a_shadow_at_the_edge_does_not_decide() -> None:
    # given a drawing whose half-transparent shadow reaches the edges
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 100))
    picture.paste((*RED, 255), (100, 100, 200, 200))

    # then
    assert padded(picture).background == WHITE


def test_the_color_of_rounded_corners_is_the_displayed_one() -> None:
    picture = product((40, 200, 60)).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 20, 20))

    ready = padded(picture, icc_profile=display_p3_profile())

    assert is_near(ready.background, pixel_at(decoded(ready), 160, 3), 2)
    assert not is_near(ready.background, (40, 200, 60), 20)


def test_a_color_hidden_by_full_transparency_does_not_decide() -> None:
    # given an invisible blue around an opaque disc
    picture = Image.new("RGBA", (300, 300), (0, 0, 255, 0))
    ImageDraw.Draw(picture).ellipse((60, 60, 240, 240), fill=(*RED, 255))

    # then
    assert padded(picture).background == WHITE
