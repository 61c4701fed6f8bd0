"""A picture is upright in every mode, whichever of the eight EXIF orientations it is stored in."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageDraw, ImageFilter

from sora_ready.domain.frame import Crop, Focus, Mode, Size
from sora_ready.domain.imaging import ReadyImage, normalize_image
from tests.unit.pictures import BLUE, decoded, encode, heic, is_near, landscape, psnr

# Where the first stored row and column are in the upright picture (EXIF 2.32, tag 0x0112).
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
# The decoder's scales do not divide these sides.
SOURCE = landscape(601, 446)
FRAMES = [Size(160, 90), Size(90, 160)]
# Options whose result depends on the orientation: what is cropped, where the bars are, and what is in them.
OPTIONS: dict[str, dict[str, Any]] = {
    "cover": {"mode": "cover"},
    "pad": {"mode": "pad", "background": "auto"},
    "blur": {"mode": "blur"},
    "top left": {"focus": Focus.parse("top-left")},
    "a point": {"focus": Focus(0.8, 0.65)},
    "auto focus": {"focus": "auto"},
    "a crop": {"crop": Crop(0.1, 0.3, 0.5, 0.95)},
    "a crop, padded": {"crop": Crop(0.1, 0.3, 0.5, 0.95), "mode": "pad"},
    "a crop, and a point of it": {"crop": Crop(0.05, 0.0, 0.6, 0.9), "focus": Focus(0.1, 0.9)},
    "a crop, and auto focus": {"crop": Crop(0.05, 0.0, 0.9, 0.9), "focus": "auto"},
}


def stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels as a camera stores them with `orientation`."""
    row, column = ORIENTATIONS[orientation]
    picture = upright.transpose(Image.Transpose.TRANSPOSE) if row in {"left", "right"} else upright
    if row in {"bottom", "right"}:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if column in {"bottom", "right"}:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture


def with_orientation(upright: Image.Image, orientation: int, kind: str = "JPEG") -> bytes:
    """A file that stores the picture turned, with the EXIF orientation."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    return encode(stored_as(upright, orientation), kind, exif=exif, **options)


@pytest.mark.parametrize("size", FRAMES, ids=str)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_photo_has_the_same_frame_in_every_orientation(orientation: int, mode: Mode, size: Size) -> None:
    expected = normalize_image(encode(SOURCE, "JPEG", quality=98, subsampling=0), size=size, mode=mode)

    ready = normalize_image(with_orientation(SOURCE, orientation), size=size, mode=mode)

    assert ready.source_size == SOURCE.size
    assert psnr(decoded(ready), decoded(expected)) > 43


def scene() -> Image.Image:
    """A landscape with a subject off its center in both directions."""
    picture = landscape(602, 446)
    draw = ImageDraw.Draw(picture)
    for step in range(0, 90, 10):
        draw.ellipse((380 + step // 2, 250 + step // 2, 500 - step // 2, 370 - step // 2), outline=BLUE, width=3)
    # Where a decoder puts edges sharper than a camera's depends on its blocks.
    return picture.filter(ImageFilter.GaussianBlur(2))


@cache
def expected_frame(kind: str, name: str, size: Size) -> ReadyImage:
    return normalize_image(with_orientation(scene(), 1, kind), size=size, format="png", **OPTIONS[name])


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_options_apply_to_the_upright_picture(orientation: int, kind: str, name: str) -> None:
    picture = with_orientation(scene(), orientation, kind)

    for size in FRAMES:
        ready = normalize_image(picture, size=size, format="png", **OPTIONS[name])

        expected = expected_frame(kind, name, size)
        # The salient point is no more accurate than the pixels of the thumbnail.
        assert psnr(decoded(ready), decoded(expected)) > (30 if name == "a crop, and auto focus" else 43)
        assert ready.region == pytest.approx(expected.region, abs=0.01 if "auto" in name else 1e-6)
        assert is_near(ready.background, expected.background, 2)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_phones_heic_is_upright(turn: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn

    ready = normalize_image(heic(stored_as(scene(), turn), exif=exif.tobytes()), size=(160, 90), format="png")

    assert ready.source_format == "HEIF"
    assert ready.source_size == scene().size
    assert psnr(decoded(ready), decoded(expected_frame("PNG", "cover", Size(160, 90)))) > 35


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_is_honored_in_every_format_that_has_it(orientation: int, kind: str) -> None:
    picture = landscape(240, 181)
    expected = normalize_image(encode(picture), size=(160, 90), mode="cover")

    ready = normalize_image(with_orientation(picture, orientation, kind), size=(160, 90), mode="cover")

    assert ready.source_size == picture.size
    assert psnr(decoded(ready), decoded(expected)) > 43


def test_a_picture_much_larger_than_its_frame_is_upright_too() -> None:
    # A JPEG this much larger is decoded at an eighth of its size.
    large = landscape(1603, 1206)
    expected = normalize_image(encode(large), size=(160, 90))

    frames = [normalize_image(with_orientation(large, orientation), size=(160, 90)) for orientation in ORIENTATIONS]

    assert [psnr(decoded(frame), decoded(expected)) > 43 for frame in frames] == [True] * 8


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
