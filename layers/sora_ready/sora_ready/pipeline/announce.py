"""Each change of a job's status, from the table's stream, as an event on a bus that anybody can listen to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from sora_ready.adapters.event_bus import BusEvent, EventBus
from sora_ready.adapters.job_items import read_item

logger = Logger(child=True)

DETAIL_TYPE = "Video Job Status Changed"


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of status, and the place in the stream that it came from."""

    sequence_number: str
    job_id: str
    event: BusEvent


def announce_changes(records: Sequence[Mapping[str, Any]], bus: EventBus) -> str | None:
    """Publish the changes of status among a stream's records, in their order for each job.

    Returns None when all are out, else the sequence number of the first record from which on they must come again:
    each is published at least once, and a receiver tells repeats by the event's `id`.
    """
    changes = [change for record in records if (change := _read_change(record))]
    start = 0
    while start < len(changes):
        batch = _next_batch(changes[start:], bus.batch_size)
        failed = bus.put_events([change.event for change in batch])
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


def _read_change(record: Mapping[str, Any]) -> _Change | None:
    images = record["dynamodb"]
    if "NewImage" not in images:
        return None
    job = read_item(images["NewImage"])
    previous = images.get("OldImage", {}).get("status", {}).get("S")
    if previous == str(job.status):
        return None
    detail = job.as_record() | {
        "id": f"{job.id}:{len(job.history)}",
        "sequence": len(job.history),
        "previous_status": previous,
    }
    # What a door remembers of its caller is not for everybody who listens.
    for own in ("wake_at", "caller"):
        detail.pop(own, None)
    return _Change(images["SequenceNumber"], job.id, BusEvent(DETAIL_TYPE, detail))
