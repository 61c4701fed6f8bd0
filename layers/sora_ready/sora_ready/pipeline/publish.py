"""The table's stream → an event for each change of status, and an answer to each execution that waits for a job."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import AwsServiceError, JobNotFound, SoraReadyError, TaskTokenEvictedError
from sora_ready.domain.job import FINAL, Job, Status
from sora_ready.domain.outcome import task_output, terminal_error

logger = logging.getLogger(__name__)

DETAIL_TYPE = "Video Job Status Changed"
SCHEMA_VERSION = "2.0"
"""Version of the events' detail (docs/events/). An addition raises the second number, a change the first."""


@dataclass(frozen=True)
class JobBefore:
    """What a change is compared with."""

    status: Status
    task_tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordChange:
    """One write of a job's record: before it, None if the record is new, and after it."""

    sequence_number: str
    before: JobBefore | None
    after: Job


@dataclass(frozen=True)
class Publish:
    """Publishes changes of status. Events name the `stack`."""

    bus: EventBus
    task_tokens: TaskTokens
    stack: str

    def __call__(self, changes: Sequence[RecordChange]) -> str | None:
        """Publish the changes of status, and answer the task tokens; neither waits for the other to succeed.

        Returns None when all is done, else the sequence number of the first change that must come again.
        """
        failed = {self.answer_task_tokens(changes), self.publish_events(changes)}
        numbers = [change.sequence_number for change in changes]
        return next((number for number in numbers if number in failed), None)

    def answer_task_tokens(self, changes: Sequence[RecordChange]) -> str | None:
        """End the tasks that wait for jobs which have ended.

        A token that was dropped for a newer one fails with `TaskTokenEvictedError`. Returns None when all are answered,
        else the sequence number of the first change whose tokens are not. A token may be answered twice: the first
        answer counts.
        """
        failed = None
        for change in changes:
            job, tokens, error = _tokens_to_answer(change)
            try:
                for token in tokens:
                    if error is None:
                        self.task_tokens.succeed(token, task_output(job))
                        continue
                    name, recorded = type(error).__name__, error.to_job_error().to_record()
                    cause: JsonObject = {"errorType": name, "errorMessage": error.message, "error": recorded}
                    self.task_tokens.fail(token, name, cause)
            except AwsServiceError:
                logger.exception("task token not answered", extra={"job_id": job.id})
                failed = failed or change.sequence_number
        return failed

    def publish_events(self, changes: Sequence[RecordChange]) -> str | None:
        """Publish an event for each change of status, in their order for each job.

        Returns None when all are published, else the sequence number of the first change that must come again. Events
        are published at least once; a consumer recognizes repeats by the event's `id`.
        """
        events = [(change.sequence_number, detail) for change in changes if (detail := self._event_detail(change))]
        start = 0
        while start < len(events):
            batch = _next_batch(events[start:], self.bus.batch_size)
            try:
                failed = self.bus.put_events(DETAIL_TYPE, [detail for _, detail in batch])
            except AwsServiceError:
                number, detail = batch[0]
                logger.exception("status events not published", extra={"job_id": detail["job_id"]})
                return number
            if failed:
                number, detail = batch[min(failed)]
                logger.error("status event refused", extra={"job_id": detail["job_id"], "failed": len(failed)})
                return number
            start += len(batch)
        return None

    def _event_detail(self, change: RecordChange) -> JsonObject | None:
        job, before = change.after, change.before
        if before and before.status is job.status:
            return None
        detail = job.to_public_dict() | {
            "schema_version": SCHEMA_VERSION,
            "stack": self.stack,
            "id": f"{job.id}:{len(job.history)}",
            "sequence": len(job.history),
            "previous_status": str(before.status) if before else None,
        }
        # When the sweep resumes a job is internal.
        detail.pop("due_at", None)
        if error := terminal_error(job):
            detail["error"] = error.to_job_error().to_record() | {"name": type(error).__name__}
        return detail


def _next_batch(events: Sequence[tuple[str, JsonObject]], size: int) -> Sequence[tuple[str, JsonObject]]:
    """Return the next events, at most one for each job: if a batch fails in part, no later event may go first."""
    job_ids = [detail["job_id"] for _, detail in events[:size]]
    repeated = (index for index, job_id in enumerate(job_ids) if job_id in job_ids[:index])
    return events[: next(repeated, size)]


def _tokens_to_answer(change: RecordChange) -> tuple[Job, Sequence[str], SoraReadyError | None]:
    """Return the change's job, the task tokens that it answers, and the error that they get."""
    before, job = change.before, change.after
    known = before.task_tokens if before else ()
    waiting = job.invocation.task_tokens
    if job.status not in FINAL:
        return job, [token for token in known if token not in waiting], TaskTokenEvictedError(job.id)
    answered = known if before and before.status in FINAL else ()
    error = JobNotFound(job.id) if job.status is Status.DELETED else terminal_error(job)
    return job, [token for token in waiting if token not in answered], error
