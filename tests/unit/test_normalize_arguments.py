"""A wrong argument of `normalize_image` is a `ValueError` or `TypeError`, not a rejection of the picture."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from sora_ready.domain.frame import Crop, FrameOptions, Size
from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import encode

PICTURE = encode(Image.new("RGB", (64, 36), (200, 30, 30)))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("size", (0, 5)),
        ("size", (64, 99_999)),
        ("size", []),
        ("quality", 0),
        ("quality", 500),
        ("crop", (0.9, 0, 0.1, 1)),
        ("crop", Crop(-1, 0.2, 2, 0.9)),
        ("focus", (0.5, 1.5)),
        ("background", (0, 0, 256)),
        ("mode", "zoom"),
        ("format", "gif"),
    ],
)
def test_an_argument_out_of_range_is_a_value_error(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"zoom|gif" if argument in {"mode", "format"} else argument):
        normalize_image(PICTURE, **{"size": Size(64, 36), argument: value})


def test_an_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="zoom"):
        normalize_image(PICTURE, size=(64, 36), zoom="red")  # type: ignore[call-arg]  # what is tested


def test_frame_options_check_themselves() -> None:
    with pytest.raises(ValueError, match="quality"):
        FrameOptions(quality=101)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_of_any_type_are_read(kind: Any) -> None:
    assert normalize_image(kind(PICTURE), size=(64, 36), crop=(0.0, 0.0, 0.5, 1.0)).size == (64, 36)
