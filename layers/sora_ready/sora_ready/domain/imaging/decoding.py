"""Opens and decodes a picture file, or rejects it with the reason.

The format is detected by content. The pixels are counted before memory is spent. The whole picture is decoded before
anything of it is used, so that a truncated file is rejected.
"""

from __future__ import annotations

import io
import os
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.imaging.geometry import UPRIGHT
from sora_ready.domain.imaging.png_prefetch import MIN_THREADED_PIXELS, prefetch_inflate

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

# Pillow's decoders that may run. It has more, but some start programs (EPS), and no camera or web page uses the others.
# JPEG includes the MPO of phones: several JPEGs in one file, of which the first is used.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC"
MAX_PIXELS = 150_000_000
# While these decoders work they hold a second copy of all pixels.
MAX_PIXELS_BY_FORMAT = {"WEBP": 64_000_000, "AVIF": 64_000_000, "HEIF": 64_000_000}
# The decoder of a progressive JPEG holds all coefficients until it has read the last byte.
MAX_PROGRESSIVE_PIXELS = 110_000_000
# Pillow's own check has one limit for all formats; `_open_checked` has one for each.
Image.MAX_IMAGE_PIXELS = None
# The most bytes of a PNG's text chunk or ICC profile, inflated. Pillow's limit of 1 MB rejects printers' profiles.
PngImagePlugin.MAX_TEXT_CHUNK = 8 << 20

# What Pillow's decoders raise on damaged files; each of these was observed.
_DECODER_ERRORS = (OSError, ValueError, SyntaxError, RuntimeError, TypeError, LookupError, OverflowError, EOFError)
# TIFF 6.0's tags ImageWidth, ImageLength, BitsPerSample and PlanarConfiguration (2: each channel is stored separately).
_WIDTH, _LENGTH, _BITS, _PLANAR = 256, 257, 258, 284
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"mif3", b"msf1"}
)
# The bytes of a JPEG that its decoder gets at a time.
JPEG_CHUNK_BYTES = 1 << 18
JPEG_FORMATS = frozenset({"JPEG", "MPO"})
"""Pillow's names of a JPEG, the one format that `load_scaled` can decode at a smaller size than it is stored at."""

PictureSource = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""A picture's bytes, its path, or an open binary file."""


def open_picture(source: PictureSource) -> Image.Image:
    """Open a picture without decoding it. A file that the caller opened stays open.

    Raises `ImageRejected` with code `empty`, `not_an_image`, `too_many_pixels` or `corrupt`, and `OSError` if a path
    cannot be read.
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
    # Pillow closes only the files that it opened, or owns by this attribute.
    picture._exclusive_fp = True  # type: ignore[attr-defined]  # of ImageFile, private
    return picture


def load_picture(picture: Image.Image) -> None:
    """Decode the whole picture. Raises `ImageRejected` (`corrupt`)."""
    try:
        if _has_16_bit_planes(picture):
            _load_16_bit_planes(cast("TiffImageFile", picture))
        threaded = picture.format == "PNG" and picture.width * picture.height >= MIN_THREADED_PIXELS
        with prefetch_inflate(picture) if threaded else nullcontext():
            picture.load()
    except _DECODER_ERRORS as error:
        raise reject_corrupt(error) from error


def load_scaled(picture: Image.Image, min_size: Size) -> tuple[float, float]:
    """Decode a JPEG at the smallest of its scales (1, 1/2, 1/4, 1/8) that is not below `min_size` (pixels).

    Returns that scale, across and down. Raises `ImageRejected` (`corrupt`).
    """
    stored = picture.size
    # No mode is requested: a CMYK picture that the decoder converted to RGB would no longer match its profile.
    drafted = picture.draft(None, min_size)
    # In large chunks, because the decoder copies what is left of one into the next.
    picture.decodermaxblock = JPEG_CHUNK_BYTES  # type: ignore[attr-defined]  # of ImageFile
    load_picture(picture)
    # From the drafted box, because the decoder rounds the size up.
    box = drafted[1] if drafted else (0, 0, *stored)
    return box[2] / stored[0], box[3] / stored[1]


def read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation (1 to 8), or 1 if it is missing, invalid, or the EXIF is broken."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:  # noqa: BLE001 - broken EXIF raises SyntaxError, ValueError, struct.error and more
        return UPRIGHT
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def reject_corrupt(error: BaseException) -> ImageRejected:
    """Return the rejection of a picture whose decoder raised `error`."""
    message = "The picture is damaged or cut short and cannot be decoded whole. Export it again, or take another copy."
    return ImageRejected("corrupt", message, decoder=type(error).__name__)


def _has_16_bit_planes(picture: Image.Image) -> bool:
    """Return whether this is a raw TIFF with 16-bit channels stored separately: Pillow reads them as 8 bits."""
    tags = getattr(picture, "tag_v2", {})
    planar = tags.get(_PLANAR) == 2 and set(tags.get(_BITS, ())) == {16}
    return planar and all(tile.codec_name == "raw" for tile in getattr(picture, "tile", []))


def _load_16_bit_planes(picture: TiffImageFile) -> None:
    # As stored: Pillow's `size` of a sideways picture is the upright one, and its `load` turns the pixels.
    stored = picture.tag_v2[_WIDTH], picture.tag_v2[_LENGTH]
    raw_mode = "L;16" if picture.tag_v2.prefix == b"II" else "L;16B"
    file = cast("BinaryIO", picture.fp)
    planes: dict[str, Image.Image] = {}
    for tile in picture.tile:
        left, top, right, bottom = cast("tuple[int, int, int, int]", tile.extents)
        channel, stride, _ = cast("tuple[str, int, int]", tile.args)
        stride = stride or (right - left) * 2
        file.seek(tile.offset)
        data = file.read(stride * (bottom - top))
        part = Image.frombytes("L", (right - left, bottom - top), data, "raw", raw_mode, stride, 1)
        planes.setdefault(channel, Image.new("L", stored)).paste(part, (left, top))
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
        raise ImageRejected("not_an_image", f"The file is not a readable picture. Use {READABLE}.") from None
    except _DECODER_ERRORS as error:
        raise reject_corrupt(error) from error
    width, height = picture.size
    progressive = picture.format in JPEG_FORMATS and picture.info.get("progressive")
    limit = MAX_PROGRESSIVE_PIXELS if progressive else MAX_PIXELS_BY_FORMAT.get(picture.format or "", MAX_PIXELS)
    if width * height > limit:
        picture.close()
        message = f"The picture has {width}x{height} pixels; at most {limit:,} are accepted. Shrink it first."
        raise ImageRejected("too_many_pixels", message, max_pixels=limit, width=width, height=height)
    return picture


def _open_by_content(file: BinaryIO, start: bytes) -> Image.Image:
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS:
        return Image.open(file, formats=FORMATS)
    # Some AVIFs have a brand of the container format (ISO/IEC 23008-12), which HEIC files have too.
    with suppress(UnidentifiedImageError):
        return Image.open(file, formats=("AVIF",))
    # Imported only for HEIC, to keep cold starts short.
    from pi_heif import HeifImageFile  # noqa: PLC0415

    file.seek(0)
    # Not through Image.open, whose plugin accepts fewer brands than the decoder.
    try:
        picture: Image.Image = HeifImageFile(file)
    except SyntaxError as error:
        raise UnidentifiedImageError(str(error)) from error
    return picture
