"""A size by name: its orientation, its number of lines, or the platform that it is for."""

from __future__ import annotations

import pytest

from sora_ready.domain.catalog import Model, load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import MAX_SIDE, Size
from sora_ready.domain.options import SIZE, Models, Option

SORA_2 = load_catalog()["sora-2"]
SORA_2_PRO = load_catalog()["sora-2-pro"]


def model(*sizes: str) -> Model:
    return Model("made-up", (4,), dict.fromkeys(map(Size.parse, sizes)))


def read_sizes(name: str, of: Model) -> tuple[Size, ...]:
    return SIZE.read(Option(name, "tag"), Models(chosen=of))


def sizes(name: str, of: Model) -> list[str]:
    return [str(size) for size in read_sizes(name, of)]


def is_refused(name: str, of: Model) -> bool:
    try:
        read_sizes(name, of)
    except RequestRejected as refusal:
        return refusal.code == "invalid_size"
    return False


# ---------------------------------------------------------------- orientation and lines


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("landscape_720p", ["1280x720"]),
        ("portrait_720p", ["720x1280"]),
        ("landscape_1080p", ["1920x1080"]),
        ("portrait_1080p", ["1080x1920"]),
        ("landscape_1024p", ["1792x1024"]),
        ("720p", ["1280x720", "720x1280"]),
        ("1080p", ["1920x1080", "1080x1920"]),
        ("landscape", ["1280x720", "1792x1024", "1920x1080"]),
        ("portrait", ["720x1280", "1024x1792", "1080x1920"]),
    ],
)
def test_a_name_means_the_sizes_that_it_fits(name: str, meant: list[str]) -> None:
    assert sizes(name, SORA_2_PRO) == meant


@pytest.mark.parametrize(
    "written",
    ["landscape_720p", "landscape-720p", "landscape 720p", "landscape720p", "Landscape_720P", " landscape_720p "],
)
def test_a_name_is_accepted_in_every_usual_spelling(written: str) -> None:
    assert sizes(written, SORA_2) == ["1280x720"]


def test_a_square_is_neither_landscape_nor_portrait() -> None:
    made_up = model("1024x1024", "512x512", "1280x720")

    assert sizes("square", made_up) == ["1024x1024", "512x512"]
    assert sizes("square_512p", made_up) == ["512x512"]
    assert sizes("landscape", made_up) == ["1280x720"]
    assert is_refused("portrait", made_up)


def test_lines_are_counted_along_the_shorter_side() -> None:
    assert sizes("48p", model("64x48", "48x64", "480x848", "48x48")) == ["64x48", "48x64", "48x48"]


@pytest.mark.parametrize(
    "name",
    [
        *["1080p", "portrait_1080p", "landscape_1024p", "square"],
        *["_", "-", "p", "_720p", "-720p", "landscape_", "landscape__720p", "720", "landscape_720", "720p_landscape"],
        *["٧٢٠p", "landscape_٧٢٠p", "7200000p", "lying", "landscape portrait", "720i"],
    ],
)
def test_a_name_that_fits_no_size_of_the_model_is_refused(name: str) -> None:
    assert is_refused(name, SORA_2)


# ---------------------------------------------------------------- platforms


@pytest.mark.parametrize(
    ("platform", "meant"),
    [("youtube", "1280x720"), ("tiktok", "720x1280"), ("reels", "720x1280"), ("shorts", "720x1280")],
)
@pytest.mark.parametrize("of", [SORA_2, SORA_2_PRO], ids=lambda of: of.name)
def test_a_platform_means_the_smallest_size_of_its_shape(platform: str, meant: str, of: Model) -> None:
    assert sizes(platform, of) == sizes(platform.upper(), of) == [meant]


def test_a_platform_means_the_nearest_shape_of_its_orientation() -> None:
    made_up = model("640x480", "1600x1000", "1000x1600", "480x640")

    assert sizes("youtube", made_up) == ["1600x1000"]
    assert sizes("tiktok", made_up) == ["1000x1600"]


def test_a_platform_whose_orientation_no_size_has_is_refused() -> None:
    without_portrait = model("1280x720", "1024x1024")

    assert is_refused("tiktok", without_portrait)
    assert sizes("youtube", without_portrait) == ["1280x720"]


# ---------------------------------------------------------------- all of them, and one


@pytest.mark.parametrize("written", ["auto", "AUTO", " Auto "])
def test_auto_means_all_sizes_of_the_model(written: str) -> None:
    assert read_sizes(written, SORA_2_PRO) == SORA_2_PRO.sizes


@pytest.mark.parametrize("size", SORA_2_PRO.sizes, ids=str)
def test_a_size_of_the_model_means_itself(size: Size) -> None:
    assert read_sizes(str(size), SORA_2_PRO) == (size,)


# ---------------------------------------------------------------- what a size is


@pytest.mark.parametrize("written", ["1x1", "8192x8192", "1x8192", "01280x00720", "1280\tx\t720"])
def test_a_size_has_sides_from_1_to_8192(written: str) -> None:
    assert Size.parse(written) == Size(*(int(side) for side in written.split("x")))
    assert MAX_SIDE == 8192


@pytest.mark.parametrize(
    "written",
    [
        *["8193x1", "1x8193", "99999x99999", "0x720", "1280x0", "00x00", "-1280x720", "1280x-720", "1280.0x720"],
        *["", "x", "1280", "1280x", "x720", "1280x720x3", "1280*720", "1280 720", "1280/720", "١٢٨٠x٧٢٠", "1280хx720"],
    ],
)
def test_text_that_is_not_a_size_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        Size.parse(written)
