"""Is this file a whole MP4? A download that was cut raises nothing by itself, so the boxes are counted."""

from __future__ import annotations

import os
from typing import BinaryIO

from sora_ready.domain.errors import VideoCorruptError


def check_mp4(file: BinaryIO) -> int:
    """Walk the top-level boxes of an MP4 (ISO/IEC 14496-12) and return its length in bytes.

    Raises `VideoCorruptError` (`not_an_mp4`, `video_cut_short`) unless it begins with `ftyp`, holds `moov` and `mdat`,
    and its boxes end exactly where the file ends.
    """
    length = file.seek(0, os.SEEK_END)
    position = 0
    kinds: list[bytes] = []
    while position < length:
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            raise _cut_short(length)
        smallest, size, kind = 8, int.from_bytes(header[:4], "big"), header[4:8]
        if size == 1:
            smallest, size = 16, int.from_bytes(header[8:16], "big")
        elif size == 0:
            # A box of size 0 reaches to the end of the file, so its end cannot be checked.
            size = length - position
        if not kinds and kind != b"ftyp":
            raise VideoCorruptError("not_an_mp4", "The server sent something that is not an MP4.", bytes=length)
        if size < smallest or position + size > length:
            raise _cut_short(length)
        kinds.append(kind)
        position += size
    if b"moov" not in kinds or b"mdat" not in kinds:
        raise _cut_short(length)
    return length


def _cut_short(length: int) -> VideoCorruptError:
    return VideoCorruptError("video_cut_short", "The server sent only a part of the MP4.", bytes=length)
