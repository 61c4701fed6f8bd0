"""Pictures with profiles of other programs are converted as the profiles, parsed independently, define."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sora_ready.domain.imaging import normalize_image
from tests.unit.color_truth import by_profile, mean_difference, truths_of
from tests.unit.pictures import decoded

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
# How many pixels are compared, across and down.
SAMPLED = (40, 30)

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of pictures (../shared/corpus) is not here")


@pytest.mark.parametrize(
    "name",
    [
        "color/derived__adobergb_a98_flower.jpg",
        "color/libavif__seine_sdr_gainmap_srgb.jpg",
        "color/libavif__apple_gainmap_new.jpg",
        "color/pillow__rgb.jpg",
        "color/pillow__icc_profile.avif",
        "exif/sharp__Landscape_6.jpg",
        "broken/derived__jpeg_trailing_garbage_100k.jpg",
    ],
)
def test_the_profile_of_another_program_is_applied(name: str) -> None:
    # given a picture and its profile
    with Image.open(CORPUS / name) as source:
        profile = source.info["icc_profile"]
        oriented = source.getexif().get(0x0112, 1) != 1
        stored = source.convert("RGB")
    if oriented:
        stored = stored.transpose(Image.Transpose.ROTATE_270)

    # when the frame has the size of the picture
    frame = decoded(normalize_image(CORPUS / name, size=stored.size, format="png"))

    # then
    sampled, actual = (picture.resize(SAMPLED, Image.Resampling.NEAREST) for picture in (stored, frame))
    assert mean_difference(actual, truths_of(sampled.get_flattened_data(), by_profile(profile))) < 1
