"""Colors are converted as the picture's profile defines: within a just noticeable difference of closed formulas.

The expected colors come from `coloraide` or from a formula, never from the library that converts.
"""

from __future__ import annotations

import zlib
from itertools import product
from typing import Any, cast

import pytest
from coloraide import Color
from PIL import ExifTags, Image

from sora_ready.domain.imaging import normalize_image
from tests.unit.color_truth import (
    PATCHES,
    PATCHES_SIZE,
    STEPS,
    Truth,
    gray_of_gamma,
    mean_difference,
    to_srgb,
    truths_of,
)
from tests.unit.handmade_files import png, tiff
from tests.unit.icc_profiles import adobe_rgb_profile, display_p3_profile, gray_profile, press_lab, press_profile
from tests.unit.pictures import Pixel, color_of, decoded, encode, landscape

# In ΔE2000: a trained eye sees a difference of about 2.
NOTICEABLE = 2.0
EXACT = 0.6
SPACES = {"display-p3": display_p3_profile(), "a98-rgb": adobe_rgb_profile()}
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}}


def patches(pixels: list[Any], mode: str = "RGB", size: tuple[int, int] = PATCHES_SIZE) -> Image.Image:
    picture = Image.new(mode, size)
    picture.putdata(pixels)
    return picture


def frame_of(data: bytes, size: tuple[int, int] = PATCHES_SIZE, **options: Any) -> Image.Image:
    return decoded(normalize_image(data, size=size, format="png", **options))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_wide_gamut_colors_become_srgb(kind: str, space: str) -> None:
    # given patches from the whole color space
    data = encode(patches(PATCHES), kind, icc_profile=SPACES[space], **LOSSLESS[kind])

    # then
    assert mean_difference(frame_of(data), truths_of(PATCHES, to_srgb(space))) < EXACT


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_wide_gamut_colors_of_a_lossy_file_become_srgb(kind: str, space: str) -> None:
    # given patches of 16x16 pixels, which a file of high quality hardly changes
    large = patches(PATCHES).resize((49 * 16, 7 * 16), Image.Resampling.NEAREST)
    data = encode(large, kind, icc_profile=SPACES[space], quality=98, subsampling="4:4:4")

    # then, although it is decoded at a smaller scale
    assert mean_difference(frame_of(data), truths_of(PATCHES, to_srgb(space))) < NOTICEABLE


@pytest.mark.parametrize("color_type", [2, 6], ids=["opaque", "with alpha"])
@pytest.mark.parametrize("space", SPACES)
def test_16_bit_wide_gamut_colors_become_srgb(space: str, color_type: int) -> None:
    # given 16 bits a channel
    alpha = (255,) if color_type == 6 else ()
    row = [sample * 257 for pixel in PATCHES for sample in (*pixel, *alpha)]
    data = png([row], bits=16, color_type=color_type, chunks=[iccp(SPACES[space])])

    # then
    frame = frame_of(data, size=(343, 8), mode="stretch").crop((0, 4, 343, 5))
    assert mean_difference(frame, truths_of(PATCHES, to_srgb(space))) < EXACT


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_wide_gamut_colors_of_a_tiff_become_srgb(order: str) -> None:
    row = [sample * 257 for pixel in PATCHES for sample in pixel]
    profile = display_p3_profile()
    data = tiff([row] * 8, bits=16, photometric=2, samples=3, order=order, tags=[(34675, 7, len(profile), profile)])

    frame = frame_of(data, size=(343, 8)).crop((0, 4, 343, 5))
    assert mean_difference(frame, truths_of(PATCHES, to_srgb("display-p3"))) < EXACT


