"""`make bench` compares this project's imaging with Pillow, FFmpeg and libvips, in one table.

It also compares the cold start of the function `api` with that of its libraries. A timing never fails: the exit code is
1 only if our own code did not run.
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
from tests.bench.pictures import PICTURES, draw_missing_pictures
from tests.bench.report import print_report, to_markdown

API = "api"
KEYS = (*PICTURES, API)


def read_arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", type=read_keys, default=list(KEYS), help=f"only these, of {','.join(KEYS)}")
    parser.add_argument("--mode", choices=MODES, help="only this mode")
    parser.add_argument("--rounds", type=int, help="the number of rounds (default: as many as fit into a few seconds)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table to this file")
    return parser.parse_args()


def read_keys(text: str) -> list[str]:
    """Parse `jpeg12,png12`."""
    keys = text.split(",")
    if unknown := set(keys) - set(KEYS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return keys


def main() -> int:
    """Draw the pictures, measure, and print the table."""
    arguments = read_arguments()
    console = Console()
    progress = Console(stderr=True)
    results: list[Result] = []
    pictures = [key for key in arguments.only if key in PICTURES]
    cold_start = ""
    # Ctrl-C prints what has been measured so far.
    with suppress(KeyboardInterrupt), progress.status("…") as status:
        for picture in draw_missing_pictures(pictures):
            status.update(f"drawing {picture.title} (once)")
        for key in pictures:
            for mode in [arguments.mode] if arguments.mode else MODES:
                status.update(f"measuring {PICTURES[key].title}, {mode}")
                results.append(measure(PICTURES[key], mode, arguments.rounds))
        if API in arguments.only:
            status.update("measuring the cold start of api")
            cold_start = describe(*measure_cold_start())
    if results:
        print_report(console, results)
    console.print(f" {cold_start}", markup=False, highlight=False)
    if arguments.markdown:
        arguments.markdown.write_text(f"{to_markdown(results)}- {cold_start}\n", encoding="utf-8")
    return 1 if any("ours" in result.reasons for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
