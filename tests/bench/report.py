"""The table, the footnotes and the targets, for the terminal and for Markdown."""

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

from tests.bench.measure import FULL_COLOR, Result

HEADS = (
    *("picture", "mode", "ours ms"),
    *("article ×", "FFmpeg ×", "libvips ×", "floor ×"),
    *("ours MB", "article MB", "libvips MB", "FFmpeg MB"),
    *("ours dB", "article dB", "libvips dB", "ours SSIM", "article SSIM"),
)
# What the table needs, whatever a pipe or a small window offers.
WIDE = 156
NOTES = (
    "ms: the median of a run, from a path to JPEG bytes. ×: how many times longer than ours the peer takes, the median "
    "of the rounds' ratios; below 1 the peer is faster. In each round every peer runs once, after one run to warm up.",
    "article: Pillow as articles teach it (decode all, Lanczos, cut or fill, quality 95). FFmpeg: scale and crop or "
    "pad, -q:v 2, the start of its process included. libvips: thumbnail, quality 95 at 4:4:4, with as many threads as "
    "it chooses. floor: Pillow's decoding at the smallest scale that serves, and encoding a frame that is ready.",
    "MB: peak resident memory of a process that makes one frame, less that of `python -c pass`; all that is imported "
    "counts. FFmpeg's is its whole process.",
    "dB: PSNR over RGB; SSIM over luma; against the whole picture decoded and scaled by Lanczos in one step, not "
    "encoded. HEIC is one image here; phones write tiles.",
)
NEVER_SLOWER = 1.0
FASTER_THAN_ARTICLE = {"jpeg12": 2.5, "jpeg24": 4.0, "jpeg108": 8.0}
MEMORY = 64e6
LOSS = 0.5


def build_rows(results: Iterable[Result]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the table's cells and the footnotes that its dashes refer to."""
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
    """Return one row's cells; `marks` stands in for what a peer could not do."""

    def cell(peer: str, value: float | None, form: str) -> str:
        return marks.get(peer, "–") if value is None else format(value, form)

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


def judge(results: list[Result]) -> list[tuple[bool | None, str]]:
    """Return each target: met, missed or (None) not measured, and the number it was judged by."""
    cover = {result.picture.key: result for result in results if result.mode == "cover"}
    found: list[tuple[bool | None, str]] = []
    for key, wanted in FASTER_THAN_ARTICLE.items():
        ratio = cover[key].ratio("article") if key in cover else None
        found.append(at_least(ratio, wanted, f"{key} cover: times as fast as the article", "{:.2f}"))
    for label, peer, prefixes, wanted in (
        ("nowhere slower than the article", "article", ("",), NEVER_SLOWER),
        ("JPEG: times as fast as libvips", "libvips", ("jpeg", "progressive"), 1.0),
        ("PNG: times as fast as libvips", "libvips", ("png",), 0.8),
    ):
        ratios = [result.ratio(peer) for result in results if result.picture.key.startswith(prefixes)]
        found.append(at_least(smallest(ratios), wanted, f"{label}, least", "{:.2f}"))
    scores = [result.psnr for result in results if "ours" in result.psnr]
    losses = [psnr["ours"] - psnr["article"] for psnr in scores if "article" in psnr]
    found.append(at_least(smallest(losses), -LOSS, "PSNR at 4:4:4 beside the article's frame, least, dB", "{:+.2f}"))
    exact = smallest(psnr["ours"] - psnr[FULL_COLOR] for psnr in scores)
    label = "beside the exact frame saved at 4:4:4, least, dB"
    found.append((None, f"{label}: {'not measured' if exact is None else format(exact, '+.2f')} (told, not asked)"))
    peaks = [-result.peak["ours"] for result in results if result.picture.key == "jpeg108" and "ours" in result.peak]
    worst = smallest(peaks)
    label = "peak memory of jpeg108, MB"
    found.append((None if worst is None else -worst <= MEMORY, f"{label}: {number(worst, -1e-6)} (at most 64)"))
    return found


def smallest(values: Iterable[float | None]) -> float | None:
    """Return the smallest of the values that are there."""
    return min((value for value in values if value is not None), default=None)


def at_least(value: float | None, wanted: float, label: str, form: str) -> tuple[bool | None, str]:
    """Judge a value that should be large."""
    shown = "not measured" if value is None else form.format(value)
    return None if value is None else value >= wanted, f"{label}: {shown} (at least {wanted:g})"


def number(value: float | None, scale: float) -> str:
    """Return a value in other units."""
    return "not measured" if value is None else f"{value * scale:.0f}"


def describe_place() -> str:
    """Say on what the numbers came to be."""
    version = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=3)
    vips = ".".join(str(pyvips.version(part)) for part in range(3))
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"Pillow {PIL.__version__}, libvips {vips}, FFmpeg {version[2].split('-')[0] if len(version) > 2 else '?'}"
    )


def show(console: Console, results: list[Result]) -> None:
    """Print everything."""
    rows, reasons = build_rows(results)
    table = Table(title=f"Frames of 1280x720 — {describe_place()}", title_justify="left")
    for head in HEADS:
        table.add_column(head.replace(" ", "\n", 1), justify="left" if head in HEADS[:2] else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row), end_section=row[1] == "pad")
    Console(width=max(console.width, WIDE)).print(table)
    for line in (*NOTES, *(f"[{index}] {reason}" for index, reason in enumerate(reasons, 1))):
        console.print(line, markup=False, highlight=False, style="dim")
    console.print("\nTargets")
    for met, text in judge(results):
        sign, style = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("–", "dim")}[met]
        console.print(f" {sign} {text}", markup=False, highlight=False, style=style)


def write_markdown(results: list[Result]) -> str:
    """Return everything as Markdown."""
    rows, reasons = build_rows(results)
    lines = [" | ".join(HEADS), " | ".join(["---"] * 2 + ["---:"] * (len(HEADS) - 2)), *(" | ".join(r) for r in rows)]
    table = "\n".join(f"| {line} |" for line in lines)
    notes = "\n".join(f"- {line}" for line in (*NOTES, *(f"[{i}] {text}" for i, text in enumerate(reasons, 1))))
    signs = {True: "✓", False: "✗", None: "–"}
    targets = "\n".join(f"- {signs[met]} {text}" for met, text in judge(results))
    return f"{describe_place()}\n\n{table}\n\n{notes}\n\n{targets}\n"
