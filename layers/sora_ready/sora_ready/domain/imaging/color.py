"""Converts decoded samples of any mode, depth and ICC profile to opaque 8-bit sRGB.

First `convert_and_downscale` converts to 8 bits with premultiplied alpha and shrinks, one band of rows at a time, so
that a large picture is never in memory twice. Then `to_opaque_srgb` applies profile and background to the few pixels
left.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from PIL import Image, ImageChops, ImageCms, ImageMath

from sora_ready.domain.frame import Color
from sora_ready.domain.imaging.decoding import reject_corrupt

# The size of a band: large enough to be fast, small enough to need little memory.
_BAND_PIXELS = 4_000_000
# The TIFF tag PhotometricInterpretation (TIFF 6.0), and its value WhiteIsZero.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
# Pillow's 8-bit modes and the color space signature (ICC.1, 7.2.6) of the profiles that fit them.
_PROFILE_SPACES = {"RGB": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY", "LAB": b"Lab "}

PixelBox = tuple[int, int, int, int]
"""Left, top, right and bottom, in whole pixels."""


def convert_and_downscale(picture: Image.Image, box: PixelBox, factors: tuple[int, int], raw_mode: str) -> Image.Image:
    """Return `box` of the decoded picture in 8 bits, each block of `factors` pixels (across, down) averaged to one.

    Its mode is L, RGB, CMYK or LAB, or RGBa if any of it is transparent. `raw_mode` is Pillow's name for the samples as
    the file stores them, which gives the depth of a PNG's transparent color (tRNS). Raises `ImageRejected` (`corrupt`)
    if a sample is not a finite number.
    """
    try:
        convert = _choose_conversion(picture, raw_mode)
        left, top, right, bottom = box
        if convert is None:
            return picture.crop(box) if factors == (1, 1) else picture.reduce(factors, box=box)
        rows = max(factors[1], _BAND_PIXELS // (right - left) // factors[1] * factors[1])
        reduced: Image.Image | None = None
        for start in range(top, bottom, rows):
            band = convert(picture.crop((left, start, right, min(start + rows, bottom))))
            if factors != (1, 1):
                band = band.reduce(factors)
            if start == top and start + rows >= bottom:
                return band
            if reduced is None:
                reduced = Image.new(band.mode, (-(-(right - left) // factors[0]), -(-(bottom - top) // factors[1])))
            reduced.paste(band, (0, (start - top) // factors[1]))
        return cast("Image.Image", reduced)
    except ValueError as error:
        raise reject_corrupt(error) from error


def needs_no_conversion(picture: Image.Image) -> bool:
    """Return whether the decoded picture is already opaque and in 8 bits."""
    return picture.mode in _PROFILE_SPACES and "transparency" not in picture.info


def to_opaque_srgb(picture: Image.Image, profile: bytes | None, background: Color) -> Image.Image:
    """Return a reduced picture as RGB in sRGB, blended with `background` where it is transparent.

    An ICC `profile` of another color space than the picture's, or a broken one, is ignored.
    """
    if picture.mode != "RGBa":
        return _apply_profile(picture, profile)
    straight = picture.convert("RGBA")
    flattened = Image.new("RGB", picture.size, tuple(background))
    color = _apply_profile(_match_gray_profile(straight.convert("RGB"), profile), profile)
    flattened.paste(color, mask=straight.getchannel("A"))
    return flattened


def greatest_difference(one: Image.Image, other: Image.Image) -> Image.Image:
    """Return, for each pixel of two RGB pictures of one size, how much its most different channel differs (mode L)."""
    red, green, blue = ImageChops.difference(one, other).split()
    return ImageChops.lighter(red, ImageChops.lighter(green, blue))


def _match_gray_profile(color: Image.Image, profile: bytes | None) -> Image.Image:
    """Return one channel of a gray picture that has a gray profile: its transparency had made it RGB."""
    red, green, blue = color.split()
    gray = (
        profile is not None
        and profile[16:20] == _PROFILE_SPACES["L"]
        and not ImageChops.difference(red, green).getbbox()
        and not ImageChops.difference(red, blue).getbbox()
    )
    return red if gray else color


def _choose_conversion(picture: Image.Image, raw_mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """Return what converts a band to 8 bits, with premultiplied alpha if it is transparent; None if nothing has to."""
    mode, transparent = picture.mode, picture.info.get("transparency")
    if mode in {"I", "F"} or mode.startswith("I;16"):
        gain, offset = 255.0 / _white_level(picture), 0.0
        # Pillow inverts WhiteIsZero TIFFs of up to 8 bits only.
        if getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            gain, offset = -gain, 255.0
        if isinstance(transparent, int):
            return lambda band: _premultiply(
                _scale(band, gain, offset).convert("RGB"), _alpha_of_deep_gray(band, transparent)
            )
        return lambda band: _scale(band, gain, offset)
    if mode in {"RGBA", "LA", "PA"} or (mode == "P" and transparent is not None):
        return lambda band: band.convert("RGBA").convert("RGBa")
    if transparent is not None and mode in {"1", "L", "RGB"}:
        color = _to_8_bits(transparent, raw_mode)
        return lambda band: _premultiply(band.convert("RGB"), _alpha_of_color(band.convert("RGB"), color))
    if mode in _PROFILE_SPACES:
        return None
    target = "L" if mode == "1" else "RGB"
    return lambda band: band.convert(target)


def _white_level(picture: Image.Image) -> float:
    """Return the sample that means white: the smallest usual range that holds all samples of the picture.

    A PNG states the depth of its samples. A TIFF states only the depth of their storage: samples of 8 or 12 bits (from
    scanners and microscopes) stored in 16 would be almost black if 65,535 were white. Raises `ValueError` if a sample
    is infinite or NaN.
    """
    highest = _highest_sample(picture)
    if not math.isfinite(highest):
        raise ValueError("a sample is not a finite number")
    if picture.format == "PNG":
        return 65535.0
    if picture.mode == "F":
        # Filters and highlights overshoot white a little.
        return next((limit for limit in (1.0, 255.0, 65535.0) if highest <= 2 * limit), highest)
    return next((limit for limit in (255.0, 4095.0, 65535.0) if highest <= limit), highest)


def _highest_sample(picture: Image.Image) -> float:
    if picture.mode in {"I", "F", "I;16"}:
        return cast("float", picture.getextrema()[1])
    # Pillow has no extrema of big-endian samples.
    width, height = picture.size
    rows = max(1, _BAND_PIXELS // width)
    bands = (picture.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    return max(cast("float", band.convert("I").getextrema()[1]) for band in bands)


def _scale(band: Image.Image, gain: float, offset: float) -> Image.Image:
    # Pillow's own conversion of 16 bits to 8 clips instead of scaling.
    samples = band if band.mode == "F" else band.convert("I").convert("F")
    return samples.point(lambda sample: sample * gain + (offset + 0.5)).convert("L")


def _to_8_bits(color: int | tuple[int, int, int], raw_mode: str) -> tuple[int, int, int]:
    """Return a PNG's transparent color (tRNS), which has the depth of the file's samples, in 8 bits a channel."""
    values = color if isinstance(color, tuple) else (color, color, color)
    if raw_mode.startswith("1"):
        scaled = [255 if value else 0 for value in values]
    else:
        depth = raw_mode.partition(";")[2].rstrip("BLN")
        bits = int(depth) if depth.isdecimal() else 8
        # The decoder keeps the high byte of deeper samples and spreads shallower ones over the whole range.
        scaled = [int(value) >> (bits - 8) if bits > 8 else int(value) * 255 // ((1 << bits) - 1) for value in values]
    return scaled[0], scaled[1], scaled[2]


def _alpha_of_color(band: Image.Image, color: tuple[int, int, int]) -> Image.Image:
    """Return an alpha channel that is 0 where the RGB band has exactly this color, else 255."""
    masks = [
        channel.point([255 * (value != sample) for value in range(256)])
        for channel, sample in zip(band.split(), color, strict=True)
    ]
    alpha = masks[0]
    for mask in masks[1:]:
        alpha.paste(255, mask=mask)
    return alpha


def _alpha_of_deep_gray(band: Image.Image, gray: int) -> Image.Image:
    alpha = ImageMath.lambda_eval(
        lambda names: names["convert"]((names["band"] != gray) * 255, "L"), band=band.convert("I")
    )
    return cast("Image.Image", alpha)


def _premultiply(color: Image.Image, alpha: Image.Image) -> Image.Image:
    straight = color.convert("RGBA")
    straight.putalpha(alpha)
    return straight.convert("RGBa")


def _apply_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    # The color space signature is at byte 16 of the header (ICC.1, 7.2).
    if profile and profile[16:20] == _PROFILE_SPACES.get(picture.mode):
        # The tables of a profile can be broken although its header is not. PyCMSError is a plain Exception.
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
    return picture if picture.mode == "RGB" else picture.convert("RGB")
