"""Whatever a picture's samples mean, as opaque 8-bit sRGB.

A decoded picture becomes 8 bits with premultiplied alpha in bands, shrinking as it goes, so that no second copy of a
large picture is ever made; profile and background are applied to the few pixels that are left.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from PIL import Image, ImageChops, ImageCms, ImageMath

from sora_ready.domain.frame import Color

# Rows that are worked on at a time: enough to be quick, few enough to cost little memory.
_BAND_PIXELS = 4_000_000
# TIFF's tag for what its numbers stand for, and its value where 0 is white.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_PROFILE_SPACES = {"RGB": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY", "LAB": b"Lab "}


WholeBox = tuple[int, int, int, int]
"""Left, top, right and bottom, in whole pixels."""


def reduce_picture(picture: Image.Image, window: WholeBox, factors: tuple[int, int], raw_mode: str) -> Image.Image:
    """Return the window of the decoded picture in 8 bits, each block of `factors` pixels (across, down) made one.

    Its mode is L, RGB, CMYK or LAB, or RGBa where something shines through. `raw_mode` is how the file stores samples
    (as Pillow names it), which decides what a PNG's transparent color stands for. Raises `ValueError` where samples
    are no numbers.
    """
    prepare = _choose_preparation(picture, raw_mode)
    left, top, right, bottom = window
    if prepare is None:
        return picture.crop(window) if factors == (1, 1) else picture.reduce(factors, box=window)
    rows = max(factors[1], _BAND_PIXELS // (right - left) // factors[1] * factors[1])
    small: Image.Image | None = None
    for start in range(top, bottom, rows):
        band = prepare(picture.crop((left, start, right, min(start + rows, bottom))))
        if factors != (1, 1):
            band = band.reduce(factors)
        if start == top and start + rows >= bottom:
            return band
        if small is None:
            small = Image.new(band.mode, (-(-(right - left) // factors[0]), -(-(bottom - top) // factors[1])))
        small.paste(band, (0, (start - top) // factors[1]))
    return cast(Image.Image, small)


def is_plain(picture: Image.Image) -> bool:
    """Tell whether the decoded picture is opaque and in 8 bits as it stands."""
    return picture.mode in _PROFILE_SPACES and "transparency" not in picture.info


def finish_colors(picture: Image.Image, profile: bytes | None, background: Color) -> Image.Image:
    """Return the shrunk picture as opaque sRGB, by its `profile` if that fits, with `background` shining through."""
    if picture.mode != "RGBa":
        return _apply_profile(picture, profile)
    straight = picture.convert("RGBA")
    alpha = straight.getchannel("A")
    flat = Image.new("RGB", picture.size, tuple(background))
    flat.paste(_apply_profile(_as_profiled(straight.convert("RGB"), profile), profile), mask=alpha)
    return flat


def _as_profiled(color: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a gray picture, which became RGB for its transparency, as the one channel that a gray profile is for."""
    red, green, blue = color.split()
    gray = (
        profile is not None
        and profile[16:20] == _PROFILE_SPACES["L"]
        and not ImageChops.difference(red, green).getbbox()
        and not ImageChops.difference(red, blue).getbbox()
    )
    return red if gray else color


