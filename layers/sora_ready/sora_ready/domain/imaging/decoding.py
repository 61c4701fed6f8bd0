"""A file becomes a picture in memory, or a refusal that says why.

The format is found by content, the size is checked before memory is spent, and the whole picture is decoded before
anything is concluded from it.
"""

from __future__ import annotations

import io
import os
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.imaging.geometry import SIDEWAYS, UPRIGHT
from sora_ready.domain.imaging.png_prefetch import WORTH_A_THREAD, prefetch_inflate

# Only these decoders run. Pillow knows more, but some start programs (EPS) and none is what a camera or a site gives.
# A phone's MPO (several JPEGs in one file) is found among the JPEGs, and its first picture is taken.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC"
MAX_PIXELS = 150_000_000
# These decoders hold a whole second copy while they work.
MAX_PIXELS_OF = {"WEBP": 64_000_000, "AVIF": 64_000_000, "HEIF": 64_000_000}
# The decoder holds every coefficient of these until the last byte is read.
MAX_PROGRESSIVE_PIXELS = 110_000_000
# The size is checked here, where it can be said in numbers; Pillow's own check knows one limit for all formats.
Image.MAX_IMAGE_PIXELS = None
# What one part of a PNG beside its pixels may hold, unpacked. Pillow calls a profile of more than 1 MB broken; those of
# printers are larger, and bombs larger still.
PngImagePlugin.MAX_TEXT_CHUNK = 8 << 20

# What Pillow's decoders raise on broken input: all of these were seen, on files of the kind people upload.
_BROKEN = (OSError, ValueError, SyntaxError, RuntimeError, TypeError, LookupError, OverflowError, EOFError)
# TIFF's tags for how deep samples are, whether each channel lies by itself (2), and how large they are as stored.
_BITS, _PLANAR = 258, 284
_WIDTH, _LENGTH = 256, 257
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"mif3", b"msf1"}
)
# Bytes of a JPEG that are handed to its decoder at a time.
PIECE = 1 << 18
_JPEG = frozenset({"JPEG", "MPO"})
_ORIENTATIONS = range(2, 9)


Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""A picture's bytes, its path, or an open binary file."""


