"""A process that its decoder kills. A module of its own, which that process imports."""

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
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.upload_bucket import Upload, UploadBucket
from sora_ready.domain.job import SourceObject
from sora_ready.pipeline import normalize as step

from .crashing_decoder import DECODE_TIMEOUT_SECONDS
from .run_steps import CATALOG
from .stack_fixtures import DEFAULTS, Clock, Stack, picture


class ForwardedClient:
    """A client whose calls are made by another process, which outlives this one."""

    def __init__(self, requests: Connection, responses: Connection) -> None:
        self._requests, self._responses = requests, responses

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self._requests.send((name, arguments))
            response = self._responses.recv()
            if isinstance(response, Exception):
                raise response
            return response

        return call


class OneUpload(UploadBucket):
    """One upload, in memory."""

    def __init__(self) -> None:
        pass

    def open_upload(self, source: SourceObject) -> Upload:
        return Upload(io.BytesIO(picture(80, 60)), 1000, {}, 0)


def normalize_and_crash(
    requests: Connection, responses: Connection, table: str, clock: Clock, source: SourceObject, signal_number: int
) -> None:
    """Run the step, in a process of its own, on a picture whose decoder ends the process with this signal."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    vars(step)["make_ready_image"] = lambda *_, **__: os.kill(os.getpid(), signal_number)
    normalize = step.Normalize(
        jobs=JobTable(ForwardedClient(requests, responses), table, now=clock),  # type: ignore[arg-type] # a fake client
        uploads=OneUpload(),
        outputs=OutputBucket(None, "nowhere"),
        catalog=CATALOG,
        defaults=DEFAULTS,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=DECODE_TIMEOUT_SECONDS,
    )
    normalize(source)


def crash_in_process(stack: Stack, source: SourceObject, signal_number: int) -> int | None:
    """Run the step in a process that its decoder kills, over this stack's table; return its exit code."""
    processes = multiprocessing.get_context("spawn")
    (received, requests), (responses, reply) = processes.Pipe(duplex=False), processes.Pipe(duplex=False)
    process = processes.Process(
        target=normalize_and_crash,
        args=(requests, responses, stack.table, stack.clock, source, int(signal_number)),
    )
    process.start()
    requests.close()
    responses.close()
    # The other end is closed only by the death of the process.
    with suppress(EOFError):
        while True:
            name, arguments = received.recv()
            try:
                reply.send(getattr(stack.dynamodb, name)(**arguments))
            except ClientError as error:
                reply.send(error)
    process.join(60)
    received.close()
    reply.close()
    return process.exitcode
