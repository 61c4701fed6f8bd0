"""The jobs table's stream: each record as a change of a job."""

from __future__ import annotations

from sora_ready.adapters.job_items import read_item
from sora_ready.entrypoints.logs import LambdaEvent
from sora_ready.pipeline.publish import JobChange


def read_changes(event: LambdaEvent) -> list[JobChange]:
    """Return the changes of a stream's event, in its order."""
    return [_read_change(record["dynamodb"]) for record in event["Records"]]


def _read_change(images: LambdaEvent) -> JobChange:
    before, after = (read_item(images[name]) if name in images else None for name in ("OldImage", "NewImage"))
    return JobChange(images["SequenceNumber"], before, after)
