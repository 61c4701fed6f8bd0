"""Measures time, memory and quality of every peer for one picture in one mode."""

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

import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tests.bench.peers import HEIGHT, PEERS, WIDTH, UnsupportedError, decode_whole, encode, ffmpeg_command
from tests.bench.pictures import Picture

LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
CHILD = [sys.executable, "-m", "tests.bench.child"]
# Not the floor, which encodes a prepared frame: its memory and its frame mean nothing.
FRAME_MAKERS = ("ours", "article", "ffmpeg", "libvips")
# The exact frame saved at 4:4:4: what encoding alone loses.
EXACT = "exact frame at 4:4:4"
# Rounds run for this long, within these limits of their number.
SECONDS, MIN_ROUNDS, MAX_ROUNDS = 5.0, 5, 15


@dataclass(slots=True)
class Result:
    """The results for one picture in one mode, by peer. A peer that failed is in `reasons` only."""

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
    """A peer's process, which runs for all rounds, so that its start is not measured."""

    def __init__(self, peer: str, picture: Picture, mode: str) -> None:
        self.process = subprocess.Popen(
            [*CHILD, peer, str(picture.path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self) -> float:
        """Return the seconds of one run. Raises `UnsupportedError`."""
        with suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        response = self.process.stdout.readline().strip()
        if not response or response.startswith(("unsupported", "failed")):
            raise UnsupportedError(response or "failed: the process crashed")
        return float(response)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def measure_time(result: Result, rounds: int | None) -> None:
    """Run the peers in turn, round after round, so that a slow moment of the machine affects all of them."""
    workers = {peer: Worker(peer, result.picture, result.mode) for peer in PEERS if peer not in result.reasons}
    try:
        for peer in list(workers):
            try:
                workers[peer].run()
            except UnsupportedError as reason:
                result.reasons[peer] = str(reason)
                workers.pop(peer).close()
        started = time.monotonic()
        least, most = (rounds, rounds) if rounds else (MIN_ROUNDS, MAX_ROUNDS)
        for number in range(most):
            if number >= least and time.monotonic() - started > SECONDS:
                break
            for peer, worker in workers.items():
                result.seconds.setdefault(peer, []).append(worker.run())
    finally:
        for worker in workers.values():
            worker.close()


def measure_memory(result: Result) -> None:
    """Run each peer once in a new process, for its peak memory and the quality of its frame."""
    with tempfile.TemporaryDirectory() as folder:
        for peer in FRAME_MAKERS:
            output = Path(folder) / f"{peer}.jpg"
            try:
                peak = run_once(peer, result.picture.path, result.mode, output)
            except UnsupportedError as reason:
                result.reasons[peer] = str(reason)
                continue
            # FFmpeg is a program; the others run in an interpreter that a Python program has anyway.
            result.peak[peer] = peak if peer == "ffmpeg" else peak - bare_interpreter()
            score(result, peer, Image.open(output))
    exact = encode(draw_reference(result.picture.path, result.mode), subsampling="4:4:4")
    score(result, EXACT, Image.open(io.BytesIO(exact)))


def run_once(peer: str, picture: Path, mode: str, output: Path) -> int:
    """Make one frame in a new process and return its peak memory in bytes. Raises `UnsupportedError`."""
    if peer == "ffmpeg":
        command = [*ffmpeg_command(picture, mode)[:-1], str(output)]
    else:
        command = [*CHILD, peer, str(picture), mode, str(output)]
    done = subprocess.run([*LAUNCH, *command], capture_output=True, text=True, check=False)
    *printed, peak = done.stdout.splitlines() or ["0"]
    if not output.exists() or not output.stat().st_size:
        raise UnsupportedError((printed or done.stderr.splitlines() or ["failed: no frame"])[-1])
    return int(peak)


@lru_cache(maxsize=1)
def bare_interpreter() -> int:
    """Return the peak memory of `python -c pass`."""
    done = subprocess.run([*LAUNCH, sys.executable, "-c", "pass"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def score(result: Result, peer: str, frame: Image.Image) -> None:
    """Record the quality of a peer's frame against the reference: PSNR over RGB, SSIM over luma."""
    images = draw_reference(result.picture.path, result.mode), frame.convert("RGB")
    result.psnr[peer] = float(peak_signal_noise_ratio(*map(np.asarray, images), data_range=255))
    gray = [np.asarray(image.convert("L")) for image in images]
    result.ssim[peer] = float(structural_similarity(*gray, data_range=255))


@lru_cache(maxsize=1)
def decode(path: Path) -> Image.Image:
    """Return the whole picture, cached for both modes."""
    return decode_whole(path)


@lru_cache(maxsize=1)
def draw_reference(path: Path, mode: str) -> Image.Image:
    """Return the exact frame: the whole picture decoded, its region scaled in one step, not encoded."""
    picture = decode(path)
    width, height = picture.size
    scale = (max if mode == "cover" else min)(WIDTH / width, HEIGHT / height)
    size = min(WIDTH, round(width * scale)), min(HEIGHT, round(height * scale))
    left, top = max(0, width - WIDTH / scale) / 2, max(0, height - HEIGHT / scale) / 2
    scaled = picture.resize(size, Image.Resampling.LANCZOS, box=(left, top, width - left, height - top))
    frame = Image.new("RGB", (WIDTH, HEIGHT))
    frame.paste(scaled, ((WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2))
    return frame
