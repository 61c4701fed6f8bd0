"""A frame holds no metadata of the picture: not where, when and by whom it was taken."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from sora_ready.domain.imaging import normalize_image
from tests.unit.handmade_files import png_chunk
from tests.unit.icc_profiles import display_p3_profile
from tests.unit.pictures import encode, landscape

SECRET = "the name of the photographer"
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{SECRET}</dc:creator></x:xmpmeta>'.encode()
# What Photoshop and press agencies write: a byline, in an image resource.
IPTC = b"\x1c\x02\x50" + struct.pack(">H", len(SECRET)) + SECRET.encode()
RESOURCE = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
# The JFIF header, quantization tables, frame header, Huffman tables and scan: what a picture cannot do without.
REQUIRED_PARTS: dict[str, set[Any]] = {
    "jpeg": {0xE0, 0xDB, 0xC0, 0xC4, SOS},
    "png": {b"IHDR", b"IDAT", b"IEND"},
    "webp": {b"VP8 ", b"VP8L"},
}
TRACES = (SECRET.encode(), b"Camera 5", b"Exif", b"EXIF", b"adobe", b"Adobe", b"XMP", b"ICC", b"iCCP", b"8BIM", b"MPF")


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Artist] = SECRET
    tags[ExifTags.Base.Model] = "Camera 5"
    tags[ExifTags.Base.DateTime] = "2024:05:06 07:08:09"
    gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N"
    gps[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    return tags


def png_text() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", SECRET)
    info.add_text("Comment", SECRET, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def with_segments(jpeg: bytes) -> bytes:
    """The JPEG with segments that only other programs write: Photoshop's resources, an unknown one, a comment."""
    photoshop = segment(0xED, b"Photoshop 3.0\0" + RESOURCE)
    return jpeg[:2] + photoshop + segment(0xEA, SECRET.encode()) + segment(0xFE, SECRET.encode()) + jpeg[2:]


def with_chunks(png: bytes) -> bytes:
    """The PNG with its time of change and an unknown chunk."""
    time = png_chunk(b"tIME", struct.pack(">H5B", 2024, 5, 6, 7, 8, 9))
    return png[:33] + time + png_chunk(b"seCr", SECRET.encode()) + png[33:]


FULL: dict[str, dict[str, Any]] = {
    "JPEG": {"exif": exif(), "comment": SECRET, "xmp": XMP, "icc_profile": display_p3_profile()},
    "MPO": {"exif": exif(), "save_all": True, "append_images": [Image.new("RGB", (32, 18))]},
    "PNG": {"exif": exif(), "pnginfo": png_text(), "icc_profile": display_p3_profile(), "dpi": (300, 300)},
    "WEBP": {"exif": exif(), "xmp": XMP, "icc_profile": display_p3_profile()},
    "AVIF": {"exif": exif().tobytes(), "xmp": XMP, "icc_profile": display_p3_profile()},
    "TIFF": {
        "tiffinfo": {270: SECRET, 315: SECRET, 700: XMP, 33723: IPTC, 34377: RESOURCE},
        "icc_profile": display_p3_profile(),
    },
    "GIF": {"comment": SECRET},
}
ADDED: dict[str, Callable[[bytes], bytes]] = {"JPEG": with_segments, "MPO": with_segments, "PNG": with_chunks}


@lru_cache
def with_all_metadata(kind: str) -> bytes:
    """A picture with all the metadata that its format can hold."""
    data = encode(landscape(200, 150), kind, **FULL[kind])
    return ADDED.get(kind, bytes)(data)


def parts(frame: bytes, kind: str) -> list[Any]:
    """The segments up to the scan, or the chunks, of an encoded frame; nothing may be between or after them."""
    readers: dict[str, Callable[[bytes], list[Any]]] = {"jpeg": segments, "png": png_chunks, "webp": webp_chunks}
    return readers[kind](frame)


def segments(jpeg: bytes) -> list[int]:
    assert jpeg[:2] == bytes((0xFF, SOI))
    found: list[int] = []
    position = 2
    while not found or found[-1] != SOS:
        assert jpeg[position] == 0xFF
        found.append(jpeg[position + 1])
        length = struct.unpack(">H", jpeg[position + 2 : position + 4])[0]
        if found[-1] == 0xE0:
            assert (length, jpeg[position + 4 : position + 9]) == (16, b"JFIF\0")  # without a thumbnail
        position += 2 + length
    # In the scan, 0x00 follows every 0xFF, and nothing follows the end marker.
    scan = jpeg[position:-2]
    assert scan.count(b"\xff") == scan.count(b"\xff\0")
    assert jpeg[-2:] == bytes((0xFF, EOI))
    return found


