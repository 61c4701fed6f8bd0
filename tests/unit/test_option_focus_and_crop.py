"""`focus` is what a crop keeps, `crop` the part of the picture that is used: by name, by number, and as JSON."""

from __future__ import annotations

import json

import pytest

from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import CENTER, WHOLE, Crop, Focus, FrameOptions
from sora_ready.domain.options import Option
from sora_ready.domain.request import parse_frame_options


def parse(**tags: str) -> FrameOptions:
    return parse_frame_options({name: Option(value, "tag") for name, value in tags.items()})


# ---------------------------------------------------------------- focus by name


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("center", Focus(0.5, 0.5)),
        ("top", Focus(0.5, 0.0)),
        ("bottom", Focus(0.5, 1.0)),
        ("left", Focus(0.0, 0.5)),
        ("right", Focus(1.0, 0.5)),
        ("top-left", Focus(0.0, 0.0)),
        ("top-right", Focus(1.0, 0.0)),
        ("bottom-left", Focus(0.0, 1.0)),
        ("bottom-right", Focus(1.0, 1.0)),
        ("top-center", Focus(0.5, 0.0)),
        ("center-left", Focus(0.0, 0.5)),
        ("center center", Focus(0.5, 0.5)),
    ],
)
def test_a_name_means_a_point_at_an_edge_a_corner_or_the_center(name: str, point: Focus) -> None:
    assert parse(focus=name).focus == point


@pytest.mark.parametrize(
    "written", ["top-left", "left-top", "top left", "top_left", "TOP-LEFT", "Top Left", "top - left"]
)
def test_the_words_of_a_corner_are_accepted_in_either_order_and_joined_in_any_way(written: str) -> None:
    assert parse(focus=written).focus == Focus(0.0, 0.0)


@pytest.mark.parametrize("written", ["center", "centre", "Centre", "CENTER", "centre-centre"])
def test_the_center_is_spelled_as_on_either_side_of_the_atlantic(written: str) -> None:
    assert parse(focus=written).focus == CENTER


@pytest.mark.parametrize("written", ["auto", "AUTO", "Auto"])
def test_auto_stays_auto_until_the_picture_is_known(written: str) -> None:
    assert parse(focus=written).focus == "auto"


@pytest.mark.parametrize(
    "written",
    ["top-bottom", "left right", "top-top", "top-left-center", "-top", "top-", "middle", "topleft", "upper left", "-"],
)
def test_words_that_do_not_name_a_point_are_refused(written: str) -> None:
    with pytest.raises(RequestRejected, match="focus"):
        parse(focus=written)


# ---------------------------------------------------------------- focus by number


@pytest.mark.parametrize(
    ("written", "point"),
    [
        ("0.5 0.3", Focus(0.5, 0.3)),
        ("0.5,0.3", Focus(0.5, 0.3)),
        ("0.5, 0.3", Focus(0.5, 0.3)),
        ("0.5:0.3", Focus(0.5, 0.3)),
        ("  0.5   0.3  ", Focus(0.5, 0.3)),
        (".5 1.", Focus(0.5, 1.0)),
        ("0 1", Focus(0.0, 1.0)),
        ("1 0", Focus(1.0, 0.0)),
        ("[0.5, 0.3]", Focus(0.5, 0.3)),
        ('{"x": 0.5, "y": 0.3}', Focus(0.5, 0.3)),
        ('{"y": 0.3, "x": 0.5}', Focus(0.5, 0.3)),
        ("[0, 1]", Focus(0.0, 1.0)),
        ("[5e-1, 1e-3]", Focus(0.5, 0.001)),
        (" [0.5, 0.3] ", Focus(0.5, 0.3)),
        # as a program writes a third
        ("0.3333333333333333 0.6666666666666666", Focus(0.333333333, 0.666666667)),
    ],
)
def test_a_point_is_two_fractions_from_the_left_and_from_the_top(written: str, point: Focus) -> None:
    assert parse(focus=written).focus == point


