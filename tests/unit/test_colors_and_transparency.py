"""However a picture's colors are stored, its frame is in opaque 8-bit sRGB and looks the same."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from PIL import Image, ImageCms

from sora_ready.domain.frame import Color
from sora_ready.domain.imaging import normalize_image
from tests.unit.icc_profiles import cmyk_profile_with_red_cyan, swapped_rgb_profile
from tests.unit.pictures import BLUE, GREEN, RED, Pixel, color_of, decoded, encode, extrema, is_near, landscape, psnr

SIZE = (64, 36)
ORANGE = Color(250, 140, 20)


def frame_color(data: bytes, **options: Any) -> Pixel:
    """The mean color of the frame."""
    return color_of(decoded(normalize_image(data, size=SIZE, background=ORANGE, **options)))


# ---------------------------------------------------------------- transparency


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparent_pixels_show_the_background(kind: str) -> None:
    picture = Image.new("RGBA", SIZE, (0, 255, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 3, 3))

    assert is_near(frame_color(encode(picture, kind)), ORANGE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_half_transparent_pixels_are_blended_with_the_background(kind: str) -> None:
    half = Image.new("RGBA", SIZE, (0, 0, 200, 128))

    assert is_near(frame_color(encode(half, kind, **({"lossless": True} if kind == "WEBP" else {}))), (125, 70, 110))


def test_transparent_gray_shows_the_background() -> None:
    picture = Image.new("LA", SIZE, (255, 0))
    picture.paste((60, 255), (0, 0, 32, 36))

    frame = decoded(normalize_image(encode(picture), size=SIZE, background=ORANGE))

    assert is_near(color_of(frame, (2, 0, 30, 36)), (60, 60, 60))
    assert is_near(color_of(frame, (34, 0, 62, 36)), ORANGE)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palettes_transparent_color_shows_the_background(kind: str) -> None:
    picture = Image.new("P", SIZE, 1)
    picture.putpalette([*RED, *GREEN, *BLUE])
    picture.paste(2, (0, 0, 32, 36))

    frame = decoded(normalize_image(encode(picture, kind, transparency=1), size=SIZE, background=ORANGE))

    assert is_near(color_of(frame, (2, 0, 30, 36)), BLUE)
    assert is_near(color_of(frame, (34, 0, 62, 36)), ORANGE)


def test_half_transparent_palette_colors_are_blended_with_the_background() -> None:
    picture = Image.new("P", SIZE, 1)
    picture.putpalette([*RED, 0, 0, 200])

    assert is_near(frame_color(encode(picture, transparency=bytes([255, 128]))), (125, 70, 110))


@pytest.mark.parametrize(("mode", "clear"), [("RGB", (10, 20, 30)), ("L", 77)])
def test_a_single_color_declared_transparent_shows_the_background(mode: str, clear: Any) -> None:
    picture = Image.new(mode, SIZE, clear)
    picture.putpixel((63, 35), 140 if mode == "L" else (0, 0, 255))

    assert is_near(frame_color(encode(picture, transparency=clear)), ORANGE)


def test_a_color_hidden_by_full_transparency_does_not_bleed_at_edges() -> None:
    # Stripes of opaque blue and transparent white: a resize that ignores alpha would make them pale blue.
    picture = Image.new("RGBA", (256, 144), (255, 255, 255, 0))
    for left in range(0, 256, 8):
        picture.paste((0, 0, 200, 255), (left, 0, left + 4, 144))

    frame = normalize_image(encode(picture), size=SIZE, background=Color(0, 0, 100))

    # Every pixel is between the stripes' blue and the background's: no red and no green.
    assert [high for _, high in extrema(decoded(frame))[:2]] <= [12, 12]


# ---------------------------------------------------------------- gray, depths and inks


@pytest.mark.parametrize("gray", [0, 90, 255])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP"])
def test_gray_stays_gray(kind: str, gray: int) -> None:
    assert is_near(frame_color(encode(Image.new("L", SIZE, gray), kind)), (gray, gray, gray), 2)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    picture = Image.new("1", SIZE, 0)
    picture.paste(1, (0, 0, 32, 36))

    frame = decoded(normalize_image(encode(picture, kind), size=SIZE))

    assert is_near(color_of(frame, (2, 0, 30, 36)), (255, 255, 255))
    assert is_near(color_of(frame, (34, 0, 62, 36)), (0, 0, 0))


@pytest.mark.parametrize(("value", "gray"), [(0, 0), (16_384, 64), (32_768, 128), (49_152, 191), (65_535, 255)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_is_scaled_not_clipped(kind: str, value: int, gray: int) -> None:
    picture = Image.new("I;16", SIZE, value)
    picture.putpixel((0, 0), 65_535)

    assert is_near(frame_color(encode(picture, kind)), (gray, gray, gray), 2)


def test_a_sixteen_bit_gradient_keeps_its_steps() -> None:
    values = [round(65_535 * x / 63) for _ in range(36) for x in range(64)]
    picture = Image.frombytes("I;16", SIZE, b"".join(value.to_bytes(2, "little") for value in values))

    frame = decoded(normalize_image(encode(picture), size=SIZE)).convert("L")

    row = [cast("int", frame.getpixel((x, 18))) for x in range(64)]
    assert all(abs(gray - 255 * x / 63) <= 4 for x, gray in enumerate(row))


def test_floating_point_gray_from_0_to_1_spans_black_to_white() -> None:
    picture = Image.new("F", SIZE, 0.5)
    picture.putpixel((0, 0), 1.0)

    assert is_near(frame_color(encode(picture, "TIFF")), (128, 128, 128), 2)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("ink", "color"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_cmyk_without_a_profile_is_converted_as_ideal_inks(ink: tuple[int, ...], color: Pixel, kind: str) -> None:
    assert is_near(frame_color(encode(Image.new("CMYK", SIZE, ink), kind)), color)


# ---------------------------------------------------------------- profiles


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_is_applied(kind: str) -> None:
    picture = Image.new("RGB", SIZE, (255, 0, 0))

    assert is_near(frame_color(encode(picture, kind, icc_profile=swapped_rgb_profile(), quality=98)), (0, 255, 0), 8)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_cmyk_profile_is_applied(kind: str) -> None:
    picture = Image.new("CMYK", SIZE, (255, 0, 0, 0))

    # This press's cyan is Lab 50, 65, 45: a red.
    assert is_near(frame_color(encode(picture, kind, icc_profile=cmyk_profile_with_red_cyan())), (221, 49, 47), 8)


def test_a_profile_is_applied_to_cmyk_decoded_at_a_smaller_scale() -> None:
    picture = Image.new("CMYK", (640, 360), (255, 0, 0, 0))

    assert is_near(frame_color(encode(picture, "JPEG", icc_profile=cmyk_profile_with_red_cyan())), (221, 49, 47), 8)


def test_a_profile_is_applied_to_a_palette() -> None:
    picture = Image.new("P", SIZE, 0)
    picture.putpalette([255, 0, 0])

    assert is_near(frame_color(encode(picture, icc_profile=swapped_rgb_profile())), (0, 255, 0), 8)


def test_a_picture_with_a_profile_stays_transparent() -> None:
    picture = Image.new("RGBA", SIZE, (255, 0, 0, 255))
    picture.paste((255, 0, 0, 0), (32, 0, 64, 36))

    data = encode(picture, icc_profile=swapped_rgb_profile())
    frame = decoded(normalize_image(data, size=SIZE, background=ORANGE))

    assert is_near(color_of(frame, (2, 0, 30, 36)), (0, 255, 0), 8)
    assert is_near(color_of(frame, (34, 0, 62, 36)), ORANGE)


def test_a_picture_in_srgb_keeps_its_colors() -> None:
    picture = landscape(*SIZE)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    frame = normalize_image(encode(picture, icc_profile=srgb), size=SIZE)

    assert psnr(decoded(frame), picture) > 38


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        b"",
        swapped_rgb_profile()[:100],
        swapped_rgb_profile()[:128] + bytes(100),
        swapped_rgb_profile()[:-60],
        cmyk_profile_with_red_cyan(),
    ],
    ids=["text", "empty", "half a header", "no tags", "cut short", "for another kind of picture"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_unusable_profile_is_ignored(kind: str, profile: bytes) -> None:
    picture = Image.new("RGB", SIZE, RED)

    assert is_near(frame_color(encode(picture, kind, icc_profile=profile)), RED)


def test_a_gray_picture_with_a_color_profile_stays_gray() -> None:
    data = encode(Image.new("L", SIZE, 90), "JPEG", icc_profile=swapped_rgb_profile())

    with Image.open(io.BytesIO(data)) as source:
        assert source.info["icc_profile"] == swapped_rgb_profile()
    assert is_near(frame_color(data), (90, 90, 90))
