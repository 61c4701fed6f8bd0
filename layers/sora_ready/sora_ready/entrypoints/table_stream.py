"""The jobs table's stream: each record as a change of a job."""

from __future__ import annotations

from sora_ready.adapters.job_items import read_item
from sora_ready.domain.errors import JobRecordError
from sora_ready.domain.job import Status
from sora_ready.entrypoints.logs import LambdaEvent, logger
from sora_ready.pipeline.publish import JobBefore, RecordChange


def read_changes(event: LambdaEvent) -> tuple[list[RecordChange], str | None]:
    """Return the changes of a stream's event in its order, and the sequence number of the first unreadable record.

    Changes after that one are left out: the stream sends them again, from there on.
    """
    changes = []
    for record in event["Records"]:
        images = record["dynamodb"]
        number: str = images["SequenceNumber"]
        try:
            if "NewImage" in images:
                changes.append(
                    RecordChange(number, _read_before(images.get("OldImage")), read_item(images["NewImage"]))
                )
        except JobRecordError:
            logger.exception("stream record unreadable", sequence_number=number)
            return changes, number
    return changes, None


def _read_before(image: LambdaEvent | None) -> JobBefore | None:
    """Read no more than what is compared, so that a record which was repaired can be published."""
    if image is None:
        return None
    tokens = image.get("invocation", {}).get("M", {}).get("task_tokens", {}).get("L", [])
    return JobBefore(Status(image["status"]["S"]), tuple(token["S"] for token in tokens))
