"""A frame goes to somebody else's server: where and when the picture was taken, and by whom, stays at home."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.handmade_files import png_chunk
from tests.unit.icc_profiles import display_p3_profile
from tests.unit.pictures import encode, landscape

SECRET = "the name of whoever held the camera"
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{SECRET}</dc:creator></x:xmpmeta>'.encode()
# What Photoshop and press agencies write: a by-line, in a resource of its own.
IPTC = b"\x1c\x02\x50" + struct.pack(">H", len(SECRET)) + SECRET.encode()
RESOURCE = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
# JFIF's own header, quantisation, the frame's header, Huffman tables, the scan: what a picture cannot do without.
NEEDED: dict[str, set[Any]] = {
    "jpeg": {0xE0, 0xDB, 0xC0, 0xC4, SOS},
    "png": {b"IHDR", b"IDAT", b"IEND"},
    "webp": {b"VP8 ", b"VP8L"},
}
WORDS = (SECRET.encode(), b"Camera 5", b"Exif", b"EXIF", b"adobe", b"Adobe", b"XMP", b"ICC", b"iCCP", b"8BIM", b"MPF")


def exif() -> Image.Exif:
    told = Image.Exif()
    told[ExifTags.Base.Artist] = SECRET
    told[ExifTags.Base.Model] = "Camera 5"
    told[ExifTags.Base.DateTime] = "2024:05:06 07:08:09"
    gps = told.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N"
    gps[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    return told


def png_text() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", SECRET)
    info.add_text("Comment", SECRET, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def with_segments(jpeg: bytes) -> bytes:
    """A JPEG that also holds what only other programs write: Photoshop's resources, an unknown segment, a comment."""
    photoshop = segment(0xED, b"Photoshop 3.0\0" + RESOURCE)
    return jpeg[:2] + photoshop + segment(0xEA, SECRET.encode()) + segment(0xFE, SECRET.encode()) + jpeg[2:]


def with_chunks(png: bytes) -> bytes:
    """A PNG that also holds when it was last changed, and a chunk that nobody knows."""
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
def laced(kind: str) -> bytes:
    """A picture that holds everything that its kind can tell of its maker."""
    data = encode(landscape(200, 150), kind, **FULL[kind])
    return ADDED.get(kind, bytes)(data)


def parts(frame: bytes, kind: str) -> list[Any]:
    """What an encoded frame is made of: segments up to the scan, or chunks; nothing may lie between or behind them."""
    return {"jpeg": segments, "png": png_chunks, "webp": webp_chunks}[kind](frame)


def segments(jpeg: bytes) -> list[int]:
    assert jpeg[:2] == bytes((0xFF, SOI))
    found: list[int] = []
    position = 2
    while not found or found[-1] != SOS:
        assert jpeg[position] == 0xFF
        found.append(jpeg[position + 1])
        length = struct.unpack(">H", jpeg[position + 2 : position + 4])[0]
        if found[-1] == 0xE0:
            assert (length, jpeg[position + 4 : position + 9]) == (16, b"JFIF\0")  # and no thumbnail
        position += 2 + length
    # In the scan a 0xFF stands before 0x00 only, until the end; and there is nothing behind that.
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


@pytest.mark.parametrize("written", NEEDED)
@pytest.mark.parametrize("kind", FULL)
def test_what_a_picture_tells_of_its_maker_is_left_behind(kind: str, written: str) -> None:
    # given
    source = laced(kind)
    assert SECRET.encode() in source

    # when
    frame = normalize_image(source, size=(160, 90), format=written).data

    # then
    assert not [word for word in WORDS if word in frame]


@pytest.mark.parametrize("written", NEEDED)
@pytest.mark.parametrize("mode", ["cover", "pad", "blur", "stretch"])
@pytest.mark.parametrize("kind", FULL)
def test_a_frame_holds_nothing_but_what_its_pixels_need(kind: str, mode: str, written: str) -> None:
    frame = normalize_image(laced(kind), size=(96, 54), mode=mode, format=written).data

    assert set(parts(frame, written)) <= NEEDED[written]


@pytest.mark.parametrize("quality", [60, 100])
@pytest.mark.parametrize("written", NEEDED)
def test_no_reader_finds_anything_in_a_frame(written: str, quality: int) -> None:
    # given the frame of a picture that is turned, transparent and full of words
    told = exif()
    told[ExifTags.Base.Orientation] = 6
    picture = landscape(200, 150).convert("RGBA")
    picture.putalpha(200)
    source = encode(picture, "PNG", **(FULL["PNG"] | {"exif": told}))

    # when
    with Image.open(io.BytesIO(normalize_image(source, size=(96, 54), format=written, quality=quality).data)) as frame:
        frame.load()
        # then
        told_of = {"exif", "xmp", "XML:com.adobe.xmp", "icc_profile", "comment", "photoshop", "dpi", "mp", "Author"}
        assert not told_of & set(frame.info)
        assert not frame.getexif()
        assert frame.mode == "RGB"


@pytest.mark.parametrize("written", NEEDED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_nothing_is_hidden_behind_the_end_of_the_picture(kind: str, written: str) -> None:
    source = encode(landscape(160, 90), kind) + SECRET.encode() * 100

    frame = normalize_image(source, size=(160, 90), format=written).data

    assert set(parts(frame, written)) <= NEEDED[written]
    assert SECRET.encode() not in frame


def test_a_thumbnail_in_the_exif_is_left_behind() -> None:
    # given a thumbnail of its own, as cameras write it: it shows what was later cropped away
    thumbnail = encode(Image.new("RGB", (16, 12), "red"), "JPEG")
    ifd0 = struct.pack(">HI", 0, 14)  # no entries; the next directory follows
    entries = [(0x0103, 3, 1, 6 << 16), (0x0201, 4, 1, 14 + 2 + 36 + 4), (0x0202, 4, 1, len(thumbnail))]
    ifd1 = struct.pack(">H", 3) + b"".join(struct.pack(">HHII", *entry) for entry in entries) + bytes(4)
    source = encode(landscape(160, 90), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + ifd0 + ifd1 + thumbnail)
    assert thumbnail in source

    # then
    frame = normalize_image(source, size=(160, 90)).data
    assert set(segments(frame)) <= NEEDED["jpeg"]
    assert frame.count(bytes((0xFF, SOI))) == 1