def iccp(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"profile\0\0" + zlib.compress(profile)


# ---------------------------------------------------------------- gray


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["PNG", "PNG with alpha", "TIFF"])
def test_a_gray_profile_is_applied(kind: str, bits: int, gamma: float) -> None:
    # given every shade
    top = (1 << bits) - 1
    row = [shade * top // 255 for shade in range(256)]
    profile = gray_profile(gamma)
    if kind == "TIFF":
        data = tiff([row] * 8, bits=bits, photometric=1, tags=[(34675, 7, len(profile), profile)])
    elif kind == "PNG":
        data = png([row] * 8, bits=bits, color_type=0, chunks=[iccp(profile)])
    else:
        with_alpha = [sample for shade in row for sample in (shade, top)]
        data = png([with_alpha] * 8, bits=bits, color_type=4, chunks=[iccp(profile)])

    # then
    frame = frame_of(data, size=(256, 8)).crop((0, 4, 256, 5))
    assert mean_difference(frame, truths_of(range(256), gray_of_gamma(gamma))) < EXACT


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_the_shadows_of_16_bit_gray_are_kept(gamma: float) -> None:
    # given shades at equal perceived distances: in linear light (gamma 1), most are near black
    row = [round(65_535 * (shade / 255) ** (2.2 / gamma)) for shade in range(256)]
    data = png([row] * 8, bits=16, color_type=0, chunks=[iccp(gray_profile(gamma))])

    # then
    frame = frame_of(data, size=(256, 8)).crop((0, 4, 256, 5))
    truth = gray_of_gamma(gamma)
    assert mean_difference(frame, [truth([sample / 65_535]) for sample in row]) < EXACT


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_gray_without_a_profile_is_srgb(order: str) -> None:
    row = [shade * 257 for shade in range(256)]

    frame = frame_of(tiff([row] * 8, bits=16, photometric=1, order=order), size=(256, 8)).crop((0, 4, 256, 5))

    assert mean_difference(frame, truths_of([(shade,) * 3 for shade in range(256)], to_srgb("srgb"))) < 0.05


# ---------------------------------------------------------------- CMYK and Lab

# Mixtures of all inks, up to the total coverage that paper holds.
INKS = [inks for inks in product(STEPS[::2], STEPS[::2], STEPS[::2], (0, 85, 170, 255)) if sum(inks) < 700]


def press_truth(samples: Any) -> Color:
    return Color("lab", list(press_lab(samples))).convert("srgb").clip()


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_a_cmyk_profile_is_applied(kind: str) -> None:
    # given a patch for each mixture
    picture = patches(INKS, "CMYK", (17, 13)).resize((17 * 8, 13 * 8), Image.Resampling.NEAREST)
    data = encode(picture, kind, icc_profile=press_profile(), **({"quality": 100} if kind == "JPEG" else {}))

    # when
    frame = frame_of(data, size=picture.size).resize((17, 13), Image.Resampling.NEAREST)

    # then
    assert mean_difference(frame, truths_of(INKS, press_truth)) < NOTICEABLE


def test_paper_without_ink_is_white_whatever_its_shade() -> None:
    # given the profile of a press with yellowish paper
    profile = press_profile(paper=(0.85, 0.88, 0.6))

    # then
    frame = frame_of(encode(Image.new("CMYK", (64, 36)), "TIFF", icc_profile=profile), size=(64, 36))
    assert color_of(frame) == (255, 255, 255)


def test_lab_needs_no_profile() -> None:
    # given samples as print archives have them: a and b are signed
    labs = [(light, a, b) for light in range(20, 100, 12) for a in range(-40, 50, 10) for b in range(-40, 50, 10)]
    row = [part for light, a, b in labs for part in (round(light * 2.55), a % 256, b % 256)]

    # when
    frame = frame_of(tiff([row] * 9, bits=8, photometric=8, samples=3), size=(len(labs), 9)).crop((0, 4, len(labs), 5))

    # then
    truths = [Color("lab", [round(light * 2.55) / 2.55, a, b]).convert("srgb").clip() for light, a, b in labs]
    assert mean_difference(frame, truths) < NOTICEABLE


# ---------------------------------------------------------------- profiles with modes, turns, alpha and scaling


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("mode", ["cover", "pad", "blur"])
def test_a_profile_is_applied_in_every_mode_and_orientation(mode: str, orientation: int) -> None:
    # given a picture of one color, stored in this orientation
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encode(Image.new("RGB", (120, 120), (200, 90, 40)), icc_profile=display_p3_profile(), exif=exif)

    # when
    frame = frame_of(data, size=(160, 90), mode=mode, background="auto")

    # then picture, bars and blurred background have that color
    truth = to_srgb("display-p3")([200 / 255, 90 / 255, 40 / 255])
    assert mean_difference(frame.resize((32, 18), Image.Resampling.NEAREST), [truth] * 32 * 18) < EXACT


def test_half_transparent_colors_are_converted_before_they_are_blended() -> None:
    data = encode(Image.new("RGBA", (64, 36), (200, 90, 40, 128)), icc_profile=display_p3_profile())

    frame = frame_of(data, size=(64, 36), background=(0, 0, 0))

    solid = to_srgb("display-p3")([200 / 255, 90 / 255, 40 / 255])
    mixed = Color("srgb", [sample * 128 / 255 for sample in solid.coords()])
    assert mean_difference(frame, [mixed] * 64 * 36) < 1


@pytest.mark.parametrize(("kind", "scale"), [("PNG", 1), ("PNG", 3), ("PNG", 7.3), ("JPEG", 3), ("JPEG", 8)])
def test_scaling_before_the_conversion_makes_no_noticeable_difference(scale: float, kind: str) -> None:
    # given a detailed picture twice: with a wide-gamut profile, and converted pixel by pixel
    width, height = round(64 * scale), round(36 * scale)
    wide = detailed(width, height)
    converted = convert(wide, "display-p3")

    # when
    options = {"quality": 98, "subsampling": "4:4:4"} if kind == "JPEG" else {}
    one = frame_of(encode(wide, kind, icc_profile=display_p3_profile(), **options), size=(64, 36))
    other = frame_of(encode(converted, kind, **options), size=(64, 36))

    # then
    one, other = (frame.resize((32, 18), Image.Resampling.NEAREST) for frame in (one, other))
    assert mean_difference(one, truths_of(other.get_flattened_data(), to_srgb("srgb"))) < NOTICEABLE / 2


def detailed(width: int, height: int) -> Image.Image:
    """A gradient under strong grain, in few shades: every pixel differs from the next."""
    grain = Image.effect_noise((width, height), 80)
    mixed = Image.blend(landscape(width, height), Image.merge("RGB", (grain, grain, grain)), 0.4)
    return mixed.point([min(255, round(shade / 17) * 17) for shade in range(256)] * 3)


def convert(picture: Image.Image, space: str) -> Image.Image:
    truth: Truth = to_srgb(space)
    pixels = cast("list[Pixel]", list(picture.get_flattened_data()))
    converted = {
        pixel: tuple(round(255 * sample) for sample in truth([part / 255 for part in pixel]).coords())
        for pixel in set(pixels)
    }
    return patches([converted[pixel] for pixel in pixels], size=picture.size)
