"""`make bench`: this project's frames beside those of Pillow as taught, FFmpeg and libvips, in one table.

And the cold start of the function `api`, beside that of what it is made with.

Timings are no assertions: the exit code says only whether everything of ours ran.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from tests.bench.cold_start import describe, measure_cold_start
from tests.bench.measure import Result, measure
from tests.bench.peers import MODES
from tests.bench.pictures import PICTURES, make_pictures
from tests.bench.report import show, write_markdown

API = "api"
KEYS = (*PICTURES, API)


def read_arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", type=read_keys, default=list(KEYS), help=f"of {','.join(KEYS)}")
    parser.add_argument("--mode", choices=MODES, help="only this mode")
    parser.add_argument("--rounds", type=int, help="exactly this many rounds (else as many as fit a few seconds)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    return parser.parse_args()


def read_keys(text: str) -> list[str]:
    """Read `jpeg12,png12`."""
    keys = text.split(",")
    if unknown := set(keys) - set(KEYS):
        raise argparse.ArgumentTypeError(f"nothing of this name to measure: {', '.join(sorted(unknown))}")
    return keys


def main() -> int:
    """Make the pictures, measure, show."""
    arguments = read_arguments()
    console = Console()
    progress = Console(stderr=True)
    results: list[Result] = []
    pictures = [key for key in arguments.only if key in PICTURES]
    started = ""
    # Whoever stops a long run still gets what it has found out.
    with suppress(KeyboardInterrupt), progress.status("…") as status:
        for picture in make_pictures(pictures):
            status.update(f"making {picture.title} (once)")
        for key in pictures:
            for mode in [arguments.mode] if arguments.mode else MODES:
                status.update(f"measuring {PICTURES[key].title}, {mode}")
                results.append(measure(PICTURES[key], mode, arguments.rounds))
        if API in arguments.only:
            status.update("measuring the cold start of api")
            started = describe(*measure_cold_start())
    if results:
        show(console, results)
    console.print(f" {started}", markup=False, highlight=False)
    if arguments.markdown:
        arguments.markdown.write_text(f"{write_markdown(results)}- {started}\n", encoding="utf-8")
    return 1 if any("ours" in result.reasons for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
