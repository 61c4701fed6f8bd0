"""ICC profiles built by hand (ICC.1:2001): real color spaces, and odd ones that no frame can ignore unnoticed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import product

# The primaries of sRGB in a profile: XYZ, adapted to D50.
_RED, _GREEN, _BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)
_WHITE = (0.9642, 1.0, 0.8249)


def swapped_rgb_profile() -> bytes:
    """An RGB profile in which red and green are exchanged."""
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(2.2 * 256))
    colorants = {b"rXYZ": _GREEN, b"gXYZ": _RED, b"bXYZ": _BLUE, b"wtpt": _WHITE}
    tags = {name: b"XYZ " + bytes(4) + _fixed(*values) for name, values in colorants.items()}
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def cmyk_profile_with_red_cyan() -> bytes:
    """A CMYK profile of a press whose cyan ink is red; the other inks only darken."""
    linear = bytes(range(256))
    grid = b"".join(
        _lab(100, 0, 0) if not (cyan or dark) else _lab(50, 65, 45) if not dark else _lab(10, 0, 0)
        for cyan in (0, 1)
        for dark in range(8)
    )
    identity = _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + linear * 4 + grid + linear * 3
    white = b"XYZ " + bytes(4) + _fixed(*_WHITE)
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table, b"wtpt": white})


# The primaries, as XYZ adapted to D50, and the curves of two common color spaces.
P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def display_p3_profile() -> bytes:
    """The profile of phones."""
    sloped = b"para" + bytes(4) + struct.pack(">Hxx", 3) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return _matrix_profile(P3, sloped)


def adobe_rgb_profile() -> bytes:
    """The profile of cameras and photographers."""
    return _matrix_profile(ADOBE, _gamma(563 / 256))


def gray_profile(gamma: float) -> bytes:
    """A gray profile: a curve alone."""
    white = b"XYZ " + bytes(4) + _fixed(*_WHITE)
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": _gamma(gamma), b"wtpt": white})


def press_lab(inks: Sequence[float]) -> tuple[float, float, float]:
    """The Lab (D50) that an invented press prints for shares of cyan, magenta, yellow and black, with dot gain."""
    cyan, magenta, yellow, black = (ink * (1.3 - 0.3 * ink) for ink in inks)
    light = 100 * (1 - 0.4 * cyan) * (1 - 0.45 * magenta) * (1 - 0.08 * yellow) * (1 - black)
    return light, (50 * magenta - 25 * cyan) * (1 - black), (60 * yellow - 35 * cyan) * (1 - black)


def press_profile(points: int = 9, paper: Sequence[float] = _WHITE) -> bytes:
    """`press_lab` as a profile: a 16-bit table of `points` steps for each ink; `paper` is its white (XYZ)."""
    grid = b"".join(
        _lab16(*press_lab([step / (points - 1) for step in steps])) for steps in product(range(points), repeat=4)
    )
    identity, straight = _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1), struct.pack(">2H", 0, 65535)
    head = b"mft2" + bytes(4) + bytes((4, 3, points, 0)) + identity + struct.pack(">2H", 2, 2)
    white = b"XYZ " + bytes(4) + _fixed(*paper)
    table = head + straight * 4 + grid + straight * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table, b"A2B1": table, b"wtpt": white})


def _matrix_profile(primaries: Sequence[Sequence[float]], curve: bytes) -> bytes:
    colorants = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), (*primaries, _WHITE), strict=True))
    tags = {name: b"XYZ " + bytes(4) + _fixed(*values) for name, values in colorants.items()}
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def _gamma(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))


def _lab16(lightness: float, a: float, b: float) -> bytes:
    return struct.pack(">3H", round(lightness * 652.8), round((a + 128) * 256), round((b + 128) * 256))


def _profile(space: bytes, connection: bytes, device: bytes, tags: dict[bytes, bytes]) -> bytes:
    directory, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = bytes(8) + struct.pack(">I", 0x02400000) + device + space + connection + bytes(12) + b"acsp"
    profile = bytearray((header + bytes(28) + _fixed(*_WHITE)).ljust(128, b"\0") + directory + body)
    profile[:4] = struct.pack(">I", len(profile))
    return bytes(profile)


def _lab(lightness: float, a: float, b: float) -> bytes:
    return bytes((round(lightness * 2.55), round(a) + 128, round(b) + 128))


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
