"""Any picture with any options becomes exactly the frame, or is rejected with a code."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import BLACK, CENTER, WHOLE, Color, Crop, Focus, Format, Mode, Size
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.fitting import MAX_ASPECT_RATIO_FACTOR
from tests.unit.pictures import encode

# The modes that each format can store.
STORED = {
    "PNG": ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "TIFF": ["1", "L", "LA", "RGB", "RGBA", "P", "I;16", "CMYK", "F", "LAB"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["P", "L"],
    "BMP": ["1", "L", "RGB", "P"],
}
# The only codes for valid pictures.
REJECTION_CODES = {"crop_too_small", "shape_too_extreme", "blank"}
TOLERANCE = 1e-6

fractions = st.floats(0, 1)
sides = st.one_of(st.integers(1, 12), st.integers(1, 400))
colors = st.builds(Color, *[st.integers(0, 255)] * 3)
edges = st.lists(fractions, min_size=2, max_size=2, unique=True).map(sorted)
crops = st.builds(lambda across, down: Crop(across[0], down[0], across[1], down[1]), edges, edges)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[bytes, Size]:
    """An encoded picture and its upright size."""
    kind = draw(st.sampled_from(sorted(STORED)))
    mode = draw(st.sampled_from(STORED[kind]))
    stored = Size(draw(sides), draw(sides))
    picture = gradient(mode, stored, draw(st.integers(0, 3)))
    save_options: dict[str, Any] = {}
    upright = stored
    if kind in {"PNG", "JPEG", "WEBP", "TIFF"}:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation = draw(st.integers(1, 8))
        save_options["exif"] = exif
        upright = Size(*stored[::-1]) if orientation >= 5 else stored
    return encode(picture, kind, **save_options), upright


def gradient(mode: str, size: Size, steepness: int) -> Image.Image:
    """A gradient in any mode; with steepness 0, one color or completely transparent."""
    gray = Image.linear_gradient("L").resize(size).point([value * steepness // 3 for value in range(256)])
    if mode in {"RGBA", "LA"}:
        picture = gray.convert(mode)
        picture.putalpha(gray)
        return picture
    if mode == "I;16":
        return gray.convert("I").point(lambda value: value * 257).convert("I;16")
    return Image.merge("LAB", [gray] * 3) if mode == "LAB" else gray.convert(mode)


frame_options = st.fixed_dictionaries(
    {
        "size": st.builds(Size, st.integers(8, 96), st.integers(8, 96)),
        "mode": st.sampled_from(list(Mode)),
        "focus": st.one_of(st.just("auto"), st.just(CENTER), st.builds(Focus, fractions, fractions)),
        "crop": st.one_of(st.just(WHOLE), crops),
        "background": st.one_of(st.just("auto"), st.just(BLACK), colors),
        "format": st.sampled_from(list(Format)),
        "quality": st.integers(1, 100),
    }
)


@settings(max_examples=500, deadline=None)
@given(picture=pictures(), options=frame_options)
def test_any_picture_with_any_options_becomes_the_frame_or_is_rejected(
    picture: tuple[bytes, Size], options: dict[str, Any]
) -> None:
    data, upright = picture

    try:
        ready = normalize_image(data, **options)
    except ImageRejected as rejection:
        assert rejection.code in REJECTION_CODES  # noqa: PT017
        return

    with Image.open(io.BytesIO(ready.data)) as frame:
        frame.load()
    assert (frame.size, frame.mode, ready.size) == (options["size"], "RGB", options["size"])
    assert Image.MIME[str(frame.format)] == ready.content_type == options["format"].content_type
    assert ready.source_size == upright
    assert ready.mode in {Mode.COVER, Mode.PAD, Mode.BLUR, Mode.STRETCH}
    assert all(0 <= value <= 255 for value in ready.background)
    left, top, right, bottom = ready.region
    crop = options["crop"]
    assert crop.left - TOLERANCE <= left < right <= crop.right + TOLERANCE
    assert crop.top - TOLERANCE <= top < bottom <= crop.bottom + TOLERANCE
    assert min(ready.region) >= -TOLERANCE
    assert max(ready.region) <= 1 + TOLERANCE
    if ready.mode is not Mode.COVER:
        assert tuple(ready.region) == pytest.approx(tuple(crop), abs=1e-8)
    elif options["focus"] != "auto":
        x, y = (crop[i] + options["focus"][i] * (crop[i + 2] - crop[i]) for i in (0, 1))
        assert left - TOLERANCE <= x <= right + TOLERANCE
        assert top - TOLERANCE <= y <= bottom + TOLERANCE


@settings(max_examples=100, deadline=None)
@given(source=st.builds(Size, sides, sides), options=frame_options)
def test_only_slivers_are_rejected(source: Size, options: dict[str, Any]) -> None:
    crop, frame = options["crop"], options["size"]
    width, height = source.width * (crop.right - crop.left), source.height * (crop.bottom - crop.top)
    ratio = (max(1, round(width)) * frame.height) / (max(1, round(height)) * frame.width)

    code = outcome(encode(Image.new("RGB", source)), options)

    if abs(min(width, height) - 1) > 1e-3:
        assert (code == "crop_too_small") == (min(width, height) < 1)
    if code != "crop_too_small":
        assert (code == "frame") == (1 / MAX_ASPECT_RATIO_FACTOR <= ratio <= MAX_ASPECT_RATIO_FACTOR)
        assert code in {"frame", "shape_too_extreme"}


def outcome(data: bytes, options: dict[str, Any]) -> str:
    try:
        normalize_image(data, **options)
    except ImageRejected as rejection:
        return rejection.code
    return "frame"
