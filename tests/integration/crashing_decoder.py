"""Decoders that die, and what lets a decode end badly at a chosen moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.domain.imaging.normalize import ReadyImage
from sora_ready.domain.job import Job, SourceObject
from sora_ready.domain.job_id import make_job_id
from sora_ready.pipeline import normalize as step

from .run_steps import normalize
from .stack_fixtures import TEMPLATE, Stack, picture

QUEUE = TEMPLATE["Resources"]["NormalizeQueue"]["Properties"]
AWAY_SECONDS = QUEUE["VisibilityTimeout"]
"""How long the message of a function that died stays away."""
DELIVERIES = QUEUE["RedrivePolicy"]["maxReceiveCount"]
DECODE_TIMEOUT_SECONDS = 90

Decode = Callable[..., ReadyImage]
Meanwhile = Callable[[], object]
decode_truly: Decode = step.normalize_image


class Killed(BaseException):
    """Stands for the end of the process: nothing in the product catches it, so nothing is cleaned up either."""


class Decoder:
    """Decodes in the product's place: each decode ends as the next of `ends` says, truly when there are no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends: list[BaseException] = []
        self.decodes = 0
        monkeypatch.setattr(step, "normalize_image", self.decode)

    def decode(self, *given: Any, **options: Any) -> ReadyImage:
        self.decodes += 1
        if self.ends:
            raise self.ends.pop(0)
        return decode_truly(*given, **options)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Decoder:
    return Decoder(monkeypatch)


@pytest.fixture
def source(stack: Stack) -> SourceObject:
    """An upload that any decoder reads, and that asks for a small frame."""
    return stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48")


def die(stack: Stack, decoder: Decoder, source: SourceObject, *, away: float = AWAY_SECONDS, **options: Any) -> Job:
    """Deliver the message to a function that its decoder kills, and wait until the message is there again."""
    decoder.ends.insert(0, Killed())
    with pytest.raises(Killed):
        normalize(stack, source, **options)
    stack.clock.advance(seconds=away)
    return found(stack, source)


def found(stack: Stack, source: SourceObject) -> Job:
    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    return job


class Interrupted(JobTable):
    """Lets something else happen, once, right before its first write: what was read before is old news then."""

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


class Failing(JobTable):
    """Says of every write that `refuses` names that there are too many."""

    def __init__(self, stack: Stack, refuses: Callable[[Job], bool]) -> None:
        super().__init__(stack.dynamodb, stack.table, now=stack.clock)
        self._refuses = refuses

    def put_job(self, job: Job) -> Job:
        if self._refuses(job):
            raise too_many()
        return super().put_job(job)

    def update_job(self, job: Job, **parts: Any) -> Job:
        if self._refuses(job):
            raise too_many()
        return super().update_job(job, **parts)


class Unsaved(OutputBucket):
    """Lets something else happen when a copy is to be saved, and then does not save it."""

    def __init__(self, stack: Stack, meanwhile: Meanwhile = lambda: None) -> None:
        super().__init__(stack.s3, "nowhere")
        self.meanwhile = meanwhile

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> dict[str, Any]:
        self.meanwhile()
        return super().put_ready_copy(job_id, ready)


def too_many() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "too many requests"}}, "PutItem")
