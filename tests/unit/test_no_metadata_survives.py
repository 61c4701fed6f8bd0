"""A frame goes to somebody else's server: where and when the picture was taken, and by whom, stays at home."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from sora_ready.domain.imaging import normalize_image
from tests.unit.icc_profiles import swapped_rgb_profile
from tests.unit.pictures import encode, landscape

SECRET = "the name of whoever held the camera"
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{SECRET}</dc:creator></x:xmpmeta>'.encode()

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
# JFIF's own header, quantisation, the frame's header, Huffman tables, the scan: what a picture cannot do without.
NEEDED = {0xE0, 0xDB, 0xC0, 0xC4, SOS}


def exif() -> Image.Exif:
    told = Image.Exif()
    told[ExifTags.Base.Artist] = SECRET
    told[ExifTags.Base.Model] = "Camera 5"
    gps = told.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N"
    gps[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    return told


def png_text() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", SECRET)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def markers(jpeg: bytes) -> list[int]:
    """The segments of a JPEG, up to its scan."""
    assert jpeg[:2] == bytes((0xFF, SOI))
    found, position = [], 2
    while not found or found[-1] != SOS:
        assert jpeg[position] == 0xFF
        found.append(jpeg[position + 1])
        position += 2 + struct.unpack(">H", jpeg[position + 2 : position + 4])[0]
    return found


FULL: dict[str, dict[str, Any]] = {
    "JPEG": {"exif": exif(), "comment": SECRET, "xmp": XMP, "icc_profile": swapped_rgb_profile()},
    "PNG": {"exif": exif(), "pnginfo": png_text(), "icc_profile": swapped_rgb_profile()},
    "WEBP": {"exif": exif(), "xmp": XMP, "icc_profile": swapped_rgb_profile()},
    "TIFF": {"tiffinfo": {270: SECRET, 315: SECRET}, "icc_profile": swapped_rgb_profile()},
    "GIF": {"comment": SECRET},
}


@pytest.mark.parametrize("kind", FULL)
def test_what_a_picture_tells_of_its_maker_is_left_behind(kind: str) -> None:
    source = encode(landscape(200, 150), kind, **FULL[kind])
    assert SECRET.encode() in source

    frame = normalize_image(source, size=(160, 90)).data

    assert not any(word in frame for word in (SECRET.encode(), b"Camera 5", b"Exif", b"adobe", b"ICC_PROFILE"))


@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
@pytest.mark.parametrize("kind", FULL)
def test_a_frame_holds_nothing_but_what_its_pixels_need(kind: str, mode: str) -> None:
    source = encode(landscape(160, 90), kind, **FULL[kind])

    frame = normalize_image(source, size=(160, 90), mode=mode).data

    assert set(markers(frame)) <= NEEDED
    assert frame.endswith(bytes((0xFF, EOI)))


def test_nothing_is_hidden_behind_the_end_of_the_picture() -> None:
    source = encode(landscape(160, 90), "JPEG") + SECRET.encode() * 100

    frame = normalize_image(source, size=(160, 90)).data

    assert frame.count(bytes((0xFF, EOI))) == 1
    assert SECRET.encode() not in frame
