"""Work spread over processes, so that a decoder that brings one down costs one picture and no other."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# A fresh interpreter each: a fork would copy whatever threads this process has, and leave their locks shut.
_PROCESSES = multiprocessing.get_context("spawn")


class _Died(Exception):
    """The process ended while it had something to do: a crash of a decoder, or the system took its memory back."""


class _Worker(Generic[T, R]):
    def __init__(self, work: Callable[[T], R]) -> None:
        self.line, far_end = _PROCESSES.Pipe()
        self.task: tuple[int, T] | None = None
        self._process = _PROCESSES.Process(target=_serve, args=(work, far_end), daemon=True)
        # Ctrl-C reaches every process of a terminal; this one alone decides what becomes of it. It is ignored from the
        # first moment of the new process, before that could say so itself.
        heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, heeded)
        # Held by the worker alone, so that its end is heard here.
        far_end.close()

    def give(self, number: int, task: T) -> None:
        self.task = number, task
        # One that is dead already is heard of when its answer is taken.
        with suppress(OSError):
            self.line.send(task)

    def take(self) -> R:
        try:
            answer: R = self.line.recv()
        except (EOFError, OSError):
            raise _Died from None
        return answer

    def end(self) -> None:
        # First of all, or it would complain that nobody takes its answer.
        self._process.kill()
        self.line.close()
        self._process.join()
        self._process.close()


def spread_work(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Generator[tuple[int, R | None]]:
    """Yield each task's number and what `work` returned for it, as they finish, from up to `jobs` processes.

    What a process died of is tried once more, alone, in a fresh process when all else is done: memory that was short
    may then suffice. It yields None where that process dies too. Close the iterator to end everything at once. `work`
    and the tasks must pickle; `work` must not raise.
    """
    crashed: list[tuple[int, T]] = []
    for number, result in _run_all(work, list(enumerate(tasks)), jobs, crashed):
        yield number, result
    for number, task in sorted(crashed, key=lambda pair: pair[0]):
        again: list[tuple[int, T]] = []
        yield from _run_all(work, [(number, task)], 1, again)
        if again:
            yield number, None


def _run_all(
    work: Callable[[T], R], tasks: Sequence[tuple[int, T]], jobs: int, crashed: list[tuple[int, T]]
) -> Iterator[tuple[int, R]]:
    """Yield results as they come; the tasks that processes died of are added to `crashed`."""
    waiting = list(reversed(tasks))
    workers: dict[Any, _Worker[T, R]] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                worker = _Worker(work)
                workers[worker.line] = worker
                worker.give(*waiting.pop())
            for line in wait(list(workers)):
                worker = workers[line]
                assert worker.task is not None
                done = worker.task
                try:
                    result = worker.take()
                except _Died:
                    crashed.append(done)
                    workers.pop(line).end()
                    continue
                if waiting:
                    worker.give(*waiting.pop())
                else:
                    workers.pop(line).end()
                yield done[0], result
    finally:
        for worker in workers.values():
            worker.end()


def _serve(work: Callable[[Any], Any], line: Connection) -> None:
    """Answer each task on the line until it is closed."""
    with suppress(EOFError):
        while True:
            line.send(work(line.recv()))
