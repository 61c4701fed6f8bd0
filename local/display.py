"""Terminal output of the commands: lines, errors and, on a terminal, a live progress bar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich import progress as bars
from rich.console import Console
from rich.markup import escape

from local.photos import make_printable

if TYPE_CHECKING:
    from sora_ready.domain.errors import JobError

# Each status's share of the way in percent, before the server has reported any progress.
_STATUS_PERCENT = {"received": 3, "ready": 6, "submitting": 9, "queued": 12, "in_progress": 14, "completed": 100}
_STATUS_TEXT = {
    "received": "the frame is being made",
    "ready": "the frame is saved, nothing sent yet",
    "submitting": "being sent to the video server",
    "queued": "waiting at the video server",
    "in_progress": "being rendered",
    "held": "waiting for tomorrow's budget",
    "completed": "the video is in the output bucket",
}
# A job leaves these so soon that a poll may miss them. They get no line, so that the output is always the same.
_BRIEF_STATUSES = {"received"}


class Display:
    """Prints lines, and errors to stderr."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._started = time.monotonic()

    def print_step(self, line: str) -> None:
        """Print a finished step, with the seconds since the start."""
        self.console.print(f"[green]✓[/] {escape(line)} [dim]{time.monotonic() - self._started:.1f} s[/]")

    def print_line(self, line: str = "") -> None:
        """Print a line as it is."""
        self.console.print(escape(line))

    def print_total(self, line: str) -> None:
        """Print a final line, with the seconds since the start."""
        self.console.print(f"{escape(line)}  [dim]{time.monotonic() - self._started:.1f} s[/]")

    def print_warning(self, line: str) -> None:
        """Print what went wrong, where the command continues."""
        self.console.print(f"[yellow]![/] {escape(line)}")

    def print_error(self, line: str) -> None:
        """Print what went wrong and what to do."""
        self._errors.print(f"[bold red]✗[/] {escape(line)}")


class _ProgressBar:
    """A bar that is on the screen during a `with` block, on a terminal only."""

    def __init__(self, display: Display, total: int, *columns: bars.ProgressColumn, description: str = "") -> None:
        self._display = display
        self._visible = display.console.is_terminal and total > 0
        self._progress = bars.Progress(*columns, console=display.console, transient=True, disable=not self._visible)
        self._task = self._progress.add_task(description, total=total)

    def __enter__(self) -> Self:
        if self._visible:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._visible:
            self._progress.stop()


class JobProgress(_ProgressBar):
    """Shows a job on its way: each status that it reaches, the server's progress, and errors that will be retried."""

    def __init__(self, display: Display) -> None:
        percent, description = bars.TextColumn("{task.percentage:>3.0f} %"), bars.TextColumn("{task.description}")
        columns = (bars.SpinnerColumn(), bars.BarColumn(bar_width=32), percent, description, bars.TimeElapsedColumn())
        super().__init__(display, 100, *columns, description="waiting for the bucket's event")
        self._shown: tuple[str | None, int | None, str | None] = (None, None, None)

    def show(self, status: str, percent: int | None = None, error: JobError | None = None) -> None:
        """Show where the job is now; `percent` is the server's own progress."""
        before, self._shown = self._shown, (status, percent, error.code if error else None)
        if before == self._shown:
            return
        text = _STATUS_TEXT.get(status, "")
        completed = max(_STATUS_PERCENT.get(status, 0), min(percent or 0, 98 if status != "completed" else 100))
        self._progress.update(self._task, completed=completed, description=f"{status}: {text}")
        if before[0] != status and text and status not in _BRIEF_STATUSES:
            self._display.print_step(f"{status}: {text}")
        elif not self._visible and percent:
            self._display.print_line(f"  rendering {percent} %")
        if error and error.code != before[2] and text:
            self._display.print_warning(" ".join(filter(None, [error.message, error.hint, "Trying again."])))


class PhotoProgress(_ProgressBar):
    """Counts photos: on a terminal with a bar, elsewhere with a line for each."""

    def __init__(self, display: Display, total: int) -> None:
        description = bars.TextColumn("{task.description}", markup=False)
        columns = (bars.BarColumn(bar_width=32), bars.MofNCompleteColumn(), bars.TimeRemainingColumn(), description)
        super().__init__(display, total, *columns)
        self._total, self._done = total, 0

    def count(self, name: str, outcome: str) -> None:
        """Count a photo that is done, and show its outcome."""
        self._done += 1
        self._progress.update(self._task, completed=self._done, description=make_printable(name))
        if not self._visible:
            self._display.print_line(make_printable(f"{self._done}/{self._total} {name} {outcome}"))
