"""Expected colors, computed by closed formulas instead of the color management under test, and color differences."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import product
from typing import Any, cast

from coloraide import Color
from PIL import Image

from tests.unit.pictures import Pixel

Truth = Callable[[Sequence[float]], "Color"]
"""Returns the color of a pixel's samples, which are fractions from 0 to 1."""

# One pixel for each combination of seven steps of three channels.
STEPS = [round(255 * step / 6) for step in range(7)]
PATCHES: list[Pixel] = list(product(STEPS, STEPS, STEPS))
PATCHES_SIZE = (49, 7)


def to_srgb(space: str) -> Truth:
    """The truth of a color space of `coloraide`; colors outside sRGB are clipped, as on screens."""
    return lambda samples: Color(space, list(samples)).convert("srgb").clip()


def gray_of_gamma(gamma: float) -> Truth:
    return lambda samples: Color("srgb-linear", [samples[0] ** gamma] * 3).convert("srgb")


def by_profile(profile: bytes) -> Truth:
    """The truth of an ICC matrix profile: three primaries and their curves, parsed here."""
    primaries = [struct.unpack(">3i", _tag(profile, name)[8:20]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    curves = [_curve(_tag(profile, name)) for name in (b"rTRC", b"gTRC", b"bTRC")]

    def truth(samples: Sequence[float]) -> Color:
        light = [curve(sample) for curve, sample in zip(curves, samples, strict=True)]
        xyz = [sum(part * row[axis] / 65536 for part, row in zip(light, primaries, strict=True)) for axis in range(3)]
        return Color("xyz-d50", xyz).convert("srgb").clip()

    return truth


def mean_difference(frame: Image.Image, truths: Iterable[Color]) -> float:
    """The mean ΔE2000 of a frame's pixels and their expected colors."""
    pixels = cast("list[Pixel]", list(frame.get_flattened_data()))
    errors = [
        _difference(pixel, *truth.convert("lab-d65").coords()) for pixel, truth in zip(pixels, truths, strict=True)
    ]
    return sum(errors) / len(errors)


def truths_of(pixels: Iterable[Any], truth: Truth) -> list[Color]:
    return [truth([sample / 255 for sample in (pixel if isinstance(pixel, tuple) else (pixel,))]) for pixel in pixels]


@cache
def _difference(pixel: Pixel, *lab: float) -> float:
    actual = Color("srgb", [sample / 255 for sample in pixel])
    return actual.delta_e(Color("lab-d65", list(lab)), method="2000")


def _tag(profile: bytes, name: bytes) -> bytes:
    count = struct.unpack(">I", profile[128:132])[0]
    entries = [profile[132 + 12 * index : 144 + 12 * index] for index in range(count)]
    start, length = next(struct.unpack(">II", entry[4:]) for entry in entries if entry[:4] == name)
    return profile[start : start + length]


def _curve(tag: bytes) -> Callable[[float], float]:
    if tag[:4] == b"para":
        gamma, a, b, c, d = (value / 65536 for value in struct.unpack(">5i", tag[12:32]))
        assert struct.unpack(">H", tag[8:10])[0] == 3
        return lambda sample: (a * sample + b) ** gamma if sample >= d else c * sample
    count = struct.unpack(">I", tag[8:12])[0]
    table = struct.unpack(f">{count}H", tag[12 : 12 + 2 * count])
    if count == 1:
        return lambda sample: sample ** (table[0] / 256)

    def interpolate(sample: float) -> float:
        position = sample * (count - 1)
        below = min(int(position), count - 2)
        return (table[below] + (table[below + 1] - table[below]) * (position - below)) / 65535

    return interpolate
