"""What cannot become a frame is rejected, with a code for programs and a message for users."""

from __future__ import annotations

import io
import random
import subprocess
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Crop, Mode
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.decoding import FORMATS, MAX_PIXELS, MAX_PIXELS_BY_FORMAT
from tests.unit.pictures import RED, encode, heic, landscape, png_that_claims

PICTURE = landscape(320, 240)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def encode_as(picture: Image.Image, kind: str, **options: Any) -> bytes:
    return heic(picture, **options) if kind == "HEIC" else encode(picture, kind, **options)


def reject(data: bytes, **options: Any) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejection:
        normalize_image(data, **({"size": (64, 36)} | options))
    return rejection.value


def test_an_empty_file_is_rejected() -> None:
    assert reject(b"").code == "empty"


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"Dear customer, please find our logo attached.\n",
        SVG,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
        b"<!doctype html><title>404</title>",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41\0\0\0\x08free",
        bytes(1000),
        random.Random(7).randbytes(1000),
    ],
    ids=[
        "a byte",
        "text",
        "SVG",
        "PDF",
        "HTML",
        "PNG's signature",
        "JPEG's signature",
        "HEIC's signature",
        "MP4",
        "zeros",
        "noise",
    ],
)
def test_a_file_that_is_not_a_picture_is_rejected_with_the_accepted_formats(data: bytes) -> None:
    rejection = reject(data)

    assert rejection.code == "not_an_image"
    assert all(word in rejection.message for word in ("JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "HEIC"))


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "JPEG2000", "PCX", "SGI"])
def test_other_formats_are_not_decoded(kind: str) -> None:
    assert reject(encode(PICTURE, kind)).code == "not_an_image"


def test_postscript_never_starts_an_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **kwargs: started.append(args))
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **kwargs: started.append(args))

    rejection = reject(EPS)

    assert rejection.code == "not_an_image"
    assert started == []
    assert "EPS" not in FORMATS


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.97])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"quality": 90}),
        ("BMP", {}),
        ("TIFF", {}),
        ("AVIF", {}),
        ("HEIC", {}),
    ],
    ids=["JPEG", "progressive JPEG", "PNG", "WebP", "BMP", "TIFF", "AVIF", "HEIC"],
)
def test_a_truncated_picture_is_rejected(kind: str, options: dict[str, Any], kept: float) -> None:
    whole = encode_as(PICTURE, kind, **options)

    rejection = reject(whole[: int(len(whole) * kept)])

    assert rejection.code in {"corrupt", "not_an_image"}
    assert "Export it again" in rejection.message or "Use JPEG" in rejection.message


