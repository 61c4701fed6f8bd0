"""The Lanczos filter has the same result with SIMD instructions and without."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from sora_ready.domain.frame import Size
from sora_ready.domain.imaging import normalize_image, resizing
from sora_ready.domain.imaging.geometry import Box
from sora_ready.domain.imaging.resizing import load_simd_resizer, resize_lanczos

simd_only = pytest.mark.skipif(load_simd_resizer() is None, reason="no SIMD build for this processor")


@pytest.fixture
def without_simd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "load_simd_resizer", lambda: None)


def noise(mode: str) -> Image.Image:
    channels = [Image.effect_noise((300, 200), 40 + 9 * number) for number in range(len(mode))]
    return Image.merge(mode, channels)


def exact(picture: Image.Image, size: Size, box: Box) -> Image.Image:
    """A Lanczos filter in floating point, rounded once."""
    channels = [
        channel.convert("F").resize(size, Image.Resampling.LANCZOS, box=box).point(lambda value: value * 1 + 0.5)
        for channel in picture.split()
    ]
    return Image.merge(picture.mode, [channel.convert("L") for channel in channels])


def distance(one: Image.Image, other: Image.Image) -> float:
    """The root mean square difference of all samples."""
    channels = zip(one.split(), other.split(), strict=True)
    squares = [ImageStat.Stat(ImageChops.difference(mine, theirs)).sum2[0] for mine, theirs in channels]
    return math.sqrt(sum(squares) / (one.width * one.height * len(squares)))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("box", [(0, 0, 300, 200), (10.3, 20.7, 280.1, 155.5), (0, 150.25, 300, 200)])
@pytest.mark.parametrize("size", [Size(160, 90), Size(64, 1), Size(1, 64), Size(400, 300)])
@pytest.mark.parametrize("filtered", ["with SIMD", "without"])
def test_the_filter_is_lanczos(monkeypatch: pytest.MonkeyPatch, filtered: str, mode: str, box: Box, size: Size) -> None:
    if filtered == "without":
        monkeypatch.setattr(resizing, "load_simd_resizer", lambda: None)
    elif load_simd_resizer() is None:
        pytest.skip("no SIMD build for this processor")
    picture = noise(mode)

    resized = resize_lanczos(picture, size, box)

    assert (resized.mode, resized.size) == (mode, size)
    assert distance(resized, exact(picture, size, box)) < 1


@simd_only
def test_a_box_that_exceeds_the_picture_by_a_rounding_error_is_clipped() -> None:
    picture = noise("RGB")
    whole = resize_lanczos(picture, Size(32, 18), (0, 0, 300, 200))
    assert resize_lanczos(picture, Size(32, 18), (0, 0, 300.0000001, 200.0000001)).tobytes() == whole.tobytes()


def test_pillow_filters_the_modes_that_only_it_supports() -> None:
    assert resize_lanczos(Image.new("LAB", (300, 200)), Size(64, 36), (0, 0, 300, 200)).mode == "LAB"


@pytest.mark.usefixtures("without_simd")
@pytest.mark.parametrize("mode", ["cover", "pad", "blur", "stretch"])
def test_every_mode_works_without_simd(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "picture.png"
    noise("RGB").save(path)
    assert normalize_image(path, size=(64, 36), mode=mode).size == (64, 36)
