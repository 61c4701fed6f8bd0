"""`size=auto`: the model's size nearest in aspect ratio to the upright picture; of similar ones, the smallest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.frame import SAME_ASPECT_RATIO, Size, nearest_size

CATALOG = load_catalog()
SORA_2 = CATALOG["sora-2"].sizes
SORA_2_PRO = CATALOG["sora-2-pro"].sizes

sides = st.integers(1, 20_000)
some_sizes = st.builds(Size, sides, sides)


@pytest.mark.parametrize(
    ("picture", "frame"),
    [
        (Size(4000, 3000), Size(1280, 720)),
        (Size(3000, 4000), Size(720, 1280)),
        (Size(1280, 720), Size(1280, 720)),
        (Size(5000, 1000), Size(1280, 720)),
        (Size(1030, 1000), Size(1280, 720)),
        (Size(1000, 1030), Size(720, 1280)),
    ],
)
def test_a_picture_gets_the_size_nearest_in_aspect_ratio(picture: Size, frame: Size) -> None:
    assert nearest_size(picture, SORA_2) == frame


@pytest.mark.parametrize(
    ("picture", "frame"),
    [
        (Size(1792, 1024), Size(1792, 1024)),
        (Size(1750, 1024), Size(1792, 1024)),
        (Size(1024, 1750), Size(1024, 1792)),
    ],
)
def test_a_larger_size_is_used_if_only_it_has_the_aspect_ratio(picture: Size, frame: Size) -> None:
    squarish = [size for size in SORA_2_PRO if size not in {(1280, 720), (720, 1280)}]

    assert nearest_size(picture, squarish) == frame


@pytest.mark.parametrize(
    ("picture", "frame"),
    [
        (Size(1920, 1080), Size(1280, 720)),
        (Size(1080, 1920), Size(720, 1280)),
        (Size(8000, 4500), Size(1280, 720)),
    ],
)
def test_of_equal_aspect_ratios_the_smaller_and_cheaper_is_used(picture: Size, frame: Size) -> None:
    assert nearest_size(picture, SORA_2_PRO) == frame


def test_of_nearly_equal_aspect_ratios_the_smaller_is_used() -> None:
    # 16:9 and 1792:1024 (7:4) differ by 1.6 %, which is not visible; the larger costs two thirds more.
    assert nearest_size(Size(1792, 1024), SORA_2_PRO) == Size(1280, 720)


def test_a_larger_size_is_used_if_the_aspect_ratio_differs_visibly() -> None:
    assert nearest_size(Size(1000, 1000), [Size(640, 360), Size(1024, 1024)]) == Size(1024, 1024)


def test_a_square_between_landscape_and_portrait_gets_the_first_size_of_the_catalog() -> None:
    assert nearest_size(Size(1000, 1000), [Size(1280, 720), Size(720, 1280)]) == Size(1280, 720)
    assert nearest_size(Size(1000, 1000), [Size(720, 1280), Size(1280, 720)]) == Size(720, 1280)


def test_twice_as_wide_is_as_far_as_twice_as_high() -> None:
    # 2:1 is as far from a square as 1:2 is: ratios are compared, not their differences.
    assert nearest_size(Size(1000, 990), [Size(1000, 2000), Size(1900, 1000)]) == Size(1900, 1000)
    assert nearest_size(Size(990, 1000), [Size(1000, 1900), Size(2000, 1000)]) == Size(1000, 1900)


@settings(max_examples=100, deadline=None)
@given(picture=some_sizes, sizes=st.lists(some_sizes, min_size=1, max_size=8))
def test_no_other_size_is_visibly_nearer(picture: Size, sizes: list[Size]) -> None:
    chosen = nearest_size(picture, sizes)

    assert chosen in sizes
    distance = abs(chosen.log_aspect_ratio - picture.log_aspect_ratio)
    for other in sizes:
        assert distance <= abs(other.log_aspect_ratio - picture.log_aspect_ratio) + SAME_ASPECT_RATIO + 1e-12


@settings(max_examples=100, deadline=None)
@given(picture=some_sizes, sizes=st.lists(some_sizes, min_size=1, max_size=8))
def test_no_smaller_size_is_as_near(picture: Size, sizes: list[Size]) -> None:
    chosen = nearest_size(picture, sizes)

    for other in sizes:
        if other.width * other.height < chosen.width * chosen.height:
            assert abs(other.log_aspect_ratio - picture.log_aspect_ratio) > abs(
                chosen.log_aspect_ratio - picture.log_aspect_ratio
            )


@settings(max_examples=50, deadline=None)
@given(picture=some_sizes, sizes=st.lists(some_sizes, min_size=1, max_size=8, unique_by=lambda size: size[0] * size[1]))
def test_the_order_of_the_sizes_does_not_matter(picture: Size, sizes: list[Size]) -> None:
    assert nearest_size(picture, sizes) == nearest_size(picture, sizes[::-1])
