"""Every kind of file that people have becomes the picture that it holds: the right pixels, in the right place."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sora_ready.domain.frame import Colour
from sora_ready.domain.imaging import normalize_image
from tests.unit.files_by_hand import pack, png, tiff
from tests.unit.pictures import BLUE, GREEN, RED, YELLOW, colour_of, encode, is_near, landscape, psnr, shown

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
WIDTH, HEIGHT = SIZE = (64, 36)
ORANGE = Colour(250, 140, 20)
# Every shade there is from left to right, and every place of its own colour.
PICTURE = landscape(*SIZE)
GREY = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(SIZE)


def frame_of(data: bytes, **options: Any) -> Image.Image:
    return shown(normalize_image(data, size=SIZE, format="png", **options))


def rows_of(picture: Image.Image, bits: int) -> list[list[int]]:
    """A picture's samples, in this many bits."""
    top = (1 << bits) - 1
    line = [round(value * top / 255) for value in picture.tobytes()]
    length = len(line) // picture.height
    return [line[start : start + length] for start in range(0, len(line), length)]


def with_steps(picture: Image.Image, bits: int) -> Image.Image:
    """A picture of the few shades that this many bits hold."""
    top = (1 << bits) - 1
    return picture.point(
        [round(round(value * top / 255) * 255 / top) for value in range(256)] * len(picture.getbands())
    )


