"""What cannot become a frame is refused, with a code for programs and a sentence for people. Never half a picture."""

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
from sora_ready.domain.imaging.decoding import FORMATS, MAX_PIXELS, MAX_PIXELS_OF
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import RED, encode, heic, landscape, png_that_claims

PICTURE = landscape(320, 240)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def written(picture: Image.Image, kind: str, **options: Any) -> bytes:
    return heic(picture, **options) if kind == "HEIC" else encode(picture, kind, **options)


def refuse(data: bytes, **options: Any) -> ImageRejected:
    with pytest.raises(ImageRejected) as refusal:
        normalize_image(data, **({"size": (64, 36)} | options))
    return refusal.value


def test_an_empty_file_is_refused() -> None:
    assert refuse(b"").code == "empty"


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
def test_what_is_no_picture_is_refused_with_what_can_be_read(data: bytes) -> None:
    refusal = refuse(data)

    assert refusal.code == "not_an_image"
    assert all(word in refusal.message for word in ("JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "HEIC"))


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "JPEG2000", "PCX", "SGI"])
def test_formats_beyond_those_named_are_not_decoded(kind: str) -> None:
    assert refuse(encode(PICTURE, kind)).code == "not_an_image"


def test_postscript_never_starts_an_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **kwargs: started.append(args))
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **kwargs: started.append(args))

    refusal = refuse(EPS)

    assert refusal.code == "not_an_image"
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
def test_a_picture_that_was_cut_short_is_refused(kind: str, options: dict[str, Any], kept: float) -> None:
    whole = written(PICTURE, kind, **options)

    refusal = refuse(whole[: int(len(whole) * kept)])

    assert refusal.code in {"corrupt", "not_an_image"}
    assert "Export it again" in refusal.message or "Use JPEG" in refusal.message


