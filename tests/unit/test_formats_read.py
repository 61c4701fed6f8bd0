"""Every variant of every format is decoded to the right pixels in the right places."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from sora_ready.domain.imaging import normalize_image
from tests.unit.handmade_files import pack, png, tiff
from tests.unit.pictures import BLUE, GREEN, RED, decoded, encode, is_near, psnr
from tests.unit.small_frames import GRAY, HEIGHT, ORANGE, PICTURE, SIZE, WIDTH, frame_of, rows_of

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"


def with_steps(picture: Image.Image, bits: int) -> Image.Image:
    """The picture in the shades that `bits` bits can hold."""
    top = (1 << bits) - 1
    return picture.point(
        [round(round(value * top / 255) * 255 / top) for value in range(256)] * len(picture.getbands())
    )


def palette_png(bits: int, *, interlaced: bool = False) -> bytes:
    colors = [value * 255 // ((1 << bits) - 1) for value in range(1 << bits)]
    palette = bytes(part for value in colors for part in (value, 255 - value, 128))
    return png(rows_of(GRAY, bits), bits=bits, color_type=3, chunks=[(b"PLTE", palette)], interlaced=interlaced)


def palette_picture(bits: int) -> Image.Image:
    few = with_steps(GRAY, bits)
    return Image.merge("RGB", (few, few.point(lambda value: 255 - value), Image.new("L", SIZE, 128)))


def jpeg(picture: Image.Image = PICTURE, **options: Any) -> Callable[[], bytes]:
    return lambda: encode(picture, "JPEG", **({"quality": 97, "subsampling": "4:4:4"} | options))


def tiff_by(compression: str, picture: Image.Image = PICTURE, **options: Any) -> Callable[[], bytes]:
    return lambda: encode(picture, "TIFF", compression=compression, **options)


# For each: what makes the file, the expected picture, and the least PSNR (dB; 99 if equal).
FILES: dict[str, tuple[Callable[[], bytes], Image.Image, float]] = {
    "JPEG, baseline": (jpeg(), PICTURE, 38),
    "JPEG, chroma at a quarter": (jpeg(subsampling="4:2:0"), PICTURE, 26),
    "JPEG, progressive": (jpeg(progressive=True), PICTURE, 38),
    "JPEG, gray": (jpeg(GRAY), GRAY, 45),
    "JPEG, with restart markers": (jpeg(restart_marker_blocks=1), PICTURE, 38),
    "JPEG, stored as RGB": (jpeg(keep_rgb=True), PICTURE, 38),
    "PNG, interlaced": (lambda: png(rows_of(PICTURE, 8), bits=8, color_type=2, interlaced=True), PICTURE, 99),
    "PNG, 16 bits a color": (lambda: png(rows_of(PICTURE, 16), bits=16, color_type=2), PICTURE, 99),
    "PNG, 16 bits, interlaced": (lambda: png(rows_of(GRAY, 16), bits=16, color_type=0, interlaced=True), GRAY, 99),
    **{
        f"PNG, gray of {bits} bits": (
            partial(png, rows_of(GRAY, bits), bits=bits, color_type=0),
            with_steps(GRAY, bits),
            99,
        )
        for bits in (1, 2, 4, 8)
    },
    **{f"PNG, palette of {b} bits": (partial(palette_png, b), palette_picture(b), 99) for b in (1, 2, 4, 8)},
    "PNG, palette, interlaced": (lambda: palette_png(4, interlaced=True), palette_picture(4), 99),
    "WebP, lossy": (lambda: encode(PICTURE, "WEBP", quality=95), PICTURE, 26),
    "WebP, lossless": (lambda: encode(PICTURE, "WEBP", lossless=True), PICTURE, 99),
    "AVIF": (lambda: encode(PICTURE, "AVIF", quality=95, subsampling="4:4:4"), PICTURE, 36),
    "AVIF, gray": (lambda: encode(GRAY, "AVIF", quality=95, subsampling="4:0:0"), GRAY, 40),
    "BMP": (lambda: encode(PICTURE, "BMP"), PICTURE, 99),
    "BMP, palette": (lambda: encode(GRAY, "BMP"), GRAY, 99),
    **{f"TIFF, {c}": (tiff_by(c), PICTURE, 99) for c in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate")},
    "TIFF, in strips": (tiff_by("tiff_lzw", strip_size=200), PICTURE, 99),
    "TIFF, JPEG": (tiff_by("jpeg", quality=97), PICTURE, 28),
    "TIFF, fax": (tiff_by("group4", GRAY.convert("1", dither=Image.Dither.NONE)), with_steps(GRAY, 1), 99),
    "TIFF, gray of 12 bits": (lambda: tiff(rows_of(GRAY, 12), bits=12, photometric=1), GRAY, 99),
    **{
        f"TIFF, {name}, {'big' if order == '>' else 'little'}-endian": (
            partial(
                tiff,
                rows_of(picture, bits),
                bits=bits,
                photometric=photometric,
                samples=len(picture.getbands()),
                planar=planar,
                order=order,
            ),
            picture,
            99,
        )
        for name, bits, photometric, picture, planar in (
            ("8 bits in planes", 8, 2, PICTURE, True),
            ("16 bits a color", 16, 2, PICTURE, False),
            ("16 bits in planes", 16, 2, PICTURE, True),
            ("16 bits of gray", 16, 1, GRAY, False),
        )
        for order in "<>"
    },
    **{
        f"TIFF, {bits} bits, white is zero": (
            partial(tiff, rows_of(ImageChops.invert(GRAY), bits), bits=bits, photometric=0),
            with_steps(GRAY, bits),
            99,
        )
        for bits in (1, 4, 8, 16)
    },
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_decoded_to_its_picture(name: str) -> None:
    make, picture, min_psnr = FILES[name]

    assert psnr(frame_of(make()), picture.convert("RGB")) >= min_psnr


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of pictures (../shared/corpus) is not here")
def test_a_jpeg_with_arithmetic_coding_is_the_same_picture() -> None:
    one, other = (
        normalize_image(CORPUS / "color" / f"libjpeg-turbo__{name}.jpg", size=(220, 140))
        for name in ("testimgari", "testimgint")
    )

    assert psnr(decoded(one), decoded(other)) > 35


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_large_profile_or_text_is_accepted(kind: bytes) -> None:
    # given a compressed chunk of more than a megabyte beside the pixels
    body = b"name" + bytes([0, 0]) + zlib.compress(bytes(1_500_000))

    ready = frame_of(png(rows_of(PICTURE, 8), bits=8, color_type=2, chunks=[(kind, body)]))

    assert psnr(ready, PICTURE) == 99


def test_the_helper_packs_samples_as_the_formats_do() -> None:
    assert pack([1, 0, 1, 1], 1) == b"\xb0"
    assert pack([0xABC, 0xDEF], 12) == b"\xab\xcd\xef"


# ---------------------------------------------------------------- transparency


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("interlaced", [False, True])
def test_alpha_of_every_depth_is_honored(interlaced: bool, bits: int) -> None:
    # given blue with a transparent left half
    top = (1 << bits) - 1
    row = [part * top // 255 for x in range(WIDTH) for part in (*BLUE, 255 * (x >= 32))]

    frame = frame_of(png([row] * HEIGHT, bits=bits, color_type=6, interlaced=interlaced), background=ORANGE)

    assert is_near(frame.getpixel((10, 18)), ORANGE, 1)
    assert is_near(frame.getpixel((50, 18)), BLUE, 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_transparent_palette_entries_show_the_background(bits: int) -> None:
    # given a palette whose first entry is transparent and whose last is blue
    last = (1 << bits) - 1
    palette = bytes((*GREEN, *(RED * (last - 1)), *BLUE))
    rows = [[0] * 32 + [last] * 32] * HEIGHT
    data = png(rows, bits=bits, color_type=3, chunks=[(b"PLTE", palette), (b"tRNS", b"\0")])

    frame = frame_of(data, background=ORANGE)

    assert is_near(frame.getpixel((10, 18)), ORANGE, 1)
    assert is_near(frame.getpixel((50, 18)), BLUE, 1)
