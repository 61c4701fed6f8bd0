"""Runs one peer in a separate process: `python -m tests.bench.child PEER PICTURE MODE [OUTPUT]`.

With OUTPUT it makes the frame once, to measure its memory. Without, it makes one frame for each line of its input and
prints the seconds that it took.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.bench.peers import PEERS, UnsupportedError


def main(peer: str, picture: str, mode: str, output: str = "") -> None:
    """Run until the input is closed."""
    run, path = PEERS[peer], Path(picture)
    try:
        if output:
            Path(output).write_bytes(run(path, mode))
            return
        for _ in sys.stdin:
            started = time.perf_counter()
            run(path, mode)
            print(time.perf_counter() - started, flush=True)
    except KeyboardInterrupt:
        return
    except UnsupportedError as reason:
        print(f"unsupported: {reason}", flush=True)
    except Exception as error:  # noqa: BLE001 - a failed peer is a footnote of the table
        print(f"failed: {type(error).__name__}: {error}".splitlines()[0], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
