"""HEIC pictures of phones, of every depth and orientation, become the frame or are rejected."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import pillow_heif
import pytest
from PIL import ExifTags, Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Color, Size
from sora_ready.domain.imaging import normalize_image
from tests.unit.color_truth import mean_difference, to_srgb
from tests.unit.icc_profiles import display_p3_profile
from tests.unit.pictures import BLUE, GREEN, RED, color_of, decoded, encode, is_near, landscape, psnr
from tests.unit.test_upright import ORIENTATIONS, stored_as

SIZE = Size(160, 90)
ORANGE = Color(250, 140, 20)
SECRET = b"the name of the owner"


def heic(picture: Image.Image, *others: Image.Image, **options: Any) -> bytes:
    file = pillow_heif.from_pillow(picture)
    for other in others:
        file.add_from_pillow(other)
    return saved(file, **options)


def saved(file: pillow_heif.HeifFile, **options: Any) -> bytes:
    out = io.BytesIO()
    file.save(out, **({"quality": 95, "chroma": 444, "enc_params": {"preset": "ultrafast"}} | options))
    return out.getvalue()


@lru_cache
def plain() -> bytes:
    return heic(landscape(320, 180))


def branded(data: bytes, brand: bytes) -> bytes:
    return data[:8] + brand + data[12:]


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = SECRET.decode()
    return exif.tobytes()


def frame_of(data: bytes, **options: Any) -> Image.Image:
    return decoded(normalize_image(data, **({"size": SIZE} | options)))


# ---------------------------------------------------------------- pixels


def test_a_phones_picture_becomes_the_frame() -> None:
    ready = normalize_image(plain(), size=SIZE)

    assert (ready.source_format, ready.source_size) == ("HEIF", Size(320, 180))
    assert psnr(decoded(ready), frame_of(encode(landscape(320, 180)))) > 40


def test_gray_is_gray() -> None:
    gray = landscape(320, 180).convert("L")

    assert psnr(frame_of(heic(gray)), frame_of(encode(gray))) > 38


def test_transparent_pixels_show_the_background() -> None:
    picture = landscape(320, 180).convert("RGBA")
    picture.paste((0, 255, 0, 0), (160, 0, 320, 180))

    frame = frame_of(heic(picture), background=ORANGE)

    assert is_near(color_of(frame, (84, 4, 156, 86)), ORANGE)
    assert psnr(frame.crop((0, 0, 76, 90)), frame_of(encode(picture)).crop((0, 0, 76, 90))) > 35


@pytest.mark.parametrize(("mode", "channels"), [("RGB;16", 3), ("L;16", 1)])
def test_ten_bits_span_black_to_white(mode: str, channels: int) -> None:
    # given a gradient of more than 256 shades, which the encoder stores in 10 bits
    row = b"".join(struct.pack("<H", x * 65535 // 319) * channels for x in range(320))

    # when
    frame = frame_of(saved(pillow_heif.from_bytes(mode, (320, 180), row * 180))).convert("L")

    # then
    shades = [cast("int", frame.getpixel((x, 45))) for x in range(160)]
    assert all(abs(shade - 255 * x / 159) < 4 for x, shade in enumerate(shades))


def test_a_profile_is_applied() -> None:
    picture = Image.new("RGB", SIZE, (200, 90, 40))
    picture.info["icc_profile"] = display_p3_profile()

    frame = frame_of(heic(picture)).resize((16, 9), Image.Resampling.NEAREST)

    assert mean_difference(frame, [to_srgb("display-p3")([200 / 255, 90 / 255, 40 / 255])] * 16 * 9) < 1.5


def test_a_picture_of_several_tiles_has_no_seams() -> None:
    # given tiles, as phones store them
    picture = landscape(256, 144)
    data = heic(picture, tile_size=64)
    assert b"grid" in data

    # then
    assert psnr(frame_of(data, size=picture.size), frame_of(encode(picture), size=picture.size)) > 38


# ---------------------------------------------------------------- orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_turn_in_the_container_and_in_the_exif_is_applied_once(orientation: int) -> None:
    # given a turn in the container (irot, imir) and the same one in the EXIF, as phones write it
    upright = landscape(300, 200)
    file = pillow_heif.from_pillow(stored_as(upright, orientation))
    data = saved(file, exif=exif_of(orientation))
    assert (b"irot" in data or b"imir" in data) == (orientation != 1)

    # when
    ready = normalize_image(data, size=SIZE, mode="pad")

    # then
    assert ready.source_size == upright.size
    assert psnr(decoded(ready), frame_of(encode(upright), mode="pad")) > 36


# ---------------------------------------------------------------- several pictures, brands and names


@pytest.mark.parametrize(("primary", "color"), [(0, RED), (1, GREEN), (2, BLUE)])
def test_of_several_pictures_the_primary_one_is_used(primary: int, color: tuple[int, int, int]) -> None:
    pictures = [Image.new("RGB", SIZE, one) for one in (RED, GREEN, BLUE)]

    assert is_near(color_of(frame_of(heic(*pictures, primary_index=primary))), color)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1"])
def test_every_brand_of_the_container_is_accepted(brand: bytes) -> None:
    assert normalize_image(branded(plain(), brand), size=SIZE).source_format == "HEIF"


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"msf1"])
def test_an_avif_with_a_general_brand_of_the_container_is_decoded(brand: bytes) -> None:
    data = branded(encode(landscape(320, 180), "AVIF", quality=95, subsampling="4:4:4"), brand)

    ready = normalize_image(data, size=SIZE)

    assert ready.source_format == "AVIF"
    assert psnr(decoded(ready), frame_of(encode(landscape(320, 180)))) > 38


def test_the_name_of_a_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(plain())

    assert normalize_image(path, size=SIZE).data == normalize_image(plain(), size=SIZE).data


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("kept", [0.15, 0.5, 0.9, 0.99])
def test_a_truncated_picture_is_rejected(kept: float) -> None:
    with pytest.raises(ImageRejected) as rejection:
        normalize_image(plain()[: int(len(plain()) * kept)], size=SIZE)

    assert rejection.value.code == "corrupt"


def test_a_damaged_picture_is_rejected_or_becomes_a_frame() -> None:
    # given one damaged byte, in the container's boxes or in the pixels
    data = heic(landscape(64, 48), chroma=420, quality=50)
    outcomes: set[object] = set()
    for position in (*range(12, 600, 5), *range(600, len(data), 97)):
        damaged = bytearray(data)
        damaged[position] ^= 0x5A
        try:
            outcomes.add(decoded(normalize_image(bytes(damaged), size=(64, 36))).size)
        except ImageRejected as rejection:
            outcomes.add(rejection.code)

    # then
    assert outcomes <= {(64, 36), "corrupt", "not_an_image", "too_many_pixels", "shape_too_extreme"}


@pytest.mark.parametrize("error", [EOFError, RuntimeError, ValueError])
def test_every_error_of_the_decoder_is_a_rejection(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise error("Decoder plugin generated an error")

    monkeypatch.setattr("pi_heif.as_plugin.HeifImageFile.load", fail)

    with pytest.raises(ImageRejected) as rejection:
        normalize_image(plain(), size=SIZE)
    assert rejection.value.code == "corrupt"


# ---------------------------------------------------------------- metadata


@pytest.mark.parametrize("frame_format", ["jpeg", "png", "webp"])
def test_no_metadata_of_a_phone_reaches_the_frame(frame_format: str) -> None:
    data = saved(
        pillow_heif.from_pillow(landscape(320, 180)), exif=exif_of(6), xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    )
    assert data.count(SECRET) == 2

    frame = normalize_image(data, size=SIZE, format=frame_format).data

    assert not any(word in frame for word in (SECRET, b"Exif", b"EXIF", b"xmp", b"XMP", b"ICC"))
