"""Writes PNG and TIFF files of depths and layouts that Pillow reads but cannot write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

Rows = Sequence[Sequence[int]]
"""The samples of a picture, row by row, with those of one pixel side by side."""

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# For each pass of an interlaced PNG: left, top, step across, step down.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    rows: Rows, *, bits: int, color_type: int, chunks: Sequence[tuple[bytes, bytes]] = (), interlaced: bool = False
) -> bytes:
    """A PNG of these samples, with `chunks` (a palette, a profile) before its pixels."""
    samples = _SAMPLES[color_type]
    height, width = len(rows), len(rows[0]) // samples
    lines = list(rows)
    if interlaced:
        lines = [
            [sample for x in range(left, width, across) for sample in row[x * samples : (x + 1) * samples]]
            for left, top, across, down in _ADAM7
            for row in rows[top::down]
            if left < width
        ]
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlaced)
    pixels = zlib.compress(b"".join(b"\0" + pack(line, bits) for line in lines))
    body = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in body)


def pack(samples: Sequence[int], bits: int) -> bytes:
    """The samples packed, most significant bit first, and padded to a whole byte."""
    length = -(-len(samples) * bits // 8)
    number = int("".join(f"{sample:0{bits}b}" for sample in samples).ljust(length * 8, "0"), 2)
    return number.to_bytes(length, "big")


def tiff(
    rows: Rows,
    *,
    bits: int,
    photometric: int,
    samples: int = 1,
    order: str = "<",
    planar: bool = False,
    tags: Sequence[tuple[int, int, int, bytes]] = (),
) -> bytes:
    """An uncompressed TIFF of one strip, or one for each channel if `planar`; `tags` are id, type, count, value."""
    height, width = len(rows), len(rows[0]) // samples
    planes = [[row[start::samples] for row in rows] for start in range(samples)] if planar else [rows]
    strips = [b"".join(_pack_tiff(row, bits, order) for row in plane) for plane in planes]
    offsets = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]

    def short(*values: int) -> tuple[int, int, bytes]:
        return 3, len(values), struct.pack(f"{order}{len(values)}H", *values)

    def long(*values: int) -> tuple[int, int, bytes]:
        return 4, len(values), struct.pack(f"{order}{len(values)}I", *values)

    entries = {
        256: short(width),
        257: short(height),
        258: short(*[bits] * samples),
        259: short(1),
        262: short(photometric),
        273: long(*offsets),
        277: short(samples),
        278: short(height),
        279: long(*map(len, strips)),
        284: short(2 if planar else 1),
        **{tag: (kind, count, value) for tag, kind, count, value in tags},
    }
    pixels = b"".join(strips)
    pixels += bytes(len(pixels) % 2)
    start = 8 + len(pixels)
    values_start = start + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, count, value) in sorted(entries.items()):
        field = value.ljust(4, b"\0")
        if len(value) > 4:
            field = struct.pack(f"{order}I", values_start + len(values))
            values += value + bytes(len(value) % 2)
        directory += struct.pack(f"{order}HHI", tag, kind, count) + field
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + pixels + directory + bytes(4) + values


def _pack_tiff(row: Sequence[int], bits: int, order: str) -> bytes:
    return struct.pack(f"{order}{len(row)}H", *row) if bits == 16 else pack(row, bits)
