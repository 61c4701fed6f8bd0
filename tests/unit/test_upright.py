"""A picture that a camera stored sideways is shown upright, whichever mode, whichever of the eight ways it was held."""

from __future__ import annotations

import pytest
from PIL import ExifTags, Image

from sora_ready.domain.frame import Mode, Size
from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import encode, landscape, psnr, shown

# Where the first stored row and the first stored column lie in the upright picture (EXIF 2.32, tag 0x0112).
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
# Sides that the decoder's small scales do not divide.
SOURCE = landscape(601, 446)
FRAMES = [Size(160, 90), Size(90, 160)]


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels as a camera that notes `orientation` stores them."""
    row, column = ORIENTATIONS[orientation]
    picture = upright.transpose(Image.Transpose.TRANSPOSE) if row in {"left", "right"} else upright
    if row in {"bottom", "right"}:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if column in {"bottom", "right"}:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture


def held(upright: Image.Image, orientation: int, kind: str = "JPEG") -> bytes:
    """A file in which `upright` is stored turned, with the EXIF that says so."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    return encode(stored(upright, orientation), kind, exif=exif, **options)


@pytest.mark.parametrize("size", FRAMES, ids=str)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_however_it_was_held_a_photo_gives_the_same_frame(orientation: int, mode: Mode, size: Size) -> None:
    expected = normalize_image(encode(SOURCE, "JPEG", quality=98, subsampling=0), size=size, mode=mode)

    ready = normalize_image(held(SOURCE, orientation), size=size, mode=mode)

    assert ready.source_size == SOURCE.size
    assert psnr(shown(ready), shown(expected)) > 43


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_is_heeded_in_every_format_that_carries_it(orientation: int, kind: str) -> None:
    picture = landscape(240, 181)
    expected = normalize_image(encode(picture), size=(160, 90), mode="cover")

    ready = normalize_image(held(picture, orientation, kind), size=(160, 90), mode="cover")

    assert ready.source_size == picture.size
    assert psnr(shown(ready), shown(expected)) > 43


def test_a_picture_much_larger_than_its_frame_is_upright_too() -> None:
    # So much larger that a JPEG is decoded at an eighth of its size.
    large = landscape(1603, 1206)
    expected = normalize_image(encode(large), size=(160, 90))

    frames = [normalize_image(held(large, orientation), size=(160, 90)) for orientation in ORIENTATIONS]

    assert [psnr(shown(frame), shown(expected)) > 43 for frame in frames] == [True] * 8


@pytest.mark.parametrize(("orientation", "frame"), [(1, Size(64, 36)), (6, Size(36, 64))])
def test_the_size_is_chosen_for_the_upright_picture(orientation: int, frame: Size) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    sideways = encode(Image.new("RGB", (400, 300)), "JPEG", exif=exif)

    assert normalize_image(sideways, size=[Size(64, 36), Size(36, 64)]).size == frame


BROKEN_EXIF = [
    b"Exif\0\0",
    b"Exif\0\0garbage that is no TIFF header",
    b"Exif\0\0II",
    b"Exif\0\0II*\0",
    b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    b"Exif\0\0II*\0\xff\xff\xff\x7f",
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0",  # an orientation that is text
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x00\0\0\0\0\0\0",  # 0
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",  # 99
]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", BROKEN_EXIF)
def test_broken_exif_means_upright(exif: bytes, kind: str) -> None:
    picture = landscape(120, 90)
    expected = normalize_image(encode(picture, kind), size=(64, 36))

    ready = normalize_image(encode(picture, kind, exif=exif), size=(64, 36))

    assert ready.source_size == picture.size
    assert ready.data == expected.data
