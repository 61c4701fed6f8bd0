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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import BLACK, Colour, Mode, Size, nearest_size

# Only these decoders run. Pillow knows more, but some start programs (EPS) and none is what a camera or a site gives.
# A phone's MPO is opened as the JPEG it starts with.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"
MAX_PIXELS = 150_000_000
# A picture this much longer than the frame leaves a sliver of it, whatever the mode.
MAX_SHAPE_RATIO = 64
# Nearer in shape than this, a bar would be a stray line of a few pixels: fill the frame instead.
NEAR_MATCH = 0.01

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
    """A frame ready to be sent: encoded bytes and their `content_type`, its exact `size`, and what it was made from."""

    data: bytes
    size: Size
    content_type: str
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

    Raises `ImageRejected` with a code: `empty`, `not_an_image`, `too_many_pixels`, `shape_too_extreme`, `corrupt`; and
    `OSError` where a path cannot be read.
    """
    sizes = [Size(*cast(Size, size))] if isinstance(size[0], int) else cast(Sequence[Size], size)
    with warnings.catch_warnings():
        # Pillow warns of large pictures and odd EXIF; both are dealt with here.
        warnings.simplefilter("ignore")
        with _open_picture(source) as picture:
            source_format = picture.format or ""
            upright, content, frame_size = _fit_picture(picture, sizes, Mode(mode), background)
    # A fresh picture: whatever the source carried (comments, GPS, profiles) stays behind.
    frame = Image.new("RGB", frame_size, tuple(background))
    frame.paste(content, ((frame_size.width - content.width) // 2, (frame_size.height - content.height) // 2))
    buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=quality, subsampling="4:4:4", optimize=True)
    return ReadyImage(buffer.getvalue(), frame_size, "image/jpeg", source_format, upright)


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
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(width, height)
    return picture


def _fit_picture(
    picture: Image.Image, sizes: Sequence[Size], mode: Mode, background: Colour
) -> tuple[Size, Image.Image, Size]:
    """Decode `picture` and scale it; return its upright size, the upright content, and the frame that was chosen."""
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
    opaque = _to_srgb(picture, background)
    shrunk = opaque.resize(target, Image.Resampling.LANCZOS, box=region, reducing_gap=2.0)
    if orientation in _UPRIGHT:
        shrunk = shrunk.transpose(_UPRIGHT[orientation])
    return upright, shrunk, frame


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


def _to_srgb(picture: Image.Image, background: Colour) -> Image.Image:
    """Return the decoded picture as opaque 8-bit sRGB, with what was transparent laid on `background`."""
    profile = picture.info.get("icc_profile")
    if picture.mode in {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}:
        picture = _to_eight_bits(picture)
    if picture.mode in {"P", "PA"}:
        has_alpha = picture.mode == "PA" or "transparency" in picture.info
        picture = picture.convert("RGBA" if has_alpha else "RGB")
        profile = None if profile and not _fits_profile(profile, "RGB") else profile
    elif picture.mode in {"L", "RGB"} and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    alpha = picture.getchannel("A") if picture.mode in {"LA", "RGBA", "La", "RGBa"} else None
    opaque = picture.convert(picture.mode.rstrip("Aa")) if alpha else picture
    colour = _apply_profile(opaque, profile)
    if alpha is None:
        return colour
    flat = Image.new("RGB", colour.size, tuple(background))
    flat.paste(colour, mask=alpha)
    return flat


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and floating grey to 8 bits. Pillow's own conversion clips, which turns pictures white."""
    numbers = picture.convert("F") if picture.mode == "F" else picture.convert("I").convert("F")
    high = cast(float, numbers.getextrema()[1])
    if picture.mode.startswith("I;16"):
        full = 65535.0
    else:
        # These modes do not say how far their numbers reach: the nearest usual range that holds them.
        usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
        full = next((limit for limit in usual if high <= limit), high)
    scale = 255.0 / full
    return numbers.point(lambda value: value * scale + 0.5).convert("L")


def _apply_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and _fits_profile(profile, picture.mode):
        # A profile may fit by its header and still be broken inside; PyCMSError is a plain Exception.
        with suppress(ImageCms.PyCMSError, *_BROKEN):
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


def _fits_profile(profile: bytes, mode: str) -> bool:
    """Tell whether an ICC profile is for pictures of this mode: its header names the colour space at byte 16."""
    return profile[16:20] == {"RGB": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY", "LAB": b"Lab "}.get(mode)


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


def _too_many_pixels(width: int | None = None, height: int | None = None) -> ImageRejected:
    stated = f"{width}x{height} " if width else ""
    facts: dict[str, Any] = {"width": width, "height": height} if width else {}
    return ImageRejected(
        "too_many_pixels",
        f"The picture's {stated}pixels are more than the {MAX_PIXELS:,} that are accepted. "
        "Shrink it and upload it again.",
        max_pixels=MAX_PIXELS,
        **facts,
    )


def _corrupt(error: BaseException) -> ImageRejected:
    return ImageRejected(
        "corrupt",
        "The picture is damaged or cut short and cannot be decoded whole. Export or upload it again.",
        decoder=type(error).__name__,
    )
