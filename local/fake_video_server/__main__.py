"""The fake video server as a process: `python -m local.fake_video_server`."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from .config import FakeVideoServerConfig
from .server import serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; prints one line when ready."""
    config = _config(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with serve(config) as fake_server:
        # Flushed, because whoever started this waits for the line on a pipe.
        print(f"fake video server Videos API on {fake_server.base_url}", flush=True)
        ended.wait()


def _config(arguments: Sequence[str] | None) -> FakeVideoServerConfig:
    defaults = FakeVideoServerConfig()
    parser = argparse.ArgumentParser(
        prog="python -m local.fake_video_server", description="A fake video server Videos API."
    )
    parser.add_argument("--host", default=defaults.host, help="loopback address (%(default)s)")
    parser.add_argument("--port", type=int, default=4010, help="0 takes a free one (%(default)s)")
    parser.add_argument("--key", default=defaults.key, help="the API key to ask for (%(default)s)")
    parser.add_argument("--data", type=Path, help="directory to keep jobs, videos and the request_log in")
    parser.add_argument(
        "--render-seconds",
        type=float,
        default=defaults.render_seconds,
        help="the least time a job takes (%(default)s)",
    )
    parser.add_argument(
        "--poll-after-ms",
        type=int,
        default=defaults.poll_after_ms,
        help="advice on when to ask again (%(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        return FakeVideoServerConfig(**vars(options))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
