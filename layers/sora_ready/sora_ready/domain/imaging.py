"""Any picture in, one exact frame out.

The order is what makes it right: the format is found by content, the size is checked before memory is spent, the whole
picture is decoded before anything is concluded from it, and it is shrunk before it is turned upright, because turning
48 megapixels costs ten times the memory of turning the frame.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import ExifTags, Image, UnidentifiedImageError

from sora_ready.domain.colour import finish_colours, reduce_picture
from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import BLACK, WHITE, Colour, Mode, Size, nearest_size

# Only these decoders run. Pillow knows more, but some start programs (EPS) and none is what a camera or a site gives.
# A phone's MPO is opened as the JPEG it starts with.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"
MAX_PIXELS = 150_000_000
# These decoders hold a whole second copy while they work.
MAX_PIXELS_OF = {"WEBP": 64_000_000, "AVIF": 64_000_000}
# A picture this much longer than the frame leaves a sliver of it, whatever the mode.
MAX_SHAPE_RATIO = 64
# Nearer in shape than this, a bar would be a stray line of a few pixels: fill the frame instead.
NEAR_MATCH = 0.01
# Colours nearer to each other than this, of 255, look alike.
FAINT = 16

# What Pillow's decoders raise on broken input: all of these were seen, on files of the kind people upload.
_BROKEN = (OSError, ValueError, SyntaxError, RuntimeError, TypeError, IndexError, KeyError, MemoryError, OverflowError)
# EXIF orientation → the turn that brings the stored picture upright. 1 (and nonsense) needs none.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


@dataclass(frozen=True, slots=True)
class ReadyImage:
    """A frame ready to be sent: encoded bytes and their `content_type`, its exact `size`, and what it was made from.

    `background` is the one used: a picture that would vanish on the one asked for is laid on its opposite.
    """

    data: bytes
    size: Size
    content_type: str
    background: Colour
    source_format: str
    source_size: Size

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the encoded frame to `path`."""
        Path(path).write_bytes(self.data)


