"""The fine filter makes the same of a picture with the processor's vector instructions as without them."""

from __future__ import annotations

import math

import pytest
from PIL import Image, ImageChops, ImageStat

from sora_ready.domain.frame import Size
from sora_ready.domain.imaging import resizing
from sora_ready.domain.imaging.normalize import normalize_image
from sora_ready.domain.imaging.resizing import load_simd_resizer, resize_finely

vectors_only = pytest.mark.skipif(
    load_simd_resizer() is None, reason="no build of the vector filter for this processor"
)


@pytest.fixture
def without_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "load_simd_resizer", lambda: None)


def noise(mode: str) -> Image.Image:
    channels = [Image.effect_noise((300, 200), 40 + 9 * number) for number in range(len(mode))]
    return Image.merge(mode, channels)


def exact(picture: Image.Image, size: Size, box: tuple[float, ...]) -> Image.Image:
    """Lanczos' filter in floating point, rounded once."""
    channels = [
        channel.convert("F").resize(size, Image.Resampling.LANCZOS, box=box).point(lambda value: value * 1 + 0.5)
        for channel in picture.split()
    ]
    return Image.merge(picture.mode, [channel.convert("L") for channel in channels])


def distance(one: Image.Image, other: Image.Image) -> float:
    """The root mean square of what the samples differ by, over all channels."""
    channels = zip(one.split(), other.split(), strict=True)
    means = [ImageStat.Stat(ImageChops.difference(mine, theirs)).sum2[0] for mine, theirs in channels]
    return math.sqrt(sum(means) / (one.width * one.height * len(means)))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("box", [(0, 0, 300, 200), (10.3, 20.7, 280.1, 155.5), (0, 150.25, 300, 200)])
@pytest.mark.parametrize("size", [Size(160, 90), Size(64, 1), Size(1, 64), Size(400, 300)])
@pytest.mark.parametrize("filtered", ["with simd_resize", "without"])
def test_the_filter_is_lanczos(
    monkeypatch: pytest.MonkeyPatch, filtered: str, mode: str, box: tuple[float, ...], size: Size
) -> None:
    if filtered == "without":
        monkeypatch.setattr(resizing, "load_simd_resizer", lambda: None)
    elif load_simd_resizer() is None:
        pytest.skip("no build of the vector filter for this processor")
    picture = noise(mode)

    made = resize_finely(picture, size, box)  # type: ignore[arg-type]

    assert (made.mode, made.size) == (mode, size)
    assert distance(made, exact(picture, size, box)) < 1


@vectors_only
def test_a_box_that_ends_a_hair_beyond_the_picture_is_the_picture() -> None:
    picture = noise("RGB")
    whole = resize_finely(picture, Size(32, 18), (0, 0, 300, 200))
    assert resize_finely(picture, Size(32, 18), (0, 0, 300.0000001, 200.0000001)).tobytes() == whole.tobytes()


def test_a_mode_that_only_pillow_knows_is_filtered_by_it() -> None:
    assert resize_finely(Image.new("LAB", (300, 200)), Size(64, 36), (0, 0, 300, 200)).mode == "LAB"


@pytest.mark.usefixtures("without_vectors")
@pytest.mark.parametrize("mode", ["cover", "pad", "blur", "stretch"])
def test_every_mode_makes_its_frame_without_vectors(tmp_path: object, mode: str) -> None:
    path = f"{tmp_path}/picture.png"
    noise("RGB").save(path)
    assert normalize_image(path, size=(64, 36), mode=mode).size == (64, 36)
