"""The fine filter on two threads makes what one makes, and half a frame is never passed on."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from sora_ready.domain import resizing
from sora_ready.domain.frame import Size
from sora_ready.domain.resizing import resize_finely


@pytest.mark.parametrize("box", [(0, 0, 900, 700), (10.3, 20.7, 880.1, 655.5), (0, 350, 900, 700)])
@pytest.mark.parametrize("size", [Size(320, 181), Size(64, 2), Size(597, 231), Size(850, 650), Size(1200, 901)])
def test_two_halves_are_the_whole(box: tuple[float, ...], size: Size) -> None:
    # given a picture of fine grain, large enough for a second thread
    picture = Image.effect_noise((900, 700), 90).convert("RGB")

    both = resize_finely(picture, size, box)

    alone = picture.resize(size, Image.Resampling.LANCZOS, box=box)
    assert max(high for _, high in ImageChops.difference(both, alone).getextrema()) <= 1


@pytest.mark.parametrize("half", ["upper", "lower"])
def test_a_half_that_fails_fails_the_whole(monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    # given a picture one half of which cannot be filtered
    picture = Image.new("RGB", (900, 700))
    real = Image.Image.resize

    def fail(self: Image.Image, size: tuple[int, int], resample: int, box: tuple[float, ...]) -> Image.Image:
        if (box[1] == 0) == (half == "upper"):
            raise MemoryError("no room for this half")
        return real(self, size, resample, box)

    monkeypatch.setattr(Image.Image, "resize", fail)

    with pytest.raises(MemoryError):
        resize_finely(picture, Size(64, 36), (0, 0, 900, 700))


def test_a_small_picture_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "Thread", None)

    assert resize_finely(Image.new("L", (300, 200)), Size(64, 36), (0, 0, 300, 200)).size == (64, 36)
