"""Spreads work over processes, so that a decoder that crashes its process costs one picture and no other."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# New interpreters: a fork would copy the threads of this process, and leave their locks closed.
_PROCESSES = multiprocessing.get_context("spawn")


class _Worker(Generic[T]):
    """A process that does one task after the other, from its first one on; `task` is the latest."""

    def __init__(self, work: Callable[[T], object], number: int, task: T) -> None:
        self.connection, child_end = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(target=_serve, args=(work, child_end), daemon=True)
        # Ctrl-C reaches every process of a terminal; only this one shall act on it. The new process inherits the
        # setting, so it ignores the signal from its first moment on.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        # Only the worker holds its end, so that the connection closes when the worker dies.
        child_end.close()
        self.start_task(number, task)

    def start_task(self, number: int, task: T) -> None:
        self.task = number, task
        # If the worker has died already, receiving its result raises.
        with suppress(OSError):
            self.connection.send(task)

    def stop(self) -> None:
        # Killed before the connection closes, or it would report that it cannot send its result.
        self._process.kill()
        self.connection.close()
        self._process.join()
        self._process.close()


def spread_work(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Generator[tuple[int, R | None]]:
    """Yield each task's number and the result of `work`, as they finish, from up to `jobs` processes.

    A task whose process died is repeated once, alone, in a new process after all others: memory may then suffice. Its
    result is None if that process dies too. Close the iterator to end everything at once. `work` and the tasks must
    pickle; `work` must not raise.
    """
    crashed: list[tuple[int, T]] = []
    for number, result in _run_all(work, list(enumerate(tasks)), jobs, crashed):
        yield number, result
    for number, task in sorted(crashed, key=lambda pair: pair[0]):
        crashed_again: list[tuple[int, T]] = []
        yield from _run_all(work, [(number, task)], 1, crashed_again)
        if crashed_again:
            yield number, None


def _run_all(
    work: Callable[[T], R], tasks: Sequence[tuple[int, T]], jobs: int, crashed: list[tuple[int, T]]
) -> Iterator[tuple[int, R]]:
    """Yield results as they come; add the tasks whose processes died to `crashed`."""
    waiting = list(reversed(tasks))
    workers: list[_Worker[T]] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                workers.append(_Worker(work, *waiting.pop()))
            ready = wait([worker.connection for worker in workers])
            for worker in [worker for worker in workers if worker.connection in ready]:
                task = worker.task
                try:
                    result: R = worker.connection.recv()
                except (EOFError, OSError):
                    # The process ended: a decoder crashed, or the system killed it for its memory.
                    crashed.append(task)
                    workers.remove(worker)
                    worker.stop()
                    continue
                if waiting:
                    worker.start_task(*waiting.pop())
                else:
                    workers.remove(worker)
                    worker.stop()
                yield task[0], result
    finally:
        for worker in workers:
            worker.stop()


def _serve(work: Callable[[T], R], connection: Connection) -> None:
    """Do each task from the connection until it is closed."""
    with suppress(EOFError):
        while True:
            connection.send(work(connection.recv()))