def open_picture(source: Source) -> Image.Image:
    """Open a picture (bytes, a path, or an open binary file) without decoding it.

    Raises `ImageRejected` with a code: `empty`, `not_an_image`, `too_many_pixels`, `corrupt`; and `OSError` where a
    path cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _open_checked(io.BytesIO(source))
    if not isinstance(source, str | os.PathLike):
        return _open_checked(source)
    file = Path(source).open("rb")  # noqa: SIM115 - the picture keeps it open until it is decoded
    try:
        picture = _open_checked(file)
    except BaseException:
        file.close()
        raise
    # What a picture was given is not its own to close, unless it is told so.
    picture._exclusive_fp = True  # type: ignore[attr-defined]
    return picture


def can_shrink(picture: Image.Image) -> bool:
    """Tell whether the decoder can leave pixels out: then plan first, and decode what the plan needs."""
    return picture.format in _JPEG


def load_picture(picture: Image.Image) -> None:
    """Decode the whole picture. Raises `ImageRejected` (`corrupt`) where that cannot be done."""
    try:
        if _has_deep_planes(picture):
            _read_deep_planes(picture)
        worth = picture.format == "PNG" and picture.width * picture.height >= WORTH_A_THREAD
        with prefetch_inflate(picture) if worth else nullcontext():
            picture.load()
    except _BROKEN as error:
        raise reject_corrupt(error) from error


def load_small(picture: Image.Image, needed: Size) -> tuple[float, float]:
    """Decode a JPEG at the smallest scale that is not below `needed`; return that scale, across and down.

    Raises `ImageRejected` (`corrupt`).
    """
    stored = picture.size
    # The mode is left as it is: a CMYK picture that the decoder made RGB no longer fits its profile.
    drafted = picture.draft(None, needed)
    # Read in larger pieces: what is left of one when the decoder wants more is copied to the next.
    picture.decodermaxblock = PIECE  # type: ignore[attr-defined]
    load_picture(picture)
    # The decoder rounds the small size up, so the exact scale is the drafted box's, not the ratio of the sizes.
    box = drafted[1] if drafted else (0, 0, *stored)
    return box[2] / stored[0], box[3] / stored[1]


def read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or the EXIF is broken: pictures with bad EXIF decode well."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:  # noqa: BLE001 - broken EXIF raises SyntaxError, ValueError, struct.error and more
        return UPRIGHT
    return value if isinstance(value, int) and value in _ORIENTATIONS else UPRIGHT


def turned(size: tuple[int, int], orientation: int) -> Size:
    """Return a size as it is once its picture is turned upright, or back."""
    return Size(*size[::-1]) if orientation in SIDEWAYS else Size(*size)


def reject_corrupt(error: BaseException) -> ImageRejected:
    """Return the refusal of a picture on which a decoder failed."""
    return ImageRejected(
        "corrupt",
        "The picture is damaged or cut short and cannot be decoded whole. Export it again, or take another copy.",
        decoder=type(error).__name__,
    )


def _has_deep_planes(picture: Image.Image) -> bool:
    """Tell whether this is a TIFF whose 16-bit channels lie one after the other: Pillow takes them for 8 bits."""
    tags: Any = getattr(picture, "tag_v2", {})
    planes = tags.get(_PLANAR) == 2 and set(tags.get(_BITS, ())) == {16}
    return planes and all(tile.codec_name == "raw" for tile in getattr(picture, "tile", []))


def _read_deep_planes(picture: Any) -> None:
    # As stored: Pillow gives the size of a picture that lies on its side as it is once turned, and turns by decoding.
    stored = picture.tag_v2[_WIDTH], picture.tag_v2[_LENGTH]
    raw_mode = "L;16" if picture.tag_v2.prefix == b"II" else "L;16B"
    planes: dict[str, Image.Image] = {}
    for tile in picture.tile:
        left, top, right, bottom = tile.extents
        name, stride = tile.args[0], tile.args[1] or (right - left) * 2
        picture.fp.seek(tile.offset)
        data = picture.fp.read(stride * (bottom - top))
        part = Image.frombytes("L", (right - left, bottom - top), data, "raw", raw_mode, stride, 1)
        planes.setdefault(name, Image.new("L", stored)).paste(part, (left, top))
    picture._size = stored
    picture.im = Image.merge(picture.mode, list(planes.values())).im
    picture.tile = []


def _open_checked(file: BinaryIO) -> Image.Image:
    start = file.read(16)
    if not start:
        raise ImageRejected("empty", "The file is empty (0 bytes). Take another copy of the picture.")
    file.seek(0)
    try:
        picture = _open_by_content(file, start)
    except UnidentifiedImageError:
        raise ImageRejected("not_an_image", f"The file is not a picture that can be read. Use {READABLE}.") from None
    except _BROKEN as error:
        raise reject_corrupt(error) from error
    width, height = picture.size
    progressive = picture.format in _JPEG and picture.info.get("progressive")
    limit = MAX_PROGRESSIVE_PIXELS if progressive else MAX_PIXELS_OF.get(picture.format or "", MAX_PIXELS)
    if width * height > limit:
        picture.close()
        raise ImageRejected(
            "too_many_pixels",
            f"The picture's {width}x{height} pixels are more than the {limit:,} that are accepted. Shrink it first.",
            max_pixels=limit,
            width=width,
            height=height,
        )
    return picture


def _open_by_content(file: BinaryIO, start: bytes) -> Image.Image:
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS:
        return Image.open(file, formats=FORMATS)
    # Some AVIFs carry the general brand of the container, which HEIC shares.
    with suppress(UnidentifiedImageError):
        return Image.open(file, formats=("AVIF",))
    # Imported where it is needed: most pictures are none, and it would slow every cold start.
    from pi_heif import HeifImageFile  # noqa: PLC0415

    file.seek(0)
    # Not through Pillow's list of formats, which knows fewer brands than the decoder.
    try:
        picture: Image.Image = HeifImageFile(file)
    except SyntaxError as error:
        raise UnidentifiedImageError(str(error)) from error
    return picture
