"""What a person sees while a picture becomes a video: steps with their times, then the job's own progress."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# How far along each status is, of 100, before the server has said anything itself.
_SHARE = {"received": 3, "ready": 6, "submitting": 9, "queued": 12, "in_progress": 14, "completed": 100}
_WORDS = {
    "received": "seen, the frame is being made",
    "ready": "the frame is saved, nothing sent yet",
    "submitting": "being sent to the video server",
    "queued": "waiting at the video server",
    "in_progress": "being rendered",
    "held": "waiting for tomorrow's budget",
    "completed": "the video is in the output bucket",
}
# Over so soon that it is chance whether it is seen at all; what is printed shall not depend on that.
_PASSING = {"received"}


class Display:
    """Writes to a terminal with a live bar, to anything else line by line."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._shown: tuple[str | int | None, ...] = (None, None, None)

    def say_done(self, line: str) -> None:
        """Tick off a step."""
        self._console.print(f"[green]✓[/] {escape(line)} [dim]{time.monotonic() - self._began:.1f} s[/]")

    def say_plain(self, line: str = "") -> None:
        """Write a line as it is."""
        self._console.print(escape(line))

    def say_failed(self, line: str) -> None:
        """Say in one line what went wrong and what to do."""
        self._errors.print(f"[bold red]✗[/] {escape(line)}")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=32),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._progress.add_task("waiting for the bucket's event", total=100)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def show_job(self, job: dict[str, Any]) -> None:
        """Show where the job is; each status is ticked off as it is reached."""
        status, progress = job["status"], job.get("server", {}).get("progress")
        trouble = job.get("error", {}).get("code")
        before, self._shown = self._shown, (status, progress, trouble)
        if before == self._shown:
            return
        entered = before[0] != status
        words = _WORDS.get(status, "")
        if self._progress and self._task is not None:
            share = max(_SHARE.get(status, 0), min(progress or 0, 98 if status != "completed" else 100))
            self._progress.update(self._task, completed=share, description=f"{status}: {words}")
        if entered and words and status not in _PASSING:
            self.say_done(f"{status}: {words}")
        elif not self._progress and progress:
            self._console.print(f"  rendering {progress} %")
        if trouble and trouble != before[2] and status in _WORDS:
            told = " ".join(filter(None, [job["error"]["message"], job["error"].get("hint"), "Trying again."]))
            self._console.print(f"[yellow]![/] {escape(told)}")
