"""A finished frame becomes the bytes of a JPEG, PNG or WebP file."""

from __future__ import annotations

import io

from PIL import Image

from sora_ready.domain.frame import Format


def encode_frame(frame: Image.Image, frame_format: Format, quality: int) -> bytes:
    """Return the encoded frame. `quality` is 1 to 100; a PNG ignores it, and a WebP of 100 is lossless."""
    buffer = io.BytesIO()
    if frame_format is Format.PNG:
        frame.save(buffer, "PNG")
    elif frame_format is Format.WEBP:
        frame.save(buffer, "WEBP", quality=quality, lossless=quality == 100)
    else:
        frame.save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue()
