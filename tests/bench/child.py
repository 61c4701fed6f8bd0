"""One peer at work in a process of its own: `python -m tests.bench.child PEER PICTURE MODE [OUTPUT]`.

With OUTPUT it makes the frame once, for its memory. Without, it makes one frame for every line it is sent and answers
with the seconds that took.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.bench.peers import PEERS, Unable


def main(peer: str, picture: str, mode: str, output: str = "") -> None:
    """Work until the other side closes the pipe."""
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
    except Unable as reason:
        print(f"unable: {reason}", flush=True)
    except Exception as error:  # noqa: BLE001 - one peer's failure is a line in the table, not its end
        print(f"failed: {type(error).__name__}: {error}".splitlines()[0], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
