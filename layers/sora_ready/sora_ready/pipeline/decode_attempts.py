"""Which decodes of a picture were begun, on record, so that one that killed its function is known of afterwards."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import ImageRejected, TransitionRefused
from sora_ready.domain.job import Job, Status, timestamp

MAX_DEAD = 2
# Each try that fails is another delivery of the same event that got further meanwhile: there are never many.
TRIES = 5


class DecodeAttempts:
    """The attempts at one picture, for the block in which it is decoded and what came of it is recorded.

    An error that leaves the block takes this attempt off the record, as a function that can still raise one was not
    killed by its decoder. No attempt is older than `timeout_seconds` and alive.
    """

    def __init__(self, jobs: JobTable, timeout_seconds: int) -> None:
        self._jobs = jobs
        self._timeout = timedelta(seconds=timeout_seconds)
        self._begun: Job | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun and isinstance(error, Exception):
            # The message comes back because of `error`: whatever happens here must not be told in its place.
            with suppress(Exception):
                self._take_off(self._begun)

    def begin(self, job: Job) -> Job:
        """Put one more attempt on the record of a `received` job, the first if it has no record yet; return the job.

        What is returned is beyond `received` where another delivery of the same event got there meanwhile. Raises
        `ImageRejected` (`decoder_crashed`) if two attempts died, `TransitionRefused` if the record changes too fast.
        """
        for _ in range(TRIES):
            self._check_dead(_decodes_of(job))
            attempt = {"decodes": [*_decodes_of(job), timestamp(self._jobs.now())]}
            try:
                # A job that was never written has no history.
                written = (
                    self._jobs.update_job(job, only=_as_seen(job), attempt=attempt)
                    if job.history
                    else self._jobs.put_job(Job.from_record(job.as_record() | {"attempt": attempt}))
                )
            except TransitionRefused as refused:
                refusal, job = refused, self._jobs.get_job(job.id) or job
                if job.status is not Status.RECEIVED:
                    return job
            else:
                self._begun = written
                return written
        raise refusal

    def _check_dead(self, decodes: list[str]) -> None:
        over = self._jobs.now() - self._timeout
        dead = [begun for begun in decodes if datetime.fromisoformat(begun) < over]
        if len(dead) >= MAX_DEAD:
            raise ImageRejected(
                "decoder_crashed",
                f"The picture brought down the program that decodes it {len(dead)} times: by a crash, or for want of "
                "memory or time. Export it again as a plain JPEG, or shrink it, and upload that.",
                attempts=len(dead),
            )

    def _take_off(self, job: Job) -> None:
        own = _decodes_of(job)[-1]
        for _ in range(TRIES):
            left = _decodes_of(job)
            left.remove(own)
            try:
                self._jobs.update_job(job, only=_as_seen(job), attempt={"decodes": left})
            except TransitionRefused as refusal:
                if refusal.current != Status.RECEIVED:
                    return
                job = self._jobs.get_job(job.id) or job
            else:
                return


def _as_seen(job: Job) -> dict[str, Any]:
    """What must still be on record for this writer to change it: the attempts that it saw."""
    return {"attempt": job.attempt or None}


def _decodes_of(job: Job) -> list[Any]:
    """When each attempt that is on record was begun, oldest first."""
    return list(job.attempt.get("decodes", []))
