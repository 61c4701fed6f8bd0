"""What a person sees while many photos become frames: how far it is, and in the end what was refused and why."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from local.photos import Refusal, make_printable


class ProgressReport:
    """Counts photos: on a terminal with a bar, elsewhere with a line for each."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._total, self._done = total, 0
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and self._total:
            self._progress = Progress(
                BarColumn(bar_width=32),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
                console=self._console,
                transient=True,
            )
            self._bar = self._progress.add_task("", total=self._total)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def count(self, name: str, outcome: str) -> None:
        """Count a photo that is dealt with, and say what came of it."""
        self._done += 1
        if self._progress and self._bar is not None:
            self._progress.update(self._bar, completed=self._done, description=make_printable(name))
        else:
            self.say(f"{self._done}/{self._total} {name} {outcome}")

    def say(self, line: str) -> None:
        """Write a line as it is."""
        self._console.print(escape(make_printable(line)))

    def say_time(self, line: str) -> None:
        """Write a line with the time it all took."""
        self._console.print(f"{escape(make_printable(line))}  [dim]{time.monotonic() - self._began:.1f} s[/]")

    def list_refusals(self, refusals: Iterable[Refusal]) -> None:
        """Say of each what was refused, its code, and why; frames that were there already are told in one line."""
        listed = list(refusals)
        there = [refusal for refusal in listed if refusal.code == "exists"]
        if len(there) > 1:
            listed = [refusal for refusal in listed if refusal.code != "exists"]
            self._errors.print(
                f"[bold red]✗[/] {len(there)} frames were there already (exists). --force replaces them."
            )
        for refusal in listed:
            told = escape(make_printable(f"{refusal.name} ({refusal.code}): {refusal.message}"))
            self._errors.print(f"[bold red]✗[/] {told}")
