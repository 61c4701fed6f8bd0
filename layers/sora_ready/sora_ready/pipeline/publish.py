"""Each change of a job, from the table's stream: an event for anybody who listens, an answer to whoever waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.adapters.event_bus import BusEvent, EventBus
from sora_ready.adapters.job_items import read_item
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.domain.errors import JobNotFound, SoraReadyError, TaskTokenEvictedError
from sora_ready.domain.job import FINAL, Job, Status
from sora_ready.domain.outcome import task_output, terminal_error

logger = Logger(child=True)

DETAIL_TYPE = "Video Job Status Changed"
SCHEMA_VERSION = "1.1"
"""Of the events' detail, as docs/events/ has it. What is added raises the second number, what is changed the first."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of status, and the place in the stream that it came from."""

    sequence_number: str
    job_id: str
    event: BusEvent


def publish_status_changes(
    records: Sequence[Mapping[str, Any]], bus: EventBus, tasks: TaskTokens, *, stack: str
) -> str | None:
    """Publish the changes of status among a stream's records, and answer the state machines that wait for their jobs.

    Neither waits for the other to go well. Events say of which `stack` they are, by its name. Returns None when all is
    done, else the sequence number of the first record from which on they must come again.
    """
    failed = {answer_tasks(records, tasks), publish_events(records, bus, stack=stack)}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return next((number for number in numbers if number in failed), None)


def answer_tasks(records: Sequence[Mapping[str, Any]], tasks: TaskTokens) -> str | None:
    """End the tasks that wait for jobs which ended, or which had ended when the task began to wait.

    A task whose token had to make room for others is failed as `TaskTokenEvictedError`.

    Returns None when all are answered, else the sequence number of the first record whose are not. A task may be
    answered more than once: the first answer counts.
    """
    failed = None
    for record in records:
        job, tokens, error = _read_waiters(record)
        try:
            for token in tokens:
                _answer(job, token, error, tasks)
        except (BotoCoreError, ClientError):
            logger.exception("a state machine could not be told of a job's end", job_id=job.id)
            failed = failed or record["dynamodb"]["SequenceNumber"]
    return failed


def publish_events(records: Sequence[Mapping[str, Any]], bus: EventBus, *, stack: str) -> str | None:
    """Publish the changes of status among a stream's records, in their order for each job.

    Returns None when all are out, else the sequence number of the first record from which on they must come again:
    each is published at least once, and a receiver tells repeats by the event's `id`.
    """
    changes = [change for record in records if (change := _read_change(record, stack))]
    start = 0
    while start < len(changes):
        batch = _next_batch(changes[start:], bus.batch_size)
        try:
            failed = bus.put_events([change.event for change in batch])
        except (BotoCoreError, ClientError):
            # Denied, throttled, or out of reach: whether any of them went out is not known.
            logger.exception("changes of status could not be published", job_id=batch[0].job_id)
            return batch[0].sequence_number
        if failed:
            first = batch[min(failed)]
            logger.error("a change of status could not be published", job_id=first.job_id, failed=len(failed))
            return first.sequence_number
        start += len(batch)
    return None


def _next_batch(changes: Sequence[_Change], size: int) -> list[_Change]:
    """Return the next changes, at most one for each job: of a batch that fails in part, no later one may go first."""
    batch: list[_Change] = []
    for change in changes[:size]:
        if any(change.job_id == other.job_id for other in batch):
            break
        batch.append(change)
    return batch


def _read_change(record: Mapping[str, Any], stack: str) -> _Change | None:
    images = record["dynamodb"]
    if "NewImage" not in images:
        return None
    job = read_item(images["NewImage"])
    previous = images.get("OldImage", {}).get("status", {}).get("S")
    if previous == str(job.status):
        return None
    detail = job.as_told() | {
        "schema_version": SCHEMA_VERSION,
        "stack": stack,
        "id": f"{job.id}:{len(job.history)}",
        "sequence": len(job.history),
        "previous_status": previous,
    }
    # When a job is looked at again is the stack's own affair.
    detail.pop("due_at", None)
    if error := terminal_error(job):
        detail["error"] = error.as_record() | {"name": type(error).__name__}
    return _Change(images["SequenceNumber"], job.id, BusEvent(DETAIL_TYPE, detail))


def _read_waiters(record: Mapping[str, Any]) -> tuple[Job, list[str], SoraReadyError | None]:
    """Return the job of a record, the task tokens that are to be answered because of it, and the error they get."""
    images = record["dynamodb"]
    job = read_item(images.get("NewImage") or images["OldImage"])
    if "NewImage" not in images:
        return job, [], None
    before = read_item(images["OldImage"]) if "OldImage" in images else None
    known = list(before.caller.get("task_tokens", ())) if before else []
    waiting = list(job.caller.get("task_tokens", ()))
    if job.status not in FINAL:
        return job, [token for token in known if token not in waiting], TaskTokenEvictedError(job.id)
    answered = known if before and before.status in FINAL else []
    error = JobNotFound(job.id) if job.status is Status.DELETED else terminal_error(job)
    return job, [token for token in waiting if token not in answered], error


def _answer(job: Job, token: str, error: SoraReadyError | None, tasks: TaskTokens) -> None:
    if error is None:
        tasks.succeed(token, task_output(job))
        return
    name = type(error).__name__
    tasks.fail(token, name, {"errorType": name, "errorMessage": error.message, "error": error.as_record()})
