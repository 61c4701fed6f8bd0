"""`focus=auto` finds the subject: it keeps more subjects whole than a center crop does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image

from sora_ready.domain.frame import AUTO, CENTER, Crop, Focus, Mode, Size
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.geometry import Box
from tests.unit.labeled_pictures import DRAWN, SQUARE, TALL, WIDE, Background, Scene, brick, walker
from tests.unit.pictures import BLUE, RED, encode
from tests.unit.test_upright import ORIENTATIONS, with_orientation

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
# The box of the subject of real pictures, upright, in tenths of their width and height.
LABELED_PHOTOS = {
    "color/derived__adobergb_a98_flower.jpg": (3.5, 3.4, 6.1, 6.8),
    "color/jpeg-decoder__rgb.jpg": (5.2, 2, 7.8, 9.7),
    "color/libavif__kodim03_grayscale_cicp.png": (1, 1.5, 4, 6),
    "color/libjpeg-turbo__testimgint.jpg": (2, 1.2, 8.5, 9.5),
    "color/libvips__indexed.png": (3.9, 0.4, 6.6, 3.6),
    "color/pillow__hopper_16bit_qtables.jpg": (2.7, 0.5, 7, 6),
    "exif/exif-orientation-examples__Landscape_1.jpg": (6.2, 1.2, 8.6, 9.5),
    "exif/exif-orientation-examples__Landscape_6.jpg": (6.2, 1.2, 8.6, 9.5),
    "exif/exif-samples__45-gps_ifd.jpg": (0.9, 4.2, 6.4, 9.2),
    "exif/exif-samples__DSCN0042.jpg": (3.6, 0.5, 5.7, 6),
    "exif/exif-samples__sony-cybershot.jpg": (1.1, 1.4, 3, 9.9),
    "exif/sharp__Landscape_6.jpg": (2.4, 4.5, 5.2, 9),
    "exif/sharp__Landscape_9.jpg": (2.7, 7.4, 7.3, 10),
    "modes/image__simple.webp": (2.6, 3.6, 7, 6.7),
    "modes/sharp__4.webp": (1.2, 0.4, 8.8, 9),
    "tiff/image-tiff__zackthecat.tif": (3.7, 1, 9, 8.5),
    "wrongext/gif_named.png": (2, 2.4, 3, 3.6),
}
# A hand-drawn label and an edge between two pixels are no more accurate than this.
TOLERANCE = 0.01
with_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of pictures (../shared/corpus) is not here")

Case = tuple[bytes | Path, Size, Box]


def visible_region(source: bytes | Path, size: Size, focus: Focus | Literal["auto"]) -> Crop:
    """The visible region of the upright picture."""
    return normalize_image(source, size=size, mode=Mode.COVER, focus=focus).region


def keeps(region: Crop, box: Box) -> bool:
    return (
        region.left <= box[0] + TOLERANCE
        and region.top <= box[1] + TOLERANCE
        and region.right >= box[2] - TOLERANCE
        and region.bottom >= box[3] - TOLERANCE
    )


def drawn_cases(scenes: Sequence[Scene]) -> list[Case]:
    return [(encode(scene.draw(), "JPEG", quality=90), scene.frame, scene.box) for scene in scenes]


def photo_cases() -> list[Case]:
    """Each labeled photo with each frame that crops it, if the subject fits into what a crop keeps."""
    cases: list[Case] = []
    for name, tenths in LABELED_PHOTOS.items():
        box = (tenths[0] / 10, tenths[1] / 10, tenths[2] / 10, tenths[3] / 10)
        for frame in (TALL, SQUARE, WIDE):
            left, top, right, bottom = visible_region(CORPUS / name, frame, CENTER)
            fits = right - left >= box[2] - box[0] and bottom - top >= box[3] - box[1]
            if fits and min(right - left, bottom - top) < 0.9:
                cases.append((CORPUS / name, frame, box))
    return cases


def count_kept(cases: Sequence[Case], capfd: pytest.CaptureFixture[str]) -> tuple[int, int, int]:
    """In how many cases `auto` keeps the subject whole, `center` does, and both do."""
    auto = [keeps(visible_region(source, frame, AUTO), box) for source, frame, box in cases]
    center = [keeps(visible_region(source, frame, CENTER), box) for source, frame, box in cases]
    both = sum(map(min, auto, center))
    with capfd.disabled():
        print(f"\nsubjects kept whole, of {len(cases)}: auto {sum(auto)}, center {sum(center)}, both {both}")
    return sum(auto), sum(center), both


def test_a_subject_off_center_is_kept_whole(capfd: pytest.CaptureFixture[str]) -> None:
    auto, center, _ = count_kept(drawn_cases(DRAWN), capfd)

    assert center == 0
    assert auto >= len(DRAWN) - 2


def test_a_subject_at_the_center_stays_whole(capfd: pytest.CaptureFixture[str]) -> None:
    auto, center, _ = count_kept(drawn_cases([scene.centered() for scene in DRAWN]), capfd)

    assert center == len(DRAWN)
    assert auto >= len(DRAWN) - 1


@with_corpus
def test_more_subjects_of_real_photos_are_kept_whole(capfd: pytest.CaptureFixture[str]) -> None:
    cases = photo_cases()

    auto, center, both = count_kept(cases, capfd)

    assert len(cases) > 30
    assert auto >= center + 7
    assert auto >= 0.6 * len(cases)
    assert both >= center - 1


# No pixel of its thumbnail is at the center.
FLAT = Image.new("RGB", (305, 200), RED)


def stripes(size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, RED)
    for x in range(0, size[0], 32):
        picture.paste(BLUE, (x, 0, x + 16, size[1]))
    return picture


@pytest.mark.parametrize("size", [TALL, SQUARE], ids=str)
def test_a_picture_of_one_color_is_cropped_at_the_center(size: Size) -> None:
    assert visible_region(encode(FLAT), size, AUTO) == visible_region(encode(FLAT), size, CENTER)


@pytest.mark.parametrize("background", [brick, stripes], ids=["brick", "stripes"])
def test_a_uniform_pattern_is_cropped_near_the_center(background: Background) -> None:
    region = visible_region(encode(background((640, 400))), TALL, AUTO)

    assert (region.left + region.right) / 2 == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (1, 30), (30, 1), (7, 1), (3000, 90)], ids=str)
@pytest.mark.parametrize("size", [TALL, SQUARE, WIDE], ids=str)
def test_a_picture_of_any_shape_is_cropped_to_the_largest_window(sides: tuple[int, int], size: Size) -> None:
    picture = FLAT.resize(sides)
    picture.putpixel((0, 0), BLUE)
    expected = visible_region(encode(picture), size, CENTER)

    region = visible_region(encode(picture), size, AUTO)

    assert region.right - region.left == pytest.approx(expected.right - expected.left)
    assert region.bottom - region.top == pytest.approx(expected.bottom - expected.top)
    assert min(region) >= 0
    assert max(region) <= 1


def test_the_narrowest_window_is_at_the_subject() -> None:
    picture = FLAT.resize((26, 1))
    picture.putpixel((20, 0), BLUE)

    region = visible_region(encode(picture), Size(100, 240), AUTO)

    assert 20 / 26 <= region.left < region.right <= 21 / 26


@pytest.mark.parametrize("faint", [1, 2, 4])
def test_a_subject_of_almost_the_same_color_is_found(faint: int) -> None:
    picture, box = Image.new("RGB", (600, 400), (200, 200, 200)), (0.7, 0.2, 0.85, 0.9)
    walker((200 + faint,) * 3)(picture, (0.7 * 600, 0.2 * 400, 0.85 * 600, 0.9 * 400))

    assert keeps(visible_region(encode(picture), TALL, AUTO), box)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("scene", [DRAWN[1], DRAWN[8], DRAWN[16]], ids=lambda scene: scene.name)
def test_the_region_is_the_same_in_every_orientation(scene: Scene, orientation: int) -> None:
    upright = scene.draw()
    expected = visible_region(with_orientation(upright, 1), scene.frame, AUTO)

    region = visible_region(with_orientation(upright, orientation), scene.frame, AUTO)

    assert region == pytest.approx(expected, abs=0.02)
    assert keeps(region, scene.box)


def test_what_is_outside_the_crop_does_not_count() -> None:
    # A face far left, outside the crop, and a less salient flower further right, inside it.
    face, flower = DRAWN[3], DRAWN[16]
    picture = face.draw()
    flower.subject(picture, (0.8 * picture.width, 0.4 * picture.height, 0.95 * picture.width, 0.6 * picture.height))
    crop = Crop(0.45, 0, 1, 1)

    region = normalize_image(encode(picture), size=TALL, focus=AUTO, crop=crop).region

    assert region.left >= crop.left
    assert keeps(region, (0.8, 0.4, 0.95, 0.6))


@pytest.mark.parametrize("mode", [Mode.PAD, Mode.BLUR, Mode.STRETCH])
def test_modes_that_do_not_crop_show_the_whole_picture(mode: Mode) -> None:
    ready = normalize_image(encode(DRAWN[1].draw()), size=TALL, mode=mode, focus=AUTO)

    assert ready.region == (0, 0, 1, 1)
