"""Time, memory and quality of every peer for one picture in one mode."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import IO, cast

import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tests.bench.peers import HEIGHT, PEERS, WIDTH, Unable, decode_whole, encode, ffmpeg_command
from tests.bench.pictures import Picture

LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
CHILD = [sys.executable, "-m", "tests.bench.child"]
# The floor only encodes a frame that was ready, so its memory and its frame say nothing.
MADE = ("ours", "article", "ffmpeg", "libvips")
# The article's frame saved at 4:4:4, as ours is, and placed without its rounding: what encoding alone costs.
FULL_COLOR = "article at 4:4:4"
# Rounds go on for this long, but not fewer or more than this many.
SECONDS, FEWEST, MOST = 5.0, 5, 15


@dataclass(slots=True)
class Result:
    """What was found out about one picture in one mode; a peer that could not do it is in `reasons` only."""

    picture: Picture
    mode: str
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    psnr: dict[str, float] = field(default_factory=dict)
    ssim: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def ratio(self, peer: str) -> float | None:
        """Return how many times longer than ours `peer` takes: the median over the rounds of each round's ratio."""
        if not self.seconds.get(peer) or not self.seconds.get("ours"):
            return None
        return median(theirs / ours for theirs, ours in zip(self.seconds[peer], self.seconds["ours"], strict=True))


def measure(picture: Picture, mode: str, rounds: int | None) -> Result:
    """Measure all peers."""
    result = Result(picture, mode)
    measure_memory(result)
    measure_time(result, rounds)
    return result


class Worker:
    """A peer's process that stays, so that a round costs no start."""

    def __init__(self, peer: str, picture: Picture, mode: str) -> None:
        self.process = subprocess.Popen(
            [*CHILD, peer, str(picture.path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self) -> float:
        """Return the seconds of one run. Raises `Unable`."""
        requests, answers = cast(IO[str], self.process.stdin), cast(IO[str], self.process.stdout)
        with suppress(BrokenPipeError):
            requests.write("\n")
            requests.flush()
        answer = answers.readline().strip()
        if not answer or answer.startswith(("unable", "failed")):
            raise Unable(answer or "failed: the process died")
        return float(answer)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def measure_time(result: Result, rounds: int | None) -> None:
    """Let the peers run in turn, round after round, so that a slow moment of the machine falls on all of them."""
    workers = {peer: Worker(peer, result.picture, result.mode) for peer in PEERS if peer not in result.reasons}
    try:
        for peer in list(workers):
            try:
                workers[peer].run()
            except Unable as reason:
                result.reasons[peer] = str(reason)
                workers.pop(peer).close()
        started = time.monotonic()
        least, most = (rounds, rounds) if rounds else (FEWEST, MOST)
        for number in range(most):
            if number >= least and time.monotonic() - started > SECONDS:
                break
            for peer, worker in workers.items():
                result.seconds.setdefault(peer, []).append(worker.run())
    finally:
        for worker in workers.values():
            worker.close()


def measure_memory(result: Result) -> None:
    """Run each peer once, from nothing, for its peak memory and its frame; score the frame."""
    with tempfile.TemporaryDirectory() as folder:
        for peer in MADE:
            output = Path(folder) / f"{peer}.jpg"
            try:
                peak = run_once(peer, result.picture.path, result.mode, output)
            except Unable as reason:
                result.reasons[peer] = str(reason)
                continue
            # FFmpeg is a program of its own; the others run inside an interpreter that was there anyway.
            result.peak[peer] = peak if peer == "ffmpeg" else peak - bare_interpreter()
            score(result, peer, Image.open(output))
    exact = encode(draw_reference(result.picture.path, result.mode), subsampling="4:4:4")
    score(result, FULL_COLOR, Image.open(io.BytesIO(exact)))


def run_once(peer: str, picture: Path, mode: str, output: Path) -> int:
    """Make one frame in a fresh process and return its peak memory in bytes. Raises `Unable`."""
    if peer == "ffmpeg":
        command = [*ffmpeg_command(picture, mode)[:-1], str(output)]
    else:
        command = [*CHILD, peer, str(picture), mode, str(output)]
    done = subprocess.run([*LAUNCH, *command], capture_output=True, text=True, check=False)
    *said, peak = done.stdout.splitlines() or ["0"]
    if not output.exists() or not output.stat().st_size:
        raise Unable((said or done.stderr.splitlines() or ["failed: no frame"])[-1])
    return int(peak)


@lru_cache(maxsize=1)
def bare_interpreter() -> int:
    """Return the peak memory of `python -c pass`."""
    done = subprocess.run([*LAUNCH, sys.executable, "-c", "pass"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def score(result: Result, peer: str, frame: Image.Image) -> None:
    """Compare a peer's frame with the reference: PSNR over red, green and blue, SSIM over luma."""
    wanted = draw_reference(result.picture.path, result.mode)
    made = frame.convert("RGB")
    result.psnr[peer] = float(peak_signal_noise_ratio(np.asarray(wanted), np.asarray(made), data_range=255))
    gray = [np.asarray(image.convert("L")) for image in (wanted, made)]
    result.ssim[peer] = float(structural_similarity(*gray, data_range=255))


@lru_cache(maxsize=1)
def decode(path: Path) -> Image.Image:
    """Return the whole picture; both modes and both references need it."""
    return decode_whole(path)


@lru_cache(maxsize=1)
def draw_reference(path: Path, mode: str) -> Image.Image:
    """Return the frame without any shortcut: all decoded, the exact region scaled in one step, not encoded."""
    picture = decode(path)
    wide, high = picture.size
    scale = (max if mode == "cover" else min)(WIDTH / wide, HEIGHT / high)
    size = min(WIDTH, round(wide * scale)), min(HEIGHT, round(high * scale))
    left, top = max(0, wide - WIDTH / scale) / 2, max(0, high - HEIGHT / scale) / 2
    shown = picture.resize(size, Image.Resampling.LANCZOS, box=(left, top, wide - left, high - top))
    frame = Image.new("RGB", (WIDTH, HEIGHT))
    frame.paste(shown, ((WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2))
    return frame
