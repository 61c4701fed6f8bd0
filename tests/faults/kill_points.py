"""The boundaries that a worker passes, and what may happen to it there: it is killed, or it stops for a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sora_ready.adapters.video_server.client import VideoServerClient


class Killed(BaseException):
    """A worker that is no more: nothing that handles errors sees it."""


class KillPoints:
    """Names every boundary that a worker passes, and strikes at those that are planned.

    A boundary is `step:call#number`: `submit:dynamodb.GetItem#2` comes after the second such call of that step. Instead
    of a kill, `pause` may be what happens there; the worker then goes on as if nothing had been. `kill_in` plans a kill
    after so many more boundaries, whatever their names.
    """

    def __init__(self, planned: tuple[str, ...] = (), pause: Callable[[], None] | None = None) -> None:
        self.planned = list(planned)
        self.pause = pause
        self.passed: list[str] = []
        self.struck: list[str] = []
        self.kill_in: int | None = None
        self._step = ""
        self._counts: Counter[str] = Counter()

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """A worker does one thing: its boundaries bear the step's name."""
        before, self._step = self._step, step
        try:
            self.reach("start")
            yield
        finally:
            self._step = before

    def reach(self, what: str) -> None:
        """Pass a boundary; raises `Killed` where that is planned."""
        if not self._step:
            return
        name = f"{self._step}:{what}"
        self._counts[name] += 1
        point = f"{name}#{self._counts[name]}"
        self.passed.append(point)
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in < 0:
                self.kill_in = None
                raise Killed(point)
        if point not in self.planned:
            return
        self.planned.remove(point)
        self.struck.append(point)
        if not self.pause:
            raise Killed(point)
        self.pause()


class KillableServer:
    """The video server as a worker sees it, with a boundary after each request."""

    def __init__(self, video_server: VideoServerClient, points: KillPoints) -> None:
        self._api = video_server
        self._points = points

    def submit_video(self, *given: Any) -> Any:
        answer = self._api.submit_video(*given)
        self._points.reach("submit_video")
        return answer

    def read_video(self, video_id: str) -> Any:
        answer = self._api.read_video(video_id)
        self._points.reach("read_video")
        return answer

    def list_videos(self, since: datetime) -> Any:
        answer = self._api.list_videos(since)
        self._points.reach("list_videos")
        return answer

    def download_video(self, *given: Any, **options: Any) -> None:
        self._api.download_video(*given, **options)
        self._points.reach("download_video")
