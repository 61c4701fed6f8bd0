"""Formats the table, its footnotes and the targets, for the terminal and as Markdown."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from statistics import median

import imageio_ffmpeg
import PIL
import pyvips
from rich.console import Console
from rich.table import Table

from tests.bench.measure import EXACT, Result

HEADS = (
    *("picture", "mode", "ours ms"),
    *("article ×", "FFmpeg ×", "libvips ×", "floor ×"),
    *("ours MB", "article MB", "libvips MB", "FFmpeg MB"),
    *("ours dB", "article dB", "libvips dB", "ours SSIM", "article SSIM"),
)
# The columns that the table needs, even in a pipe or a small window.
MIN_WIDTH = 156
NOTES = (
    "ms: the median of all runs, from a path to JPEG bytes. ×: how many times as long as ours the peer takes: the "
    "median of the rounds' ratios; below 1 the peer is faster. After a warm-up, every peer runs once in each round.",
    "article: Pillow as articles teach it (decode all, Lanczos, crop or pad, quality 95). FFmpeg: scale and crop or "
    "pad, -q:v 2, including the start of its process. libvips: thumbnail, quality 95 at 4:4:4, with its default number "
    "of threads. floor: Pillow's decoding at the smallest sufficient scale, and the encoding of a prepared frame.",
    "MB: peak resident memory of a process that makes one frame, less that of `python -c pass`, including all imports. "
    "FFmpeg's is its whole process.",
    "dB: PSNR over RGB; SSIM over luma; against the exact frame: the whole picture decoded and scaled by Lanczos in "
    "one step, not encoded. HEIC is one image here; phones write tiles.",
)
MIN_SPEEDUP = 1.0
MIN_SPEEDUP_OF = {"jpeg12": 2.5, "jpeg24": 4.0, "jpeg108": 8.0}
MAX_MEMORY = 64e6
MAX_LOSS = 0.5


def build_rows(results: Iterable[Result]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the table's cells, and the footnotes of its dashes."""
    notes: list[str] = []
    rows = []
    for result in results:
        marks = {}
        for peer, reason in result.reasons.items():
            note = f"{peer}, {result.picture.title}: {reason}"
            if note not in notes:
                notes.append(note)
            marks[peer] = f"– [{notes.index(note) + 1}]"
        rows.append(build_row(result, marks))
    return rows, notes


def build_row(result: Result, marks: dict[str, str]) -> tuple[str, ...]:
    """Return one row's cells. `marks` has the cell of each peer that failed."""

    def cell(peer: str, value: float | None, spec: str) -> str:
        return marks.get(peer, "–") if value is None else format(value, spec)

    ours = result.seconds.get("ours")
    return (
        result.picture.title,
        result.mode,
        cell("ours", median(ours) * 1000 if ours else None, ".0f"),
        *(cell(peer, result.ratio(peer), ".2f") for peer in ("article", "ffmpeg", "libvips", "floor")),
        *(
            cell(peer, result.peak[peer] / 1e6 if peer in result.peak else None, ".0f")
            for peer in ("ours", "article", "libvips", "ffmpeg")
        ),
        *(cell(peer, result.psnr.get(peer), ".2f") for peer in ("ours", "article", "libvips")),
        *(cell(peer, result.ssim.get(peer), ".4f") for peer in ("ours", "article")),
    )


