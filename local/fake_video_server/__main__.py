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
    """Serve until SIGTERM or SIGINT; print one line when ready."""
    config = _parse_config(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with serve(config) as fake_server:
        # Flushed, because the parent process waits for this line on a pipe.
        print(f"fake video server on {fake_server.base_url}", flush=True)
        stopped.wait()


def _parse_config(arguments: Sequence[str] | None) -> FakeVideoServerConfig:
    defaults = FakeVideoServerConfig()
    parser = argparse.ArgumentParser(prog="python -m local.fake_video_server", description="A fake video server.")
    parser.add_argument("--host", default=defaults.host, help="loopback address (%(default)s)")
    parser.add_argument("--port", type=int, default=4010, help="0 picks a free one (%(default)s)")
    parser.add_argument("--key", default=defaults.key, help="the API key that requests must carry (%(default)s)")
    parser.add_argument("--data", type=Path, help="folder for jobs, videos and the request log")
    seconds, poll_after_ms = defaults.render_seconds, defaults.poll_after_ms
    parser.add_argument("--render-seconds", type=float, default=seconds, help="shortest time per job (%(default)s)")
    parser.add_argument("--poll-after-ms", type=int, default=poll_after_ms, help="advised poll interval (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        return FakeVideoServerConfig(
            key=options.key,
            host=options.host,
            port=options.port,
            data=options.data,
            render_seconds=options.render_seconds,
            poll_after_ms=options.poll_after_ms,
        )
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