def _choose_preparation(picture: Image.Image, raw_mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """Return what brings a band to 8 bits, with premultiplied alpha where there is any; None where nothing must be."""
    mode, key = picture.mode, picture.info.get("transparency")
    if mode in {"I", "F"} or mode.startswith("I;16"):
        gain, start = 255.0 / _full_scale(picture), 0.0
        # Some TIFFs count from white to black; Pillow turns those of up to 8 bits about, and leaves the others.
        if getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            gain, start = -gain, 255.0
        if isinstance(key, int):
            return lambda band: _premultiply(_scale(band, gain, start).convert("RGB"), _key_numbers(band, key))
        return lambda band: _scale(band, gain, start)
    if mode in {"RGBA", "LA", "PA"} or (mode == "P" and key is not None):
        return lambda band: band.convert("RGBA").convert("RGBa")
    if key is not None and mode in {"1", "L", "RGB"}:
        keyed = _scale_key(key, raw_mode)
        return lambda band: _premultiply(band.convert("RGB"), _key_color(band.convert("RGB"), keyed))
    if mode in _PROFILE_SPACES:
        return None
    wanted = "L" if mode == "1" else "RGB"
    return lambda band: band.convert(wanted)


def _full_scale(picture: Image.Image) -> float:
    """Return the number that stands for white: the usual range that holds the picture's numbers.

    PNG says how deep its samples are; a TIFF's box says nothing of what is in it. Samples that all fit 8 bits or 12 (a
    scanner's, a microscope's) are such samples in a wider box: taken for 16 bits they would be black. Raises
    `ValueError` where there are numbers that are none (infinite, NaN).
    """
    high = _find_highest(picture)
    if not math.isfinite(high):
        raise ValueError("samples that are no numbers")
    if picture.format == "PNG":
        return 65535.0
    if picture.mode == "F":
        # Filters and light leave fractions a little above their white.
        return next((limit for limit in (1.0, 255.0, 65535.0) if high <= 2 * limit), high)
    return next((limit for limit in (255.0, 4095.0, 65535.0) if high <= limit), high)


def _find_highest(picture: Image.Image) -> float:
    if picture.mode in {"I", "F", "I;16"}:
        return cast(float, picture.getextrema()[1])
    # Pillow cannot tell it of big-endian numbers.
    width, height = picture.size
    rows = max(1, _BAND_PIXELS // width)
    bands = (picture.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    return max(cast(float, band.convert("I").getextrema()[1]) for band in bands)


def _scale(band: Image.Image, gain: float, start: float) -> Image.Image:
    # Pillow's own conversion of 16 bits to 8 clips, which turns pictures white.
    numbers = band if band.mode == "F" else band.convert("I").convert("F")
    return numbers.point(lambda value: value * gain + (start + 0.5)).convert("L")


def _scale_key(key: object, raw_mode: str) -> tuple[int, int, int]:
    """Return a PNG's transparent color in 8 bits: the file gives it in the depth in which it stores samples."""
    values = key if isinstance(key, tuple) else (key, key, key)
    if raw_mode.startswith("1"):
        scaled = [255 if value else 0 for value in values]
    else:
        depth = raw_mode.partition(";")[2].rstrip("BLN")
        bits = int(depth) if depth.isdecimal() else 8
        # Deeper samples were cut to their high byte by the decoder, shallower ones spread over the whole range.
        scaled = [int(value) >> (bits - 8) if bits > 8 else int(value) * 255 // ((1 << bits) - 1) for value in values]
    return scaled[0], scaled[1], scaled[2]


def _key_color(band: Image.Image, key: tuple[int, int, int]) -> Image.Image:
    """Return an alpha of 0 where the band has exactly this color, else 255."""
    masks = [
        channel.point([255 * (value != wanted) for value in range(256)])
        for channel, wanted in zip(band.split(), key, strict=True)
    ]
    alpha = masks[0]
    for mask in masks[1:]:
        alpha.paste(255, mask=mask)
    return alpha


def _key_numbers(band: Image.Image, key: int) -> Image.Image:
    mask = ImageMath.lambda_eval(
        lambda given: given["convert"]((given["band"] != key) * 255, "L"), band=band.convert("I")
    )
    return cast(Image.Image, mask)


def _premultiply(color: Image.Image, alpha: Image.Image) -> Image.Image:
    straight = color.convert("RGBA")
    straight.putalpha(alpha)
    return straight.convert("RGBa")


def _apply_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    # The header names the profile's color space at byte 16: one for other samples is of no use.
    if profile and profile[16:20] == _PROFILE_SPACES.get(picture.mode):
        # A profile may fit by its header and still be broken inside; PyCMSError is a plain Exception.
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