def palette_png(bits: int, *, interlaced: bool = False) -> bytes:
    colours = [value * 255 // ((1 << bits) - 1) for value in range(1 << bits)]
    palette = bytes(part for value in colours for part in (value, 255 - value, 128))
    return png(rows_of(GREY, bits), bits=bits, colour_type=3, chunks=[(b"PLTE", palette)], interlaced=interlaced)


def palette_picture(bits: int) -> Image.Image:
    few = with_steps(GREY, bits)
    return Image.merge("RGB", (few, few.point(lambda value: 255 - value), Image.new("L", SIZE, 128)))


def jpeg(picture: Image.Image = PICTURE, **options: Any) -> Callable[[], bytes]:
    return lambda: encode(picture, "JPEG", **({"quality": 97, "subsampling": "4:4:4"} | options))


def tiff_by(compression: str, picture: Image.Image = PICTURE, **options: Any) -> Callable[[], bytes]:
    return lambda: encode(picture, "TIFF", compression=compression, **options)


# Each: how the file is made, what it shows, and how near (in dB) it must come; 99 is exactly.
FILES: dict[str, tuple[Callable[[], bytes], Image.Image, float]] = {
    "JPEG, baseline": (jpeg(), PICTURE, 38),
    "JPEG, colours at a quarter": (jpeg(subsampling="4:2:0"), PICTURE, 26),
    "JPEG, progressive": (jpeg(progressive=True), PICTURE, 38),
    "JPEG, grey": (jpeg(GREY), GREY, 45),
    "JPEG, with restarts": (jpeg(restart_marker_blocks=1), PICTURE, 38),
    "JPEG, stored as RGB": (jpeg(keep_rgb=True), PICTURE, 38),
    "PNG, interlaced": (lambda: png(rows_of(PICTURE, 8), bits=8, colour_type=2, interlaced=True), PICTURE, 99),
    "PNG, 16 bits a colour": (lambda: png(rows_of(PICTURE, 16), bits=16, colour_type=2), PICTURE, 99),
    "PNG, 16 bits, interlaced": (lambda: png(rows_of(GREY, 16), bits=16, colour_type=0, interlaced=True), GREY, 99),
    **{
        f"PNG, grey of {bits} bits": (
            lambda bits=bits: png(rows_of(GREY, bits), bits=bits, colour_type=0),
            with_steps(GREY, bits),
            99,
        )
        for bits in (1, 2, 4, 8)
    },
    **{f"PNG, palette of {b} bits": (lambda b=b: palette_png(b), palette_picture(b), 99) for b in (1, 2, 4, 8)},
    "PNG, palette, interlaced": (lambda: palette_png(4, interlaced=True), palette_picture(4), 99),
    "WebP, lossy": (lambda: encode(PICTURE, "WEBP", quality=95), PICTURE, 26),
    "WebP, lossless": (lambda: encode(PICTURE, "WEBP", lossless=True), PICTURE, 99),
    "AVIF": (lambda: encode(PICTURE, "AVIF", quality=95, subsampling="4:4:4"), PICTURE, 36),
    "AVIF, grey": (lambda: encode(GREY, "AVIF", quality=95, subsampling="4:0:0"), GREY, 40),
    "BMP": (lambda: encode(PICTURE, "BMP"), PICTURE, 99),
    "BMP, palette": (lambda: encode(GREY, "BMP"), GREY, 99),
    **{f"TIFF, {c}": (tiff_by(c), PICTURE, 99) for c in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate")},
    "TIFF, in strips": (tiff_by("tiff_lzw", strip_size=200), PICTURE, 99),
    "TIFF, as a JPEG": (tiff_by("jpeg", quality=97), PICTURE, 28),
    "TIFF, fax": (tiff_by("group4", GREY.convert("1", dither=0)), with_steps(GREY, 1), 99),
    "TIFF, grey of 12 bits": (lambda: tiff(rows_of(GREY, 12), bits=12, photometric=1), GREY, 99),
    **{
        f"TIFF, {name}, {'big' if order == '>' else 'little'} end first": (
            lambda bits=bits, photometric=photometric, picture=picture, planar=planar, order=order: tiff(
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
            ("colours in planes", 8, 2, PICTURE, True),
            ("16 bits a colour", 16, 2, PICTURE, False),
            ("16 bits in planes", 16, 2, PICTURE, True),
            ("16 bits of grey", 16, 1, GREY, False),
        )
        for order in "<>"
    },
    **{
        f"TIFF, {bits} bits, white first": (
            lambda bits=bits: tiff(rows_of(GREY.point(lambda value: 255 - value), bits), bits=bits, photometric=0),
            with_steps(GREY, bits),
            99,
        )
        for bits in (1, 4, 8, 16)
    },
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_the_picture_that_it_holds(name: str) -> None:
    make, picture, near = FILES[name]

    assert psnr(frame_of(make()), picture.convert("RGB")) >= near


@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bits_in_a_box_of_sixteen_are_not_black(order: str) -> None:
    # given a scanner's file: its samples fill 12 bits, the file speaks of 16
    ready = frame_of(tiff(rows_of(GREY, 12), bits=16, photometric=1, order=order))

    assert psnr(ready, GREY.convert("RGB")) == 99


def test_a_picture_of_large_numbers_keeps_its_scale() -> None:
    # given a dim picture that uses more than 12 bits: a quarter as bright as white
    ready = frame_of(tiff([[value // 4 for value in row] for row in rows_of(GREY, 16)], bits=16, photometric=1))

    assert psnr(ready, GREY.point(lambda value: value / 4).convert("RGB")) > 50


def test_deep_grey_is_scaled_alike_in_all_its_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    # given so little memory that a picture is worked on a row at a time, and brightest in its last row
    monkeypatch.setattr("sora_ready.domain.colour._BAND_PIXELS", WIDTH)
    rows = [*rows_of(GREY.point(lambda value: value / 32), 16)[:-1], [65_535] * WIDTH]

    frame = frame_of(tiff(rows, bits=16, photometric=1, order=">"))

    assert is_near(frame.getpixel((32, 10)), (4, 4, 4), 1)
    assert frame.getpixel((32, 35)) == (255, 255, 255)


# ---------------------------------------------------------------- transparency and layers


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("interlaced", [False, True])
def test_alpha_is_heeded_at_every_depth(interlaced: bool, bits: int) -> None:
    # given blue whose left half is clear
    top = (1 << bits) - 1
    row = [part * top // 255 for x in range(WIDTH) for part in (*BLUE, 255 * (x >= 32))]

    frame = frame_of(png([row] * HEIGHT, bits=bits, colour_type=6, interlaced=interlaced), background=ORANGE)

    assert is_near(frame.getpixel((10, 18)), ORANGE, 1)
    assert is_near(frame.getpixel((50, 18)), BLUE, 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palettes_clear_entries_show_the_background(bits: int) -> None:
    # given a palette whose first entry is clear, and whose last is blue
    last = (1 << bits) - 1
    palette = bytes((*GREEN, *(RED * (last - 1)), *BLUE))
    rows = [[0] * 32 + [last] * 32] * HEIGHT
    data = png(rows, bits=bits, colour_type=3, chunks=[(b"PLTE", palette), (b"tRNS", b"\0")])

    frame = frame_of(data, background=ORANGE)

    assert is_near(frame.getpixel((10, 18)), ORANGE, 1)
    assert is_near(frame.getpixel((50, 18)), BLUE, 1)


def gif_with_offset() -> bytes:
    """A GIF of 64x36 whose first picture is a blue square of 20x20 at 30, 8, and which is clear elsewhere."""
    small = Image.new("P", (20, 20), 1)
    small.putpalette([*GREEN, *BLUE])
    small.putpixel((0, 0), 0)
    data = bytearray(encode(small, "GIF", transparency=0))
    place = data.index(b",", data.index(b"\x21\xf9"))
    data[6:10] = struct.pack("<2H", *SIZE)
    data[place + 1 : place + 5] = struct.pack("<2H", 30, 8)
    return bytes(data)


def test_a_gifs_first_picture_lies_where_the_file_puts_it() -> None:
    ready = normalize_image(gif_with_offset(), size=SIZE, background=ORANGE, format="png")

    assert ready.source_size == SIZE
    assert is_near(shown(ready).getpixel((40, 18)), BLUE, 1)
    assert [is_near(shown(ready).getpixel(place), ORANGE, 1) for place in ((5, 5), (28, 18), (40, 30))] == [True] * 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_of_several_pictures_the_first_is_taken(kind: str) -> None:
    first, *others = (Image.new("RGB", SIZE, colour) for colour in (YELLOW, RED, BLUE))

    frame = frame_of(encode(first, kind, save_all=True, append_images=others))

    assert is_near(colour_of(frame), YELLOW, 3)


def test_an_animations_still_picture_is_its_first() -> None:
    # given an APNG whose still picture, for those that cannot move, is not part of what moves
    still, *others = (Image.new("RGB", SIZE, colour) for colour in (GREEN, RED, BLUE))

    frame = frame_of(encode(still, "PNG", save_all=True, append_images=others, default_image=True))

    assert is_near(colour_of(frame), GREEN, 1)


def test_a_phones_pair_of_pictures_is_read_as_its_first() -> None:
    # given what phones write: a JPEG with a second one (a depth or brightness map) behind it
    data = encode(PICTURE, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 18))], quality=97)
    assert b"MPF" in data

    ready = normalize_image(data, size=SIZE, format="png")

    assert psnr(shown(ready), PICTURE) > 26


# ---------------------------------------------------------------- from elsewhere


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of foreign pictures (../shared/corpus) is not here")
def test_a_jpeg_of_arithmetic_code_is_the_same_picture() -> None:
    one, other = (
        normalize_image(CORPUS / "color" / f"libjpeg-turbo__{name}.jpg", size=(220, 140))
        for name in ("testimgari", "testimgint")
    )

    assert psnr(shown(one), shown(other)) > 35


def test_what_holds_no_number_for_white_is_taken_by_its_brightest() -> None:
    # given numbers beyond any usual range, such as a measurement's
    picture = Image.new("I", SIZE, 100_000)
    picture.paste(200_000, (32, 0, 64, 36))
    out = io.BytesIO()
    picture.save(out, "TIFF")

    frame = frame_of(out.getvalue())

    assert is_near(frame.getpixel((10, 18)), (128, 128, 128), 1)
    assert is_near(frame.getpixel((50, 18)), (255, 255, 255), 1)


def test_the_helpers_pack_as_the_formats_do() -> None:
    assert pack([1, 0, 1, 1], 1) == b"\xb0"
    assert pack([0xABC, 0xDEF], 12) == b"\xab\xcd\xef"


# ---------------------------------------------------------------- what is beside the pixels, and above their white


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_large_profile_or_text_is_no_fault_of_the_picture(kind: bytes) -> None:
    # given more than a megabyte beside the pixels, packed
    body = b"name" + bytes([0, 0]) + zlib.compress(bytes(1_500_000))

    ready = frame_of(png(rows_of(PICTURE, 8), bits=8, colour_type=2, chunks=[(kind, body)]))

    assert psnr(ready, PICTURE) == 99


def test_a_dark_deep_png_is_not_brightened() -> None:
    # given a night shot: its brightest sample is a third of a percent of white
    ready = frame_of(png([[200] * WIDTH] * HEIGHT, bits=16, colour_type=0))

    assert max(high for _, high in ready.getextrema()) <= 1


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_fractions_a_little_above_white_do_not_turn_the_picture_black(white: float) -> None:
    # given what a filter leaves: numbers somewhat above the usual white
    picture = Image.new("F", (WIDTH, HEIGHT))
    picture.putdata([white * 1.02 * (number % WIDTH) / (WIDTH - 1) for number in range(WIDTH * HEIGHT)])

    assert frame_of(encode(picture, "TIFF")).getextrema()[0] == (0, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_planes_of_sixteen_bits_are_turned_upright(orientation: int) -> None:
    # given the same samples in planes, and together
    tag = [(274, 3, 1, struct.pack("<HH", orientation, 0))]
    planes, together = (
        tiff(rows_of(PICTURE, 16), bits=16, photometric=2, samples=3, planar=planar, tags=tag)
        for planar in (True, False)
    )

    # together they are cut to their high bytes, as in planes, but may be rounded
    assert psnr(frame_of(planes), frame_of(together)) > 60
