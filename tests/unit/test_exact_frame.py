"""A picture of any aspect ratio becomes exactly the requested frame, and each mode shows what it promises."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from sora_ready.domain.frame import Color, Format, Mode, Size
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.fitting import MAX_ASPECT_RATIO_FACTOR
from tests.unit.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    color_of,
    decoded,
    encode,
    heic,
    is_near,
    landscape,
    psnr,
    quarters,
)

MODES = list(Mode)
MAGENTA = Color(200, 0, 200)
ALL_FOUR = (RED, GREEN, BLUE, YELLOW)


# ---------------------------------------------------------------- exactly the frame


@settings(max_examples=90, deadline=None)
@given(
    source=st.builds(Size, st.integers(1, 300), st.integers(1, 300)),
    frame=st.builds(Size, st.integers(8, 120), st.integers(8, 120)),
    mode=st.sampled_from(MODES),
    kind=st.sampled_from(["PNG", "JPEG"]),
)
def test_every_aspect_ratio_becomes_exactly_the_frame(source: Size, frame: Size, mode: Mode, kind: str) -> None:
    ratio = (source.width * frame.height) / (source.height * frame.width)
    if not 1 / MAX_ASPECT_RATIO_FACTOR <= ratio <= MAX_ASPECT_RATIO_FACTOR:
        return
    ready = normalize_image(encode(Image.new("RGB", source, GREEN), kind), size=frame, mode=mode)

    assert ready.size == frame
    assert ready.source_size == source
    assert decoded(ready).size == frame


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [Size(1280, 720), Size(720, 1280), Size(1792, 1024), Size(1024, 1792)])
def test_the_frame_has_every_size_of_sora_exactly(size: Size, mode: Mode) -> None:
    ready = normalize_image(encode(landscape(1281, 723), "JPEG"), size=size, mode=mode)

    assert decoded(ready).size == size


@pytest.mark.parametrize("mode", MODES)
def test_a_single_pixel_becomes_a_frame(mode: Mode) -> None:
    frame = decoded(normalize_image(encode(Image.new("RGB", (1, 1), BLUE)), size=(64, 64), mode=mode))

    assert is_near(color_of(frame), BLUE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_a_frame_is_an_rgb_jpeg_at_full_color_resolution(kind: str) -> None:
    picture = landscape(200, 150)

    ready = normalize_image(heic(picture) if kind == "HEIF" else encode(picture, kind), size=(160, 90))

    assert (ready.content_type, ready.source_format) == ("image/jpeg", kind)
    with Image.open(io.BytesIO(ready.data)) as frame:
        assert isinstance(frame, JpegImagePlugin.JpegImageFile)
        assert frame.mode == "RGB"
        assert JpegImagePlugin.get_sampling(frame) == 0  # 4:4:4


def test_an_animation_becomes_its_first_picture() -> None:
    first, second = Image.new("RGB", (64, 36), RED), Image.new("RGB", (64, 36), BLUE)

    ready = normalize_image(encode(first, "GIF", save_all=True, append_images=[second]), size=(64, 36))

    assert is_near(color_of(decoded(ready)), RED)


@pytest.mark.parametrize("written", Format)
def test_a_frame_is_encoded_in_the_requested_format(written: Format) -> None:
    ready = normalize_image(encode(landscape(200, 150)), size=(160, 90), format=written)

    with Image.open(io.BytesIO(ready.data)) as frame:
        assert (str(frame.format), frame.mode, frame.size) == (written.upper(), "RGB", (160, 90))
    assert ready.content_type == f"image/{written}" == Image.MIME[written.upper()]


def test_a_png_and_a_webp_of_quality_100_keep_every_pixel() -> None:
    picture = Image.merge("RGB", [Image.effect_noise((160, 90), spread) for spread in (20, 60, 90)])

    frames = [
        decoded(normalize_image(encode(picture), size=(160, 90), format=written, quality=quality)).tobytes()
        for written, quality in (("png", 1), ("png", 95), ("webp", 100))
    ]

    assert frames == [picture.tobytes()] * 3


@pytest.mark.parametrize("written", ["jpeg", "webp"])
def test_quality_decides_what_a_frame_loses(written: str) -> None:
    picture = landscape(160, 90).convert("L").convert("RGB")

    poor, good = (
        normalize_image(encode(picture), size=(160, 90), format=written, quality=quality) for quality in (10, 99)
    )

    assert psnr(decoded(poor), picture) < psnr(decoded(good), picture) - 3
    assert psnr(decoded(good), picture) > 35
    assert len(poor.data) < len(good.data)


def test_a_picture_of_the_frames_size_keeps_its_pixels() -> None:
    picture = landscape(320, 180)

    assert psnr(decoded(normalize_image(encode(picture), size=(320, 180))), picture) > 40


def test_a_lower_quality_makes_a_smaller_file() -> None:
    picture = encode(Image.effect_noise((160, 90), 60))

    small, large = (normalize_image(picture, size=(160, 90), quality=quality) for quality in (40, 95))

    assert len(small.data) < len(large.data) / 2


def test_bytes_a_path_and_an_open_file_give_the_same_frame(tmp_path: Path) -> None:
    data = encode(landscape(200, 150))
    path = tmp_path / "picture.png"
    path.write_bytes(data)

    frames = [normalize_image(source, size=(64, 36)).data for source in (data, path, str(path), io.BytesIO(data))]

    assert frames == [frames[0]] * 4


def test_save_writes_the_encoded_frame(tmp_path: Path) -> None:
    ready = normalize_image(encode(landscape(200, 150)), size=(64, 36))

    ready.save(tmp_path / "ready.jpg")

    assert (tmp_path / "ready.jpg").read_bytes() == ready.data


@pytest.mark.parametrize(
    ("source", "frame"), [(Size(400, 300), Size(64, 36)), (Size(300, 400), Size(36, 64)), (Size(40, 41), Size(48, 48))]
)
def test_of_several_sizes_the_nearest_aspect_ratio_is_used(source: Size, frame: Size) -> None:
    several = [Size(64, 36), Size(36, 64), Size(48, 48)]

    ready = normalize_image(encode(Image.new("RGB", source)), size=several)

    assert ready.size == frame
    assert decoded(ready).size == frame


# ---------------------------------------------------------------- what each mode shows


def test_cover_crops_a_wide_picture_equally_at_left_and_right() -> None:
    picture = Image.new("RGB", (400, 100), RED)
    picture.paste(GREEN, (150, 0, 250, 100))

    frame = decoded(normalize_image(encode(picture), size=(100, 100), mode="cover"))

    assert is_near(color_of(frame), GREEN)


def test_cover_crops_a_tall_picture_equally_at_top_and_bottom() -> None:
    picture = Image.new("RGB", (100, 400), RED)
    picture.paste(GREEN, (0, 150, 100, 250))

    frame = decoded(normalize_image(encode(picture), size=(100, 100), mode="cover"))

    assert is_near(color_of(frame), GREEN)


def test_cover_crops_no_more_than_needed() -> None:
    # Of 400x300, a frame of 16:9 shows the central 225 rows: 37.5 rows are cropped at the top and at the bottom.
    picture = Image.new("RGB", (400, 300), RED)
    picture.paste(GREEN, (0, 38, 400, 262))

    frame = decoded(normalize_image(encode(picture), size=(320, 180), mode="cover"))

    assert is_near(color_of(frame, (0, 2, 320, 178)), GREEN)
    tighter = Image.new("RGB", (400, 300), RED)
    tighter.paste(GREEN, (0, 45, 400, 255))
    edged = decoded(normalize_image(encode(tighter), size=(320, 180), mode="cover"))
    assert is_near(color_of(edged, (0, 0, 320, 3)), RED, 20)
    assert is_near(color_of(edged, (0, 177, 320, 180)), RED, 20)


def test_pad_adds_bars_left_and_right_of_a_tall_picture() -> None:
    picture = Image.new("RGB", (100, 100), GREEN)

    frame = decoded(normalize_image(encode(picture), size=(160, 90), mode="pad", background=MAGENTA))

    assert is_near(color_of(frame, (0, 0, 34, 90)), MAGENTA)
    assert is_near(color_of(frame, (36, 0, 124, 90)), GREEN)
    assert is_near(color_of(frame, (126, 0, 160, 90)), MAGENTA)


def test_pad_adds_bars_above_and_below_a_wide_picture() -> None:
    picture = Image.new("RGB", (200, 50), GREEN)

    frame = decoded(normalize_image(encode(picture), size=(160, 90), mode="pad", background=MAGENTA))

    assert is_near(color_of(frame, (0, 0, 160, 24)), MAGENTA)
    assert is_near(color_of(frame, (0, 26, 160, 64)), GREEN)
    assert is_near(color_of(frame, (0, 66, 160, 90)), MAGENTA)


def test_pad_shows_the_whole_picture() -> None:
    frame = decoded(normalize_image(encode(quarters(90, 90)), size=(160, 90), mode="pad"))

    corners = [(37, 2), (122, 2), (37, 87), (122, 87)]
    assert [is_near(frame.getpixel(corner), color) for corner, color in zip(corners, ALL_FOUR, strict=True)] == [
        True
    ] * 4


def test_the_background_is_black_by_default() -> None:
    frame = decoded(normalize_image(encode(Image.new("RGB", (90, 90), GREEN)), size=(160, 90), mode="pad"))

    assert is_near(color_of(frame, (0, 0, 34, 90)), (0, 0, 0))


@pytest.mark.parametrize("source", [(1281, 720), (1280, 721), (1279, 720), (1280, 719), (2561, 1440)])
def test_pad_adds_no_thin_bar_to_a_picture_that_nearly_fits(source: tuple[int, int]) -> None:
    picture = Image.new("RGB", source, GREEN)

    frame = decoded(normalize_image(encode(picture, "BMP"), size=(1280, 720), mode="pad", background=MAGENTA))

    edges = [(0, 0, 1280, 1), (0, 719, 1280, 720), (0, 0, 1, 720), (1279, 0, 1280, 720)]
    assert [is_near(color_of(frame, edge), GREEN) for edge in edges] == [True] * 4


def test_pad_adds_bars_to_a_picture_that_is_two_percent_wider() -> None:
    picture = Image.new("RGB", (1306, 720), GREEN)

    frame = decoded(normalize_image(encode(picture, "BMP"), size=(1280, 720), mode="pad", background=MAGENTA))

    assert is_near(color_of(frame, (0, 0, 1280, 5)), MAGENTA)
    assert is_near(color_of(frame, (0, 715, 1280, 720)), MAGENTA)


@pytest.mark.parametrize("source", [(300, 100), (100, 300), (160, 90)])
def test_stretch_keeps_every_corner(source: tuple[int, int]) -> None:
    frame = decoded(normalize_image(encode(quarters(*source)), size=(160, 90), mode="stretch"))

    regions = [(0, 0, 78, 43), (82, 0, 160, 43), (0, 47, 78, 90), (82, 47, 160, 90)]
    assert [is_near(color_of(frame, region), color) for region, color in zip(regions, ALL_FOUR, strict=True)] == [
        True
    ] * 4