@pytest.mark.parametrize("mode", list(Mode))
def test_half_a_photo_is_refused_even_where_the_frame_is_far_smaller(mode: str) -> None:
    whole = encode(landscape(1600, 1200), "JPEG")

    refusal = refuse(whole[: len(whole) // 2], mode=mode)

    assert refusal.code == "corrupt"
    assert refusal.facts == {"decoder": "OSError"}


def test_a_heic_whose_pixels_are_missing_is_refused() -> None:
    whole = heic(PICTURE)
    pixels = whole.index(b"mdat") + 4

    refusal = refuse(whole[:pixels] + bytes(len(whole) - pixels))

    assert refusal.code == "corrupt"


def test_a_png_whose_pixels_were_altered_is_refused() -> None:
    whole = bytearray(encode(PICTURE))
    middle = whole.index(b"IDAT") + len(whole) // 2
    whole[middle : middle + 20] = bytes(20)

    refusal = refuse(bytes(whole))

    assert refusal.code == "corrupt"
    assert set(refusal.facts) == {"decoder"}


@cache
def small(kind: str) -> bytes:
    return written(landscape(40, 30), kind)


@settings(max_examples=160, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIC"]),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_any_damage_ends_in_a_frame_or_a_refusal(kind: str, damage: list[tuple[float, int]]) -> None:
    data = bytearray(small(kind))
    for place, value in damage:
        data[int(place * len(data))] = value

    try:
        ready = normalize_image(bytes(data), size=(32, 18))
    except ImageRejected as refusal:
        assert refusal.code in {"corrupt", "not_an_image", "too_many_pixels", "shape_too_extreme", "blank"}  # noqa: PT017
    else:
        assert ready.size == (32, 18)


# ---------------------------------------------------------------- far too much


def test_a_header_that_claims_billions_of_pixels_is_enough_to_refuse() -> None:
    refusal = refuse(png_that_claims(50_000, 50_000))

    assert refusal.code == "too_many_pixels"
    assert refusal.facts["max_pixels"] == MAX_PIXELS
    assert f"{MAX_PIXELS:,}" in refusal.message


def test_a_picture_just_over_the_limit_is_refused_with_its_size() -> None:
    refusal = refuse(png_that_claims(15_001, 10_000))

    assert refusal.code == "too_many_pixels"
    assert refusal.facts == {"max_pixels": MAX_PIXELS, "width": 15_001, "height": 10_000}
    assert "15001x10000" in refusal.message


def test_a_picture_of_just_the_limit_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[int, int]] = []

    def load(picture: Image.Image) -> None:
        loaded.append(picture.size)
        raise OSError("seen enough")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    assert refuse(png_that_claims(15_000, 10_000)).code == "corrupt"
    assert loaded == [(15_000, 10_000)]


def test_too_many_pixels_are_refused_before_any_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(picture: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    assert refuse(png_that_claims(15_001, 10_000)).code == "too_many_pixels"


@pytest.mark.parametrize(("kind", "stored"), [("WEBP", "WEBP"), ("AVIF", "AVIF"), ("HEIC", "HEIF")])
def test_what_a_decoder_holds_twice_may_have_fewer_pixels(
    kind: str, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_PIXELS_OF[stored] <= MAX_PIXELS / 2
    monkeypatch.setitem(MAX_PIXELS_OF, stored, 40 * 30)

    refusal = refuse(written(landscape(41, 30), kind))

    assert normalize_image(small(kind), size=(64, 36)).size == (64, 36)
    assert refusal.code == "too_many_pixels"
    assert refusal.facts == {"max_pixels": 40 * 30, "width": 41, "height": 30}


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
def test_a_crop_that_leaves_less_than_a_pixel_is_refused(crop: Crop, *, usable: bool) -> None:
    picture = encode(landscape(100, 100))

    if usable:
        assert normalize_image(picture, size=(64, 64), crop=crop).size == (64, 64)
        return
    refusal = refuse(picture, size=(64, 64), crop=crop)
    assert refusal.code == "crop_too_small"
    assert refusal.facts == {"width": 100, "height": 100, "crop": str(crop)}
    assert str(crop) in refusal.message
    assert "100x100" in refusal.message


def test_a_sliver_that_a_crop_leaves_is_refused() -> None:
    refusal = refuse(encode(landscape(400, 400)), size=(64, 64), crop=Crop(0, 0.5, 1, 0.51))

    assert refusal.code == "shape_too_extreme"
    assert refusal.facts == {"width": 400, "height": 4, "frame": "64x64"}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("source", [(1, 5000), (5000, 1), (4000, 3)])
def test_a_sliver_is_refused_in_every_mode(source: tuple[int, int], mode: str) -> None:
    refusal = refuse(encode(Image.new("RGB", source, RED)), mode=mode)

    assert refusal.code == "shape_too_extreme"
    assert refusal.facts == {"width": source[0], "height": source[1], "frame": "64x36"}
    assert f"{source[0]}x{source[1]}" in refusal.message
    assert "64x36" in refusal.message


@pytest.mark.parametrize(("source", "usable"), [((640, 10), True), ((650, 10), False), ((10, 640), True)])
def test_sixty_four_times_longer_than_the_frame_is_the_limit(source: tuple[int, int], *, usable: bool) -> None:
    picture = encode(Image.new("RGB", source, RED))

    if usable:
        assert normalize_image(picture, size=(64, 64)).size == (64, 64)
    else:
        assert refuse(picture, size=(64, 64)).code == "shape_too_extreme"


def test_a_refusal_is_a_record_that_json_can_hold() -> None:
    record = refuse(png_that_claims(15_001, 10_000)).to_record()

    assert record["code"] == "too_many_pixels"
    assert record["width"] == 15_001
    assert record["message"].endswith(".")


def test_a_file_left_open_by_its_owner_stays_open() -> None:
    file = io.BytesIO(encode(PICTURE))

    normalize_image(file, size=(64, 36))

    assert not file.closed