def check_targets(results: list[Result]) -> list[tuple[bool | None, str]]:
    """Return for each target whether it was met (None: not measured), and its number."""
    cover = {result.picture.key: result for result in results if result.mode == "cover"}
    targets: list[tuple[bool | None, str]] = []
    for key, least in MIN_SPEEDUP_OF.items():
        ratio = cover[key].ratio("article") if key in cover else None
        targets.append(at_least(ratio, least, f"{key} cover: times as fast as the article", "{:.2f}"))
    for label, peer, prefixes, least in (
        ("nowhere slower than the article", "article", ("",), MIN_SPEEDUP),
        ("JPEG: times as fast as libvips", "libvips", ("jpeg", "progressive"), 1.0),
        ("PNG: times as fast as libvips", "libvips", ("png",), 0.8),
    ):
        ratios = [result.ratio(peer) for result in results if result.picture.key.startswith(prefixes)]
        targets.append(at_least(smallest(ratios), least, f"{label}, least", "{:.2f}"))
    scores = [result.psnr for result in results if "ours" in result.psnr]
    losses = [psnr["ours"] - psnr["article"] for psnr in scores if "article" in psnr]
    targets.append(
        at_least(smallest(losses), -MAX_LOSS, "PSNR at 4:4:4 beside the article's frame, least, dB", "{:+.2f}")
    )
    exact = smallest(psnr["ours"] - psnr[EXACT] for psnr in scores)
    label = "beside the exact frame saved at 4:4:4, least, dB"
    targets.append((None, f"{label}: {'not measured' if exact is None else format(exact, '+.2f')} (no target)"))
    peaks = [-result.peak["ours"] for result in results if result.picture.key == "jpeg108" and "ours" in result.peak]
    worst = smallest(peaks)
    label = "peak memory of jpeg108, MB"
    targets.append((None if worst is None else -worst <= MAX_MEMORY, f"{label}: {number(worst, -1e-6)} (at most 64)"))
    return targets


def smallest(values: Iterable[float | None]) -> float | None:
    """Return the smallest of the measured values."""
    return min((value for value in values if value is not None), default=None)


def at_least(value: float | None, least: float, label: str, template: str) -> tuple[bool | None, str]:
    """Return whether the value meets its target, and a line that says so."""
    text = "not measured" if value is None else template.format(value)
    return None if value is None else value >= least, f"{label}: {text} (at least {least:g})"


def number(value: float | None, scale: float) -> str:
    """Return the value, scaled, as text."""
    return "not measured" if value is None else f"{value * scale:.0f}"


def describe_environment() -> str:
    """Return the machine and the versions of the peers."""
    version = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=3)
    vips = ".".join(str(pyvips.version(part)) for part in range(3))
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"Pillow {PIL.__version__}, libvips {vips}, FFmpeg {version[2].split('-')[0] if len(version) > 2 else '?'}"
    )


def print_report(console: Console, results: list[Result]) -> None:
    """Print the table, its footnotes and the targets."""
    rows, reasons = build_rows(results)
    table = Table(title=f"Frames of 1280x720 — {describe_environment()}", title_justify="left")
    for head in HEADS:
        table.add_column(head.replace(" ", "\n", 1), justify="left" if head in HEADS[:2] else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row), end_section=row[1] == "pad")
    Console(width=max(console.width, MIN_WIDTH)).print(table)
    for line in (*NOTES, *(f"[{index}] {reason}" for index, reason in enumerate(reasons, 1))):
        console.print(line, markup=False, highlight=False, style="dim")
    console.print("\nTargets")
    for met, text in check_targets(results):
        sign, style = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("–", "dim")}[met]
        console.print(f" {sign} {text}", markup=False, highlight=False, style=style)


def to_markdown(results: list[Result]) -> str:
    """Return the same as Markdown."""
    rows, reasons = build_rows(results)
    lines = [" | ".join(HEADS), " | ".join(["---"] * 2 + ["---:"] * (len(HEADS) - 2)), *(" | ".join(r) for r in rows)]
    table = "\n".join(f"| {line} |" for line in lines)
    notes = "\n".join(f"- {line}" for line in (*NOTES, *(f"[{i}] {text}" for i, text in enumerate(reasons, 1))))
    signs = {True: "✓", False: "✗", None: "–"}
    targets = "\n".join(f"- {signs[met]} {text}" for met, text in check_targets(results))
    return f"{describe_environment()}\n\n{table}\n\n{notes}\n\n{targets}\n"
