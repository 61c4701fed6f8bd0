"""Pictures from the test suites of other decoders: each becomes exactly the frame, or is rejected with a reason."""

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
from sora_ready.domain.imaging import normalize_image
from tests.unit.corpus_child import FRAMES
from tests.unit.pictures import decoded, psnr

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
MAX_MEMORY_MB = 1000
HUNG_SECONDS = 90

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of pictures (../shared/corpus) is not here")

Row = dict[str, str]


def rows() -> list[Row]:
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


class Child:
    """The process that makes the frames. After a crash, a hang or too much memory, the next picture gets a new one."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed after the last picture

    def start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "sora_ready")])
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.unit.corpus_child"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
        )

    def stop(self) -> int | None:
        """End the process, if there is one, and return its exit status."""
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
        self.stderr.seek(0)
        self.stderr.truncate()
        request = {"path": str(CORPUS / row["path"]), "upright": row["upright"]}
        hung = threading.Event()
        timer = threading.Timer(HUNG_SECONDS, lambda: (hung.set(), self.process and self.process.kill()))
        timer.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            response = self.process.stdout.readline()
        except BrokenPipeError:
            response = ""
        finally:
            timer.cancel()
        if not response:
            ended = "hung" if hung.is_set() else "ended the process"
            self.process.wait()
            status = self.stop()
            self.stderr.seek(0)
            raise AssertionError(
                f"{row['path']} {ended} ({status}): {self.stderr.read()[-2000:].decode(errors='replace')}"
            )
        result: dict[str, Any] = json.loads(response)
        if result["peak_mb"] > MAX_MEMORY_MB:
            self.stop()
        return result


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.stop()
    child.stderr.close()


def expected(row: Row, *, decodes: bool) -> str:
    # The manifest has Pillow's result. A HEIC that its own decoder reads must become a frame.
    if row["path"].startswith("heic/"):
        return "ok" if decodes else "reject"
    return row["class"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in rows()])
def test_every_picture_becomes_the_frame_or_is_rejected(row: Row, child: Child, record_property: Any) -> None:
    result = child.make_frames(row)

    wanted = expected(row, decodes=result["decodes"])
    allowed = {"ok": {"frame"}, "reject": {"rejection"}, "either": {"frame", "rejection"}}[wanted]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mode, _, outcome in result["outcomes"]:
        counts[f"corpus, {mode} at {sizes_of(mode)}"][f"{wanted} → {outcome}"] += 1
    record_property(
        "counted", {"corpus, pictures": {wanted: 1}, **{name: dict(kinds) for name, kinds in counts.items()}}
    )
    record_property("highest", {"corpus, peak memory in MB": result["peak_mb"]})
    assert len(result["outcomes"]) == len(FRAMES)
    assert [outcome for outcome in result["outcomes"] if outcome[2] not in allowed] == []
    assert len({outcome for _, _, outcome in result["outcomes"]}) == 1, (
        "whether a picture can be read depends on it alone"
    )
    assert result["peak_mb"] <= MAX_MEMORY_MB


def sizes_of(mode: str) -> str:
    return ", ".join(str(size) for framed, size in FRAMES if framed == mode)


@pytest.mark.parametrize("mode", list(Mode))
def test_photos_of_one_scene_have_equal_frames_in_every_orientation(mode: Mode) -> None:
    photos = sorted(CORPUS.glob("exif/exif-orientation-examples__Landscape_*.jpg"))
    frames = [decoded(normalize_image(photo, size=(180, 180), mode=mode)) for photo in photos]
    # Each has its number written across the upper part.
    frames = [frame.crop((0, 110, 180, 180)) for frame in frames]

    assert len(photos) == 9
    assert [photo.name for photo, frame in zip(photos, frames, strict=True) if psnr(frame, frames[1]) < 35] == []


def test_a_crash_names_its_picture_and_the_next_picture_gets_a_new_process() -> None:
    class Crashing(Child):
        def start(self) -> subprocess.Popen[str]:
            self.start = super().start  # type: ignore[method-assign]  # crashes once
            crash = "import os; input(); os.kill(os.getpid(), 9)"
            return subprocess.Popen([sys.executable, "-c", crash], stdin=-1, stdout=-1, stderr=self.stderr, text=True)

    child, good = Crashing(), next(row for row in rows() if row["class"] == "ok")

    with pytest.raises(AssertionError, match=r"exif.* ended the process \(-9\)"):
        child.make_frames({**good, "path": "exif/sharp__Landscape_6.jpg"})

    assert {outcome for _, _, outcome in child.make_frames(good)["outcomes"]} == {"frame"}
    child.stop()
    child.stderr.close()


def test_the_corpus_holds_both_good_and_bad_pictures() -> None:
    classes = Counter(row["class"] for row in rows())

    assert set(classes) == {"ok", "reject", "either"}
    assert min(classes.values()) > 20
