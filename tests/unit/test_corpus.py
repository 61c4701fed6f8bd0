"""Pictures from the test suites of other decoders: each becomes exactly the frame, or is refused for a reason."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.imaging import normalize_image
from tests.unit.pictures import shown

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
FRAMES = {Size(320, 180): "cover", Size(90, 160): "pad"}
CODES = {"empty", "not_an_image", "too_many_pixels", "shape_too_extreme", "corrupt"}

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of foreign pictures (../shared/corpus) is not here"
)


def rows() -> list[dict[str, str]]:
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def expected(row: dict[str, str]) -> str:
    # Whether HEIC is read depends on a decoder that Pillow itself does not bring.
    if row["path"].startswith("heic/"):
        return "either"
    return row["class"]


def outcome(row: dict[str, str], frame: Size) -> str:
    """`ok` or `reject`, or a sentence that says what is wrong."""
    try:
        ready = normalize_image(CORPUS / row["path"], size=frame, mode=FRAMES[frame])
    except ImageRejected as refusal:
        return "reject" if refusal.code in CODES else f"refused with {refusal.code!r}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure
        return f"raised {error!r}"
    if shown(ready).size != frame:
        return f"became {shown(ready).size}"
    if row["upright"] != "-" and str(ready.source_size) != row["upright"]:
        return f"was taken for {ready.source_size}, is {row['upright']}"
    return "ok"


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_every_picture_becomes_the_frame_or_is_refused(frame: Size, capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = [(row["path"], expected(row), outcome(row, frame)) for row in rows()]

    wrong = [
        f"{path}: {wanted}, but {got}"
        for path, wanted, got in outcomes
        if got not in ({"ok", "reject"} if wanted == "either" else {wanted})
    ]
    counts = Counter((wanted, got) for _, wanted, got in outcomes)
    capfd.readouterr()  # what C libraries wrote to stderr about broken pictures
    with capfd.disabled():
        told = ", ".join(f"{count} {wanted} → {got}" for (wanted, got), count in sorted(counts.items()))
        print(f"\ncorpus at {frame}, {FRAMES[frame]}: {told}")
    assert wrong == []


def test_the_corpus_holds_both_good_and_bad_pictures() -> None:
    classes = Counter(row["class"] for row in rows())

    assert set(classes) == {"ok", "reject", "either"}
    assert min(classes.values()) > 20