def png_chunks(png: bytes) -> list[bytes]:
    found, position = [], 8
    while position < len(png):
        length = struct.unpack(">I", png[position : position + 4])[0]
        found.append(png[position + 4 : position + 8])
        position += 12 + length
    assert position == len(png)
    assert found[-1] == b"IEND"
    return found


def webp_chunks(webp: bytes) -> list[bytes]:
    assert (webp[:4], webp[8:12]) == (b"RIFF", b"WEBP")
    assert struct.unpack("<I", webp[4:8])[0] == len(webp) - 8
    found, position = [], 12
    while position < len(webp):
        length = struct.unpack("<I", webp[position + 4 : position + 8])[0]
        found.append(webp[position : position + 4])
        position += 8 + length + length % 2
    assert position == len(webp)
    return found


@pytest.mark.parametrize("frame_format", REQUIRED_PARTS)
@pytest.mark.parametrize("kind", FULL)
def test_no_metadata_of_a_picture_reaches_the_frame(kind: str, frame_format: str) -> None:
    # given
    source = with_all_metadata(kind)
    assert SECRET.encode() in source

    # when
    frame = normalize_image(source, size=(160, 90), format=frame_format).data

    # then
    assert not [word for word in TRACES if word in frame]


@pytest.mark.parametrize("frame_format", REQUIRED_PARTS)
@pytest.mark.parametrize("mode", ["cover", "pad", "blur", "stretch"])
@pytest.mark.parametrize("kind", FULL)
def test_a_frame_holds_only_the_parts_that_its_pixels_need(kind: str, mode: str, frame_format: str) -> None:
    frame = normalize_image(with_all_metadata(kind), size=(96, 54), mode=mode, format=frame_format).data

    assert set(parts(frame, frame_format)) <= REQUIRED_PARTS[frame_format]


@pytest.mark.parametrize("quality", [60, 100])
@pytest.mark.parametrize("frame_format", REQUIRED_PARTS)
def test_pillow_finds_no_metadata_in_a_frame(frame_format: str, quality: int) -> None:
    # given a picture that is turned, transparent and full of metadata
    tags = exif()
    tags[ExifTags.Base.Orientation] = 6
    picture = landscape(200, 150).convert("RGBA")
    picture.putalpha(200)
    source = encode(picture, "PNG", **(FULL["PNG"] | {"exif": tags}))

    # when
    with Image.open(
        io.BytesIO(normalize_image(source, size=(96, 54), format=frame_format, quality=quality).data)
    ) as frame:
        frame.load()
        # then
        metadata = {"exif", "xmp", "XML:com.adobe.xmp", "icc_profile", "comment", "photoshop", "dpi", "mp", "Author"}
        assert not metadata & set(frame.info)
        assert not frame.getexif()
        assert frame.mode == "RGB"


@pytest.mark.parametrize("frame_format", REQUIRED_PARTS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_bytes_after_the_end_of_the_picture_are_dropped(kind: str, frame_format: str) -> None:
    source = encode(landscape(160, 90), kind) + SECRET.encode() * 100

    frame = normalize_image(source, size=(160, 90), format=frame_format).data

    assert set(parts(frame, frame_format)) <= REQUIRED_PARTS[frame_format]
    assert SECRET.encode() not in frame


def test_a_thumbnail_in_the_exif_is_dropped() -> None:
    # given a thumbnail, as cameras write it: it can show what was cropped later
    thumbnail = encode(Image.new("RGB", (16, 12), "red"), "JPEG")
    ifd0 = struct.pack(">HI", 0, 14)  # no entries; the next directory follows
    entries = [(0x0103, 3, 1, 6 << 16), (0x0201, 4, 1, 14 + 2 + 36 + 4), (0x0202, 4, 1, len(thumbnail))]
    ifd1 = struct.pack(">H", 3) + b"".join(struct.pack(">HHII", *entry) for entry in entries) + bytes(4)
    source = encode(landscape(160, 90), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + ifd0 + ifd1 + thumbnail)
    assert thumbnail in source

    # then
    frame = normalize_image(source, size=(160, 90)).data
    assert set(segments(frame)) <= REQUIRED_PARTS["jpeg"]
    assert frame.count(bytes((0xFF, SOI))) == 1
