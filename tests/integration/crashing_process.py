"""A process that dies of its decoder. A module of its own: that process loads it."""

from __future__ import annotations

import io
import multiprocessing
import os
import resource
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from botocore.exceptions import ClientError

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket, Upload, UploadBucket
from sora_ready.domain.job import SourceObject
from sora_ready.pipeline import normalize as step

from .crashing_decoder import DECODE_TIMEOUT_SECONDS
from .run_steps import CATALOG
from .stack_fixtures import DEFAULTS, Clock, Stack, picture


class Forwarded:
    """A client whose calls are made by another process, which outlives this one."""

    def __init__(self, ask: Connection, answers: Connection) -> None:
        self._ask, self._answers = ask, answers

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self._ask.send((name, arguments))
            answer = self._answers.recv()
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class InMemory(UploadBucket):
    """One upload that needs no bucket."""

    def __init__(self) -> None:
        pass

    def open_upload(self, source: SourceObject) -> Upload:
        return Upload(io.BytesIO(picture(80, 60)), 1000, {}, 0)


def normalize_and_die(
    ask: Connection, answers: Connection, table: str, clock: Clock, source: SourceObject, ending: int
) -> None:
    """Run the step, as a process of its own, on a picture whose decoder ends it with a signal."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    step.normalize_image = lambda *_, **__: os.kill(os.getpid(), ending)  # type: ignore[assignment]
    step.normalize_upload(
        source,
        jobs=JobTable(Forwarded(ask, answers), table, now=clock),  # type: ignore[arg-type]
        uploads=InMemory(),
        outputs=OutputBucket(None, "nowhere"),  # type: ignore[arg-type]
        catalog=CATALOG,
        defaults=DEFAULTS,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=DECODE_TIMEOUT_SECONDS,
    )


def die_as_process(stack: Stack, source: SourceObject, ending: int) -> int | None:
    """Have a process run the step and die of its decoder; return its exit code. Its table is this test's."""
    processes = multiprocessing.get_context("spawn")
    (asked, ask), (answers, answer) = processes.Pipe(duplex=False), processes.Pipe(duplex=False)
    process = processes.Process(
        target=normalize_and_die, args=(ask, answers, stack.table, stack.clock, source, int(ending))
    )
    process.start()
    ask.close()
    answers.close()
    # The other end is closed by the death of the process, and by nothing else.
    with suppress(EOFError):
        while True:
            name, arguments = asked.recv()
            try:
                answer.send(getattr(stack.dynamodb, name)(**arguments))
            except ClientError as error:
                answer.send(error)
    process.join(60)
    asked.close()
    answer.close()
    return process.exitcode
