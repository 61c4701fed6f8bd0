"""Every option's values can be written into a tag, and a value that is written out parses back to itself.

S3 accepts letters, digits, spaces and + - = . _ : / @ in a tag's value, up to 256 characters.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.frame import DECIMALS, MAX_SIDE, WHOLE, Color, Crop, Focus, Format, Mode, Size
from sora_ready.domain.options import OPTIONS, PRESETS, Option
from sora_ready.domain.request import apply_preset, merge_options, parse_request

CATALOG = load_catalog()
DEFAULTS = {"size": "auto", "model": "sora-2", "seconds": "4", "prompt": "gentle motion"}

SPELLINGS: dict[str, list[str]] = {
    "size": [
        *["auto", "1280x720", "1280X720", "landscape_720p", "portrait_720p", "720p", "landscape", "portrait"],
        *["youtube", "tiktok", "reels", "shorts"],
    ],
    "mode": ["cover", "pad", "blur", "stretch", "auto"],
    "focus": [
        *["center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right", "auto"],
        *["0.5 0.3", "0.5:0.3", "0.5/0.3", "0 1"],
    ],
    "crop": ["0.1 0 0.9 1", "0.1:0:0.9:1", "0.1/0/0.9/1", "whole", "none"],
    "background": ["black", "white", "336699", "AABBCC", "auto"],
    "format": ["jpeg", "jpg", "png", "webp"],
    "quality": ["1", "95", "100"],
    "preset": ["portrait", "landscape", "product", "art", "screenshot"],
    "model": ["sora-2", "sora-2-pro"],
    "seconds": ["4", "8", "12", "16", "20"],
    "prompt": ["The waves roll in: slow + calm"],
}

sides = st.integers(1, MAX_SIDE)
channels = st.integers(0, 255)
fractions = st.integers(0, 10**DECIMALS).map(lambda parts: parts / 10**DECIMALS)
edges = st.lists(fractions, min_size=2, max_size=2, unique=True).map(sorted)


def fits_a_tag(value: str) -> bool:
    return len(value) <= 256 and re.fullmatch(r"[\w +\-=.:/@]*", value) is not None


def test_every_option_has_spellings_below() -> None:
    assert set(SPELLINGS) == set(OPTIONS)
    assert set(SPELLINGS["mode"]) == set(map(str, Mode))
    assert set(SPELLINGS["format"]) == {*map(str, Format), "jpg"}
    assert set(SPELLINGS["preset"]) == set(PRESETS)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in SPELLINGS.items() for value in values])
def test_each_value_fits_a_tag_and_is_parsed_from_it(name: str, value: str) -> None:
    assert fits_a_tag(value)
    parse_request(apply_preset(merge_options([("tag", {name: value}), ("default", DEFAULTS)])), CATALOG)


@pytest.mark.parametrize("value", ["0.1,0,0.9,1", "#336699", '{"x": 0.5}', "1280×720 (HD)"])
def test_a_value_that_a_tag_cannot_hold_is_recognized(value: str) -> None:
    assert not fits_a_tag(value)


@pytest.mark.parametrize("preset", PRESETS)
def test_each_option_of_a_preset_fits_a_tag(preset: str) -> None:
    assert all(fits_a_tag(value) for value in PRESETS[preset].values())


# ---------------------------------------------------------------- written out and parsed back


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Size(1280, 720), "1280x720"),
        (Color(0x33, 0x66, 0x99), "336699"),
        (Color(0, 10, 255), "000aff"),
        (Focus(0.5, 0.3), "0.5 0.3"),
        (Focus(0.0, 1.0), "0 1"),
        (Focus(-0.0, 1e-5), "0 0.00001"),
        (Focus(1 / 3, 0.123456789), "0.333333333 0.123456789"),
        (Focus(1e-300, 1 - 1e-12), "0 1"),
        (Crop(0.1, 0.0, 0.9, 1.0), "0.1 0 0.9 1"),
        (WHOLE, "0 0 1 1"),
    ],
)
def test_a_value_is_written_in_its_plain_form(value: Any, written: str) -> None:
    assert str(value) == written
    assert fits_a_tag(written)


@given(st.builds(Size, sides, sides))
def test_any_size_parses_back_to_itself(size: Size) -> None:
    assert Size.parse(str(size)) == size


@given(st.builds(Color, channels, channels, channels))
def test_any_color_parses_back_to_itself(color: Color) -> None:
    assert Color.parse(str(color)) == color


@given(st.builds(Focus, fractions, fractions))
def test_any_focus_parses_back_to_itself(focus: Focus) -> None:
    assert fits_a_tag(str(focus))
    assert Focus.parse(str(focus)) == focus


@given(edges, edges)
def test_any_crop_parses_back_to_itself(across: list[float], down: list[float]) -> None:
    crop = Crop(across[0], down[0], across[1], down[1])

    assert fits_a_tag(str(crop))
    assert Crop.parse(str(crop)) == crop


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_focus_parsed_from_any_json_parses_back_to_itself(x: float, y: float) -> None:
    focus = Focus.parse(f"[{x!r}, {y!r}]")

    assert Focus.parse(str(focus)) == focus
    assert (focus.x, focus.y) == (pytest.approx(x, abs=1e-9), pytest.approx(y, abs=1e-9))


@given(st.sampled_from([*OPTIONS]), st.data())
def test_the_value_of_a_merged_option_fits_a_tag_again(name: str, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(SPELLINGS[name]))
    option = merge_options([("metadata", {name: f" {value} "})])[name]

    assert merge_options([("tag", {name: option.value})])[name] == Option(value, "tag")
