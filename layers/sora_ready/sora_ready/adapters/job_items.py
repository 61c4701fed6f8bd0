"""Job records as DynamoDB items, and the conditional updates that move them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from sora_ready.domain.codec import JsonValue, encode
from sora_ready.domain.errors import JobRecordError
from sora_ready.domain.job import HistoryEntry, Job, JobChanges, JobConditions, Status, SweepPartition, timestamp

logger = logging.getLogger(__name__)

# The shapes of boto3's calls: JSON that leaves the product.
Item: TypeAlias = dict[str, Any]
Due: TypeAlias = "tuple[SweepPartition, datetime]"

_deserialize = TypeDeserializer().deserialize
_serialize = TypeSerializer().serialize

LISTED: Item = {"S": "jobs"}
"""The one partition of the index by-created: all jobs, in the order in which they were created."""

# Where a condition's value is, if not in the record's attribute of that name.
_NESTED = {"attempt_id": "submission.attempt_id", "polls": "polling.polls", "checks": "reconciliation.checks"}


@dataclass(frozen=True)
class JobUpdate:
    """A conditional write: the job must be in one of `allowed` and as `conditions` say, and is `status` afterwards.

    `due` says when the sweep resumes the job, and in which partition; None takes it out of the index by-due. `entry` is
    appended to the history.
    """

    job_id: str
    status: Status
    allowed: Collection[Status]
    due: Due | None
    changes: JobChanges
    conditions: JobConditions | None = None
    entry: HistoryEntry | None = None

    def to_request(self, table: str, now: datetime) -> Item:
        """Return the arguments of DynamoDB's UpdateItem."""
        parts = {name: encode(value) for name, value in self.changes.items()}
        values: dict[str, JsonValue] = {"status": str(self.status), "updated_at": timestamp(now)}
        values |= {name: value for name, value in parts.items() if not _is_absent(value)}
        removed = [name for name in parts if name not in values]
        if self.due:
            values |= {"due_partition": str(self.due[0]), "due_at": timestamp(self.due[1])}
        else:
            removed += ["due_partition", "due_at"]
        sets = [f"#{name} = :{name}" for name in values]
        if self.entry:
            values["history"] = [encode(self.entry)]
            sets.append("#history = list_append(#history, :history)")
        condition, condition_values = status_condition(self.allowed)
        names = {f"#{name}": name for name in (*values, *removed, "status")}
        for name, expected in (self.conditions or {}).items():
            steps = _NESTED.get(name, name).split(".")
            names |= {f"#{step}": step for step in steps}
            path, recorded = ".".join(f"#{step}" for step in steps), encode(expected)
            if _is_absent(recorded):
                condition += f" AND attribute_not_exists({path})"
            else:
                condition += f" AND {path} = :expected_{name}"
                condition_values[f":expected_{name}"] = serialize(recorded)
        remove = f" REMOVE {', '.join(f'#{name}' for name in removed)}" if removed else ""
        return {
            "TableName": table,
            "Key": {"job_id": {"S": self.job_id}},
            "UpdateExpression": f"SET {', '.join(sets)}{remove}",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {f":{name}": serialize(value) for name, value in values.items()}
            | condition_values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def write_item(job: Job) -> Item:
    """Return a job as an item, in the index by-created unless it is deleted, and in by-due where it is ever due."""
    item = {name: serialize(value) for name, value in job.to_record().items()}
    if job.status is not Status.DELETED:
        item |= {"listed": LISTED, "listed_at": {"S": list_position(job.id, job.created_at)}}
    if job.due_at:
        item["due_partition"] = {"S": str(job.sweep_partition)}
    return item


def read_item(item: Mapping[str, Any]) -> Job:
    """Read back what `write_item` wrote."""
    return Job.from_record({name: _plain(_deserialize(value)) for name, value in item.items()})


def read_items(items: Iterable[Mapping[str, Any]]) -> Iterator[Job]:
    """Read the rows of an index. A record that somebody edited must not hide the others: it is logged and left out."""
    for item in items:
        try:
            yield read_item(item)
        except JobRecordError:
            logger.exception("job record unreadable", extra={"job_id": item["job_id"]["S"]})


def list_position(job_id: str, created_at: str) -> str:
    """Return the job's unique and constant position in the index by-created."""
    return f"{created_at}#{job_id}"


def status_condition(statuses: Collection[Status]) -> tuple[str, Item]:
    """Return the condition, over `#status`, that a job is in one of `statuses`, and its values."""
    # DynamoDB takes no empty list: a word that is no status never matches.
    names = sorted(str(status) for status in statuses) or ["nothing"]
    values: Item = {f":from{number}": {"S": name} for number, name in enumerate(names)}
    return f"#status IN ({', '.join(values)})", values


def serialize(value: JsonValue) -> Item:
    """Return a JSON value as DynamoDB's typed value."""
    # Decimals are the only fractions that DynamoDB takes.
    return cast("Item", _serialize(json.loads(json.dumps(value), parse_float=Decimal)))


def _is_absent(value: JsonValue) -> bool:
    """Return whether a record leaves a part of this value out, as the codec does with what holds its default."""
    return value is None or value == {} or (value == 0 and not isinstance(value, bool))


def _plain(value: Any) -> Any:
    """Return `value` with DynamoDB's decimals as Python's numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
