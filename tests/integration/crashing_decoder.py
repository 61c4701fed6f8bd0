"""Decoders that crash, and adapters that fail at a chosen moment of a decode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.domain.imaging import ReadyImage, make_ready_image
from sora_ready.domain.job import Job, ReadyCopy, SourceObject
from sora_ready.domain.job_id import make_job_id
from sora_ready.pipeline import normalize as step

from .run_steps import normalize
from .stack_fixtures import TEMPLATE, Stack, picture

QUEUE = TEMPLATE["Resources"]["NormalizeQueue"]["Properties"]
VISIBILITY_SECONDS = QUEUE["VisibilityTimeout"]
"""How long the message of a function that crashed stays invisible."""
MAX_RECEIVES = QUEUE["RedrivePolicy"]["maxReceiveCount"]
DECODE_TIMEOUT_SECONDS = 90

Decode = Callable[..., ReadyImage]
Meanwhile = Callable[[], object]
real_decode: Decode = make_ready_image


class Killed(BaseException):
    """The end of the process: nothing in the product catches it, so nothing is cleaned up either."""


class Decoder:
    """Replaces the product's decoder: each decode raises the next of `errors`, and succeeds when none is left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException] = []
        self.decodes = 0
        monkeypatch.setattr(step, "make_ready_image", self.decode)

    def decode(self, *arguments: Any, **options: Any) -> ReadyImage:
        self.decodes += 1
        if self.errors:
            raise self.errors.pop(0)
        return real_decode(*arguments, **options)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Decoder:
    return Decoder(monkeypatch)


@pytest.fixture
def source(stack: Stack) -> SourceObject:
    """An upload that every decoder can read, and that asks for a small frame."""
    return stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48")


def crash(
    stack: Stack, decoder: Decoder, source: SourceObject, *, wait: float = VISIBILITY_SECONDS, **fields: Any
) -> Job:
    """Deliver the message to a function that its decoder kills, and wait until the message is visible again."""
    decoder.errors.insert(0, Killed())
    with pytest.raises(Killed):
        normalize(stack, source, **fields)
    stack.clock.advance(seconds=wait)
    return job_of(stack, source)


def job_of(stack: Stack, source: SourceObject) -> Job:
    """Return the upload's job as its record is."""
    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    return job


class InterruptedTable(JobTable):
    """Runs `meanwhile` once, right before its first write: what was read before is stale then."""

    def __init__(self, stack: Stack, meanwhile: Meanwhile) -> None:
        super().__init__(stack.dynamodb, stack.table, now=stack.clock)
        self._meanwhile: list[Meanwhile] = [meanwhile]

    def put_job(self, job: Job) -> Job:
        self._interrupt()
        return super().put_job(job)

    def update_job(self, job: Job, **parts: Any) -> Job:
        self._interrupt()
        return super().update_job(job, **parts)

    def _interrupt(self) -> None:
        while self._meanwhile:
            self._meanwhile.pop()()


class ThrottledTable(JobTable):
    """Throttles every write of a job that `refuses` returns True for."""

    def __init__(self, stack: Stack, refuses: Callable[[Job], bool]) -> None:
        super().__init__(stack.dynamodb, stack.table, now=stack.clock)
        self._refuses = refuses

    def put_job(self, job: Job) -> Job:
        if self._refuses(job):
            raise throttled()
        return super().put_job(job)

    def update_job(self, job: Job, **parts: Any) -> Job:
        if self._refuses(job):
            raise throttled()
        return super().update_job(job, **parts)


class MissingOutputBucket(OutputBucket):
    """Runs `meanwhile` when a copy is to be saved, and then fails to save it."""

    def __init__(self, stack: Stack, meanwhile: Meanwhile = lambda: None) -> None:
        super().__init__(stack.s3, "nowhere")
        self.meanwhile = meanwhile

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> ReadyCopy:
        self.meanwhile()
        return super().put_ready_copy(job_id, ready)


def throttled() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "too many requests"}}, "PutItem")
