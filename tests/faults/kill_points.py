"""The boundaries that a worker passes. At each of them a test can kill the worker, or pause it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sora_ready.adapters.video_server.client import VideoServerClient


class WorkerKilled(BaseException):
    """The end of a worker's process. No code that handles errors catches it."""


class KillPoints:
    """Names every boundary that a worker passes, and kills the worker at the planned ones.

    A boundary is `step:call#number`: `submit:dynamodb.GetItem#2` follows the second such call of that step. If `pause`
    is set, it runs at a planned boundary instead of a kill, and the worker continues afterwards. `kill_after` plans one
    kill after so many more boundaries, whatever their names.
    """

    def __init__(self, planned: tuple[str, ...] = (), pause: Callable[[], None] | None = None) -> None:
        self.planned = list(planned)
        self.pause = pause
        self.passed: list[str] = []
        self.triggered: list[str] = []
        self.kill_after: int | None = None
        self._step = ""
        self._counts: Counter[str] = Counter()

    @contextmanager
    def worker(self, step: str) -> Iterator[None]:
        """Run a worker: the boundaries that it passes are named after its step."""
        outer, self._step = self._step, step
        try:
            self.pass_boundary("start")
            yield
        finally:
            self._step = outer

    def pass_boundary(self, call: str) -> None:
        """Count a boundary after `call`. Raises `WorkerKilled` if a kill is planned there."""
        if not self._step:
            return
        name = f"{self._step}:{call}"
        self._counts[name] += 1
        boundary = f"{name}#{self._counts[name]}"
        self.passed.append(boundary)
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                self.kill_after = None
                raise WorkerKilled(boundary)
        if boundary not in self.planned:
            return
        self.planned.remove(boundary)
        self.triggered.append(boundary)
        if not self.pause:
            raise WorkerKilled(boundary)
        self.pause()


class KillableVideoServer:
    """The video server as a worker sees it, with a boundary after each request."""

    def __init__(self, client: VideoServerClient, kill_points: KillPoints) -> None:
        self._client = client
        self._kill_points = kill_points

    def submit_video(self, *arguments: Any) -> Any:
        response = self._client.submit_video(*arguments)
        self._kill_points.pass_boundary("submit_video")
        return response

    def read_video(self, video_id: str) -> Any:
        response = self._client.read_video(video_id)
        self._kill_points.pass_boundary("read_video")
        return response

    def list_videos(self, since: datetime) -> Any:
        videos = self._client.list_videos(since)
        self._kill_points.pass_boundary("list_videos")
        return videos

    def download_video(self, *arguments: Any, **options: Any) -> None:
        self._client.download_video(*arguments, **options)
        self._kill_points.pass_boundary("download_video")