def normalize_image(
    source: bytes | str | os.PathLike[str] | BinaryIO,
    *,
    size: Size | tuple[int, int] | Sequence[Size],
    mode: Mode | str = Mode.COVER,
    background: Colour = BLACK,
    quality: int = 95,
) -> ReadyImage:
    """Turn a picture (bytes, a path, or an open binary file) into exactly one frame, as a JPEG.

    `size` is the frame in pixels, or several frames, of which the one nearest in shape to the upright picture is taken.
    The frame is upright (EXIF), sRGB, opaque on `background`, 8 bits a channel at 4:4:4, and carries no metadata.

    Raises `ImageRejected` with a code: `empty`, `not_an_image`, `too_many_pixels`, `shape_too_extreme`, `corrupt`,
    `blank`; and `OSError` where a path cannot be read.
    """
    sizes = [Size(*cast(Size, size))] if isinstance(size[0], int) else cast(Sequence[Size], size)
    with warnings.catch_warnings():
        # Pillow warns of large pictures and odd EXIF; both are dealt with here.
        warnings.simplefilter("ignore")
        with _open_picture(source) as picture:
            source_format = picture.format or ""
            fitted = _fit_picture(picture, sizes, Mode(mode), background)
    frame, content = fitted.frame, fitted.content
    # A fresh picture: whatever the source carried (comments, GPS, profiles) stays behind.
    canvas = Image.new("RGB", frame, tuple(fitted.background))
    canvas.paste(content, ((frame.width - content.width) // 2, (frame.height - content.height) // 2))
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=quality, subsampling="4:4:4", optimize=True)
    return ReadyImage(buffer.getvalue(), frame, "image/jpeg", fitted.background, source_format, fitted.upright)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The upright content at the size it is shown at, for which frame and on which background."""

    upright: Size
    frame: Size
    content: Image.Image
    background: Colour


def _open_picture(source: bytes | str | os.PathLike[str] | BinaryIO) -> Image.Image:
    data = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    if not file.read(1):
        raise ImageRejected("empty", "The file is empty (0 bytes). Upload the picture again.")
    file.seek(0)
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageRejected("not_an_image", f"The file is not a picture that can be read. Use {READABLE}.") from None
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except _BROKEN as error:
        raise _corrupt(error) from error
    width, height = picture.size
    limit = MAX_PIXELS_OF.get(picture.format or "", MAX_PIXELS)
    if width * height > limit:
        raise _too_many_pixels(limit, width=width, height=height)
    return picture


def _fit_picture(picture: Image.Image, sizes: Sequence[Size], mode: Mode, background: Colour) -> _Fitted:
    """Decode `picture` and scale it for the nearest of `sizes`."""
    tiles = getattr(picture, "tile", None)
    raw_mode = str(tiles[0][3]) if tiles else picture.mode
    # A JPEG's EXIF stands before its pixels and its pixels can be decoded small, so it is planned first and decoded
    # then. Elsewhere reading EXIF can consume the pixels' bytes, and TIFF is turned by decoding: decode first.
    drafted = picture.format in {"JPEG", "MPO"}
    if not drafted:
        _load(picture)
    orientation = _read_orientation(picture)
    upright = Size(*picture.size[::-1]) if orientation in _SIDEWAYS else Size(*picture.size)
    frame = nearest_size(upright, sizes)
    _check_shape(upright, frame)
    region, target = _plan(upright, frame, mode)
    if orientation in _UPRIGHT:
        region = _turn_region(region, orientation, upright)
    if orientation in _SIDEWAYS:
        target = Size(*target[::-1])
    if drafted:
        region = _load_small(picture, region, target)
    shrunk = _shrink(picture, region, target, raw_mode)
    profile = picture.info.get("icc_profile")
    content = finish_colours(shrunk, profile, background)
    if shrunk.mode == "RGBa" and _is_faint(content):
        # A black drawing on nothing would vanish on black: what shines through gets the background that shows it.
        faintest, strongest = cast(Any, shrunk.getextrema())[3]
        if not strongest:
            raise ImageRejected(
                "blank", "The picture is transparent all over, so nothing would be seen. Export it again."
            )
        if strongest - faintest >= FAINT:
            background = WHITE if sum(background) < 3 * 128 else BLACK
            content = finish_colours(shrunk, profile, background)
    if orientation in _UPRIGHT:
        content = content.transpose(_UPRIGHT[orientation])
    return _Fitted(upright, frame, content, background)


def _shrink(picture: Image.Image, region: Box, target: Size, raw_mode: str) -> Image.Image:
    """Return the region of the decoded picture at the target's size, averaged down coarsely first where it is large."""
    left, top, right, bottom = region
    # Twice the target is enough for the fine filter that follows; Pillow's own reducing_gap works with the same rule.
    factor = max(1, int(min((right - left) / target.width, (bottom - top) / target.height) / 2))
    try:
        small = reduce_picture(picture, factor, raw_mode)
    except ValueError as error:
        raise _corrupt(error) from error
    box = (left / factor, top / factor, min(right / factor, small.width), min(bottom / factor, small.height))
    return small.resize(target, Image.Resampling.LANCZOS, box=box)


def _load(picture: Image.Image) -> None:
    try:
        picture.load()
    except _BROKEN as error:
        raise _corrupt(error) from error


def _plan(upright: Size, frame: Size, mode: Mode) -> tuple[Box, Size]:
    """Return the region of the upright picture that is shown (in its pixels) and the size it is shown at."""
    whole = (0.0, 0.0, float(upright.width), float(upright.height))
    ratio = (upright.width * frame.height) / (upright.height * frame.width)
    if mode is Mode.STRETCH:
        return whole, frame
    if mode is Mode.PAD and abs(ratio - 1) > NEAR_MATCH:
        if ratio > 1:
            return whole, Size(frame.width, max(1, round(frame.height / ratio)))
        return whole, Size(max(1, round(frame.width * ratio)), frame.height)
    if ratio > 1:
        kept = upright.width / ratio
        left = (upright.width - kept) / 2
        return (left, 0.0, left + kept, float(upright.height)), frame
    kept = upright.height * ratio
    top = (upright.height - kept) / 2
    return (0.0, top, float(upright.width), top + kept), frame


def _turn_region(region: Box, orientation: int, upright: Size) -> Box:
    """Return where a region of the upright picture lies in the stored one."""
    left, top, right, bottom = region
    width, height = upright
    return {
        2: (width - right, top, width - left, bottom),
        3: (width - right, height - bottom, width - left, height - top),
        4: (left, height - bottom, right, height - top),
        5: (top, left, bottom, right),
        6: (top, width - right, bottom, width - left),
        7: (height - bottom, width - right, height - top, width - left),
        8: (height - bottom, left, height - top, right),
    }[orientation]


def _load_small(picture: Image.Image, region: Box, target: Size) -> Box:
    """Decode a JPEG at the smallest scale that still holds every pixel shown; return the region at that scale."""
    left, top, right, bottom = region
    stored = picture.size
    needed = int(stored[0] * target.width / (right - left)), int(stored[1] * target.height / (bottom - top))
    # The mode is left as it is: a CMYK picture that the decoder made RGB no longer fits its profile.
    drafted = picture.draft(None, needed)
    _load(picture)
    # The decoder rounds the small size up, so the exact scale is the drafted box's, not the ratio of the sizes.
    box = drafted[1] if drafted else (0, 0, *stored)
    scale_x, scale_y = box[2] / stored[0], box[3] / stored[1]
    return left * scale_x, top * scale_y, right * scale_x, bottom * scale_y


def _read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or the EXIF is broken: pictures with bad EXIF decode well."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - broken EXIF raises SyntaxError, ValueError, struct.error and more
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def _check_shape(upright: Size, frame: Size) -> None:
    ratio = (upright.width * frame.height) / (upright.height * frame.width)
    if not 1 / MAX_SHAPE_RATIO <= ratio <= MAX_SHAPE_RATIO:
        raise ImageRejected(
            "shape_too_extreme",
            f"A picture of {upright} cannot fill a frame of {frame}: almost nothing of it would be seen. "
            "Crop it nearer to the frame's shape.",
            width=upright.width,
            height=upright.height,
            frame=str(frame),
        )


def _is_faint(picture: Image.Image) -> bool:
    return all(high - low < FAINT for low, high in cast(list[tuple[int, int]], picture.getextrema()))


def _too_many_pixels(limit: int = MAX_PIXELS, **facts: int) -> ImageRejected:
    stated = "{width}x{height} ".format(**facts) if facts else ""
    return ImageRejected(
        "too_many_pixels",
        f"The picture's {stated}pixels are more than the {limit:,} that are accepted. Shrink it and upload it again.",
        max_pixels=limit,
        **facts,  # type: ignore[arg-type]
    )


def _corrupt(error: BaseException) -> ImageRejected:
    return ImageRejected(
        "corrupt",
        "The picture is damaged or cut short and cannot be decoded whole. Export or upload it again.",
        decoder=type(error).__name__,
    )
