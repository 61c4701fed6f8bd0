"""Which attempts to decode a picture are on record, so that one which killed its function is noticed later."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import ImageRejected, TransitionRefused
from sora_ready.domain.job import Decoding, Job, JobConditions, Status, timestamp

MAX_CRASHES = 2
# Each write that fails lost a race against another delivery of the same event: there are never many.
WRITE_ATTEMPTS = 5


class DecodeAttempts:
    """The attempts at one picture, for the block that decodes it and records the result.

    An error that leaves the block takes this attempt off the record: a function that can raise was not killed by its
    decoder. An attempt older than `timeout_seconds` is dead.
    """

    def __init__(self, jobs: JobTable, timeout_seconds: int) -> None:
        self._jobs = jobs
        self._timeout = timedelta(seconds=timeout_seconds)
        self._started: Job | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started and isinstance(error, Exception):
            # The message is retried because of `error`, which nothing that happens here may replace.
            with suppress(Exception):
                self._remove(self._started)

    def start(self, job: Job) -> Job:
        """Record one more attempt for a `received` job, which may have no record yet; return the job.

        The job is beyond `received` if another delivery of the same event got there meanwhile. Raises `ImageRejected`
        (`decoder_crashed`) if two attempts died, `TransitionRefused` if the record changes too fast.
        """
        for _ in range(WRITE_ATTEMPTS):
            self._check_crashes(job.decoding)
            decoding = Decoding((*job.decoding.started_at, timestamp(self._jobs.now())))
            try:
                # A job without a record has no history.
                started = replace(job, decoding=decoding)
                self._started = self._update(job, decoding) if job.history else self._jobs.put_job(started)
                return self._started
            except TransitionRefused as error:
                refusal, job = error, self._jobs.get_job(job.id) or job
                if job.status is not Status.RECEIVED:
                    return job
        raise refusal

    def _update(self, job: Job, decoding: Decoding) -> Job:
        conditions = JobConditions(decoding=job.decoding)
        return self._jobs.update_job(job, conditions=conditions, decoding=decoding)

    def _check_crashes(self, decoding: Decoding) -> None:
        timed_out = self._jobs.now() - self._timeout
        crashes = [started for started in decoding.started_at if datetime.fromisoformat(started) < timed_out]
        if len(crashes) >= MAX_CRASHES:
            raise ImageRejected(
                "decoder_crashed",
                f"The picture crashed its decoder {len(crashes)} times, or used up its memory or time. Export it "
                "again as a plain JPEG, or shrink it, and upload that.",
                attempts=len(crashes),
            )

    def _remove(self, job: Job) -> None:
        own = job.decoding.started_at[-1]
        for _ in range(WRITE_ATTEMPTS):
            left = list(job.decoding.started_at)
            left.remove(own)
            try:
                self._update(job, Decoding(tuple(left)))
                return
            except TransitionRefused as refusal:
                if refusal.current != Status.RECEIVED:
                    return
                job = self._jobs.get_job(job.id) or job