@pytest.mark.parametrize("mode", list(Mode))
def test_half_a_photo_is_rejected_even_if_the_frame_is_much_smaller(mode: str) -> None:
    whole = encode(landscape(1600, 1200), "JPEG")

    rejection = reject(whole[: len(whole) // 2], mode=mode)

    assert rejection.code == "corrupt"
    assert rejection.facts == {"decoder": "OSError"}


def test_a_heic_without_its_pixels_is_rejected() -> None:
    whole = heic(PICTURE)
    pixels = whole.index(b"mdat") + 4

    rejection = reject(whole[:pixels] + bytes(len(whole) - pixels))

    assert rejection.code == "corrupt"


def test_a_png_with_altered_pixels_is_rejected() -> None:
    whole = bytearray(encode(PICTURE))
    middle = whole.index(b"IDAT") + len(whole) // 2
    whole[middle : middle + 20] = bytes(20)

    rejection = reject(bytes(whole))

    assert rejection.code == "corrupt"
    assert set(rejection.facts) == {"decoder"}


@cache
def small(kind: str) -> bytes:
    return encode_as(landscape(40, 30), kind)


@settings(max_examples=160, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIC"]),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_any_damage_ends_in_a_frame_or_a_rejection(kind: str, damage: list[tuple[float, int]]) -> None:
    data = bytearray(small(kind))
    for position, value in damage:
        data[int(position * len(data))] = value

    try:
        ready = normalize_image(bytes(data), size=(32, 18))
    except ImageRejected as rejection:
        assert rejection.code in {"corrupt", "not_an_image", "too_many_pixels", "shape_too_extreme", "blank"}  # noqa: PT017
    else:
        assert ready.size == (32, 18)


# ---------------------------------------------------------------- limits


def test_a_header_that_claims_billions_of_pixels_is_rejected() -> None:
    rejection = reject(png_that_claims(50_000, 50_000))

    assert rejection.code == "too_many_pixels"
    assert rejection.facts["max_pixels"] == MAX_PIXELS
    assert f"{MAX_PIXELS:,}" in rejection.message


def test_a_picture_just_over_the_limit_is_rejected_with_its_size() -> None:
    rejection = reject(png_that_claims(15_001, 10_000))

    assert rejection.code == "too_many_pixels"
    assert rejection.facts == {"max_pixels": MAX_PIXELS, "width": 15_001, "height": 10_000}
    assert "15001x10000" in rejection.message


def test_a_picture_of_just_the_limit_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[int, int]] = []

    def load(picture: Image.Image) -> None:
        loaded.append(picture.size)
        raise OSError("not decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    assert reject(png_that_claims(15_000, 10_000)).code == "corrupt"
    assert loaded == [(15_000, 10_000)]


def test_too_many_pixels_are_rejected_before_any_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(picture: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    assert reject(png_that_claims(15_001, 10_000)).code == "too_many_pixels"


@pytest.mark.parametrize(("kind", "stored"), [("WEBP", "WEBP"), ("AVIF", "AVIF"), ("HEIC", "HEIF")])
def test_formats_whose_decoder_copies_the_pixels_have_a_lower_limit(
    kind: str, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_PIXELS_BY_FORMAT[stored] <= MAX_PIXELS / 2
    monkeypatch.setitem(MAX_PIXELS_BY_FORMAT, stored, 40 * 30)

    rejection = reject(encode_as(landscape(41, 30), kind))

    assert normalize_image(small(kind), size=(64, 36)).size == (64, 36)
    assert rejection.code == "too_many_pixels"
    assert rejection.facts == {"max_pixels": 40 * 30, "width": 41, "height": 30}


@pytest.mark.parametrize(
    ("crop", "usable"),
    [
        (Crop(0.5, 0.5, 0.51, 0.51), True),  # one pixel of a hundred
        (Crop(0.5, 0.5, 0.509, 0.6), False),
        (Crop(0.5, 0.5, 0.6, 0.509), False),
        (Crop(0.0, 0.0, 1e-9, 1.0), False),
    ],
    ids=str,
)
def test_a_crop_to_less_than_a_pixel_is_rejected(crop: Crop, *, usable: bool) -> None:
    picture = encode(landscape(100, 100))

    if usable:
        assert normalize_image(picture, size=(64, 64), crop=crop).size == (64, 64)
        return
    rejection = reject(picture, size=(64, 64), crop=crop)
    assert rejection.code == "crop_too_small"
    assert rejection.facts == {"width": 100, "height": 100, "crop": str(crop)}
    assert str(crop) in rejection.message
    assert "100x100" in rejection.message


def test_a_crop_to_a_sliver_is_rejected() -> None:
    rejection = reject(encode(landscape(400, 400)), size=(64, 64), crop=Crop(0, 0.5, 1, 0.51))

    assert rejection.code == "shape_too_extreme"
    assert rejection.facts == {"width": 400, "height": 4, "frame": "64x64"}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("source", [(1, 5000), (5000, 1), (4000, 3)])
def test_a_sliver_is_rejected_in_every_mode(source: tuple[int, int], mode: str) -> None:
    rejection = reject(encode(Image.new("RGB", source, RED)), mode=mode)

    assert rejection.code == "shape_too_extreme"
    assert rejection.facts == {"width": source[0], "height": source[1], "frame": "64x36"}
    assert f"{source[0]}x{source[1]}" in rejection.message
    assert "64x36" in rejection.message


@pytest.mark.parametrize(("source", "usable"), [((640, 10), True), ((650, 10), False), ((10, 640), True)])
def test_a_picture_may_be_64_times_longer_than_the_frame(source: tuple[int, int], *, usable: bool) -> None:
    picture = encode(Image.new("RGB", source, RED))

    if usable:
        assert normalize_image(picture, size=(64, 64)).size == (64, 64)
    else:
        assert reject(picture, size=(64, 64)).code == "shape_too_extreme"


def test_a_rejection_is_a_record_that_json_can_hold() -> None:
    record = reject(png_that_claims(15_001, 10_000)).to_job_error().to_record()

    assert record["code"] == "too_many_pixels"
    assert record["width"] == 15_001
    assert str(record["message"]).endswith(".")


def test_a_file_that_the_caller_opened_stays_open() -> None:
    file = io.BytesIO(encode(PICTURE))

    normalize_image(file, size=(64, 36))

    assert not file.closed
