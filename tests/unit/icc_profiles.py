"""Colour profiles built by hand (ICC.1:2001), so odd that a frame which ignored them would look plainly wrong."""

from __future__ import annotations

import struct

# The primaries of sRGB as a profile holds them: XYZ, adapted to D50.
_RED, _GREEN, _BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)
_WHITE = (0.9642, 1.0, 0.8249)


def swapped_rgb_profile() -> bytes:
    """An RGB profile that calls red what sRGB calls green, and the other way about."""
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


def _profile(space: bytes, connection: bytes, device: bytes, tags: dict[bytes, bytes]) -> bytes:
    directory, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = bytes(8) + struct.pack(">I", 0x02400000) + device + space + connection + bytes(12) + b"acsp"
    whole = bytearray((header + bytes(28) + _fixed(*_WHITE)).ljust(128, b"\0") + directory + body)
    whole[:4] = struct.pack(">I", len(whole))
    return bytes(whole)


def _lab(lightness: float, a: float, b: float) -> bytes:
    return bytes((round(lightness * 2.55), round(a) + 128, round(b) + 128))


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
