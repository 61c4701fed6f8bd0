"""Turns any picture into the exact frame: decode, scale, convert to sRGB, encode.

Importing it imports Pillow, so only functions that decode pictures do; the frame's types are in `domain/frame.py`.
"""

from sora_ready.domain.imaging.normalize import ReadyImage, make_ready_image, normalize_image

__all__ = ["ReadyImage", "make_ready_image", "normalize_image"]