@pytest.mark.parametrize(
    "written",
    [
        *["0.5", "0.5 0.3 0.1", "0.5 top", "1.1 0", "0 1.0001", "-0.1 0", "+0.1 0", "50% 30%", "50 30", "1e-3 0"],
        *["٠ ١", "0.5 0.٣", "nan nan", "inf 0", "0,5 0,3", "0..5 1", ". .", "0x1 0", "1_0 0"],
        *["[0.5]", "[0.5, 0.3, 0.1]", "[0.5, null]", "[true, false]", '["0.5", "0.3"]', "[[0.5, 0.3]]", "[NaN, 0]"],
        *["[1e999, 0]", "[]", "{}", '{"x": 0.5}', '{"x": 0.5, "y": 0.3, "z": 0}', '{"left": 0, "top": 0}'],
        *["[0.5, 0.3", '{"x": 0.5, "y": 0.3', "[" * 100_000, '{"x": 0.5, "y": {"y": 0.3}}', "[-0.1, 0]"],
    ],
    ids=lambda written: written[:30],
)
def test_numbers_that_are_not_a_point_are_refused(written: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        parse(focus=written)

    assert refusal.value.code == "invalid_focus"


# ---------------------------------------------------------------- crop


@pytest.mark.parametrize(
    "written",
    [
        "0.1 0 0.9 0.75",
        "0.1,0,0.9,0.75",
        ".1 0. .9 .75",
        "[0.1, 0, 0.9, 0.75]",
        json.dumps({"left": 0.1, "top": 0, "right": 0.9, "bottom": 0.75}),
        json.dumps({"left_fraction": 0.1, "top_fraction": 0, "right_fraction": 0.9, "bottom_fraction": 0.75}),
        json.dumps({"bottom_fraction": 0.75, "right_fraction": 0.9, "left_fraction": 0.1}),
    ],
)
def test_a_crop_is_left_top_right_bottom(written: str) -> None:
    assert parse(crop=written).crop == Crop(left=0.1, top=0.0, right=0.9, bottom=0.75)


@pytest.mark.parametrize(
    ("word", "crop"),
    [
        ("left_fraction", Crop(0.25, 0.0, 1.0, 1.0)),
        ("top_fraction", Crop(0.0, 0.25, 1.0, 1.0)),
        ("right_fraction", Crop(0.0, 0.0, 0.25, 1.0)),
        ("bottom_fraction", Crop(0.0, 0.0, 1.0, 0.25)),
    ],
)
def test_an_edge_that_is_left_out_is_the_pictures_edge(word: str, crop: Crop) -> None:
    assert parse(crop=json.dumps({word: 0.25})).crop == crop


@pytest.mark.parametrize("written", ["whole", "Whole", "none", "0 0 1 1", "[0, 0, 1, 1]", '{"left_fraction": 0}'])
def test_whole_and_its_spellings_use_the_whole_picture(written: str) -> None:
    assert parse(crop=written).crop == WHOLE


@pytest.mark.parametrize(
    "written",
    [
        *["0.9 0 0.1 1", "0 0.9 1 0.1", "0.5 0 0.5 1", "0 0.5 1 0.5", "0 0 0 0", "1 1 1 1"],
        *["0.1 0 0.9", "0.1 0 0.9 1 1", "0 0 1.1 1", "-0.1 0 1 1", "0 0 100% 100%", "0,1 0 0,9 1", "auto", "center"],
        *[
            "{}",
            "[]",
            '{"x": 0.1, "y": 0.2}',
            '{"left_fraction": 0.5, "right_fraction": 0.5}',
            '{"left_fraction": true}',
        ],
        *['{"left_fraction": "0.1"}', '{"left_fraction": null}', '{"left_fraction": NaN}', '{"width_fraction": 0.5}'],
        # closer together than fractions are rounded
        '{"left_fraction": 0.5, "right_fraction": 0.5000000001}',
    ],
)
def test_a_value_that_is_not_a_crop_or_leaves_nothing_is_refused(written: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        parse(crop=written)

    assert refusal.value.code == "invalid_crop"


def test_a_very_narrow_crop_is_accepted() -> None:
    assert parse(crop="0.5 0 0.500000001 1").crop == Crop(0.5, 0.0, 0.500000001, 1.0)
