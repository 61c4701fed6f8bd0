"""Pictures from the test suites of other decoders: each becomes exactly the frame, or is refused for a reason."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sora_ready.domain.frame import Mode
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.corpus_child import FRAMES
from tests.unit.pictures import psnr, shown

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
MOST_MEMORY_MB = 1000
HUNG_SECONDS = 90

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of foreign pictures (../shared/corpus) is not here"
)

Row = dict[str, str]


def rows() -> list[Row]:
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


class Child:
    """A process that makes the frames. One that died, hung or grew too large is replaced for the next picture."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.words = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when the last picture is done

    def start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "sora_ready")])
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.unit.corpus_child"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            text=True,
        )

    def stop(self) -> int | None:
        """End the process, if there is one, and return how it ended."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.kill()
        process.communicate()
        return process.returncode

    def make_frames(self, row: Row) -> dict[str, Any]:
        self.process = self.process or self.start()
        assert self.process.stdin
        assert self.process.stdout
        self.words.seek(0)
        self.words.truncate()
        question = {"path": str(CORPUS / row["path"]), "upright": row["upright"]}
        hung = threading.Event()
        watch = threading.Timer(HUNG_SECONDS, lambda: (hung.set(), self.process and self.process.kill()))
        watch.start()
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            watch.cancel()
        if not answer:
            ended = "hung" if hung.is_set() else "ended the process"
            self.process.wait()
            status = self.stop()
            self.words.seek(0)
            raise AssertionError(
                f"{row['path']} {ended} ({status}): {self.words.read()[-2000:].decode(errors='replace')}"
            )
        told: dict[str, Any] = json.loads(answer)
        if told["peak_mb"] > MOST_MEMORY_MB:
            self.stop()
        return told


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.stop()
    child.words.close()


def expected(row: Row, *, decodes: bool) -> str:
    # The manifest tells what Pillow makes of HEIC alone; what its decoder reads must become the frame.
    if row["path"].startswith("heic/"):
        return "ok" if decodes else "reject"
    return row["class"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in rows()])
def test_every_picture_becomes_the_frame_or_is_refused(row: Row, child: Child, record_property: Any) -> None:
    told = child.make_frames(row)

    wanted = expected(row, decodes=told["decodes"])
    allowed = {"ok": {"frame"}, "reject": {"refusal"}, "either": {"frame", "refusal"}}[wanted]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mode, _, outcome in told["outcomes"]:
        counts[f"corpus, {mode} at {sizes_of(mode)}"][f"{wanted} → {outcome}"] += 1
    record_property(
        "counted", {"corpus, pictures": {wanted: 1}, **{name: dict(kinds) for name, kinds in counts.items()}}
    )
    record_property("highest", {"corpus, the most memory held, in MB": told["peak_mb"]})
    assert len(told["outcomes"]) == len(FRAMES)
    assert [outcome for outcome in told["outcomes"] if outcome[2] not in allowed] == []
    assert len({outcome for _, _, outcome in told["outcomes"]}) == 1, "what can be read depends on the picture alone"
    assert told["peak_mb"] <= MOST_MEMORY_MB


def sizes_of(mode: str) -> str:
    return ", ".join(str(size) for framed, size in FRAMES if framed == mode)


@pytest.mark.parametrize("mode", list(Mode))
def test_photos_of_one_scene_look_the_same_however_the_camera_was_held(mode: Mode) -> None:
    photos = sorted(CORPUS.glob("exif/exif-orientation-examples__Landscape_*.jpg"))
    frames = [shown(normalize_image(photo, size=(180, 180), mode=mode)) for photo in photos]
    # Each has its own number written across its upper part.
    frames = [frame.crop((0, 110, 180, 180)) for frame in frames]

    assert len(photos) == 9
    assert [photo.name for photo, frame in zip(photos, frames, strict=True) if psnr(frame, frames[1]) < 35] == []


def test_a_picture_that_ends_the_process_is_named_and_the_next_has_a_new_one() -> None:
    class Dying(Child):
        def start(self) -> subprocess.Popen[str]:
            self.start = super().start  # type: ignore[method-assign]
            dying = "import os; input(); os.kill(os.getpid(), 9)"
            return subprocess.Popen([sys.executable, "-c", dying], stdin=-1, stdout=-1, stderr=self.words, text=True)

    child, good = Dying(), next(row for row in rows() if row["class"] == "ok")

    with pytest.raises(AssertionError, match=r"exif.* ended the process \(-9\)"):
        child.make_frames({**good, "path": "exif/sharp__Landscape_6.jpg"})

    assert {outcome for _, _, outcome in child.make_frames(good)["outcomes"]} == {"frame"}
    child.stop()
    child.words.close()


def test_the_corpus_holds_both_good_and_bad_pictures() -> None:
    classes = Counter(row["class"] for row in rows())

    assert set(classes) == {"ok", "reject", "either"}
    assert min(classes.values()) > 20
