"""Job records as DynamoDB items, and the conditional updates that move them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from sora_ready.domain.job import DUE_AFTER, Job, Status, SweepPartition, sweep_partition_of, timestamp

serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize

# The index by-created has one partition: the list is of all jobs, in the order of their making.
LISTED = {"S": "jobs"}


def write_item(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as an item.

    It is in the index by-created unless it is deleted, and one that is to be resumed is in the index for that.
    """
    item = _write_parts(record)
    if record["status"] != Status.DELETED:
        place = place_in_list(record["job_id"], record["created_at"])
        item |= {"listed": LISTED, "listed_at": {"S": place}}
    if "due_at" in item:
        # A partition of the index by-due for each line; only jobs that go on are in it.
        item["wake"] = serialize(str(sweep_partition_of(Status(record["status"]), record.get("caller", {}))))
    return item


def place_in_list(job_id: str, created_at: str) -> str:
    """Return where a job stands in the index by-created: at no other's place, and for good."""
    return f"{created_at}#{job_id}"


def read_item(item: Mapping[str, Any]) -> Job:
    """Read back what `write_item` gave."""
    return Job.from_record({name: _plain(_deserialize(value)) for name, value in item.items()})


def build_move(
    table: str,
    job_id: str,
    status: Status,
    *,
    allowed: Collection[Status],
    now: datetime,
    parts: Mapping[str, Any],
    appended: Mapping[str, Any],
    due_at: datetime | None = None,
    wakes: bool = True,
    line: SweepPartition | None = None,
    only: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the update that brings a job from one of the `allowed` statuses to `status`.

    `only` names parts of the record, by path (`attempt.id`), that must be as given, or not be there at all (None): what
    this writer saw is what it changes. `line` is where it waits to be resumed, the status's own by default. A job that
    has ended, or that only a person moves, leaves the index by-due.
    """
    due_at = (due_at or now + DUE_AFTER[status]) if wakes and status in DUE_AFTER else None
    written = {"status": {"S": str(status)}, "updated_at": {"S": timestamp(now)}} | _write_parts(parts)
    if due_at:
        written |= {"wake": serialize(str(line or sweep_partition_of(status, {}))), "due_at": {"S": timestamp(due_at)}}
    sets = [f"#{name} = :{name}" for name in written]
    added = _write_parts(appended)
    sets += [f"#{name} = list_append(#{name}, :{name})" for name in added]
    conditions, values = status_condition(allowed)
    names = {f"#{name}": name for name in (*written, *added)} | {"#status": "status"}
    for number, (path, value) in enumerate((only or {}).items()):
        names |= {f"#{step}": step for step in path.split(".")}
        place = ".".join(f"#{step}" for step in path.split("."))
        conditions += f" AND attribute_not_exists({place})" if value is None else f" AND {place} = :only{number}"
        values |= {} if value is None else {f":only{number}": serialize(_storable(value))}
    removed = "" if due_at else " REMOVE #wake, #due_at"
    names |= {} if due_at else {"#wake": "wake", "#due_at": "due_at"}
    return {
        "TableName": table,
        "Key": {"job_id": {"S": job_id}},
        "UpdateExpression": "SET " + ", ".join(sets) + removed,
        "ConditionExpression": conditions,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {f":{name}": value for name, value in (written | added).items()} | values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _write_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: serialize(_storable(value)) for name, value in parts.items()}


def status_condition(statuses: Collection[Status]) -> tuple[str, dict[str, Any]]:
    """Return the condition, over `#status`, that a job is in one of `statuses`, and the values it speaks of."""
    # DynamoDB takes no empty list; a word that no job's status is refuses like one.
    names = sorted(str(status) for status in statuses) or ["nothing"]
    values = {f":from{number}": {"S": name} for number, name in enumerate(names)}
    return f"#status IN ({', '.join(values)})", values


def _storable(value: Any) -> Any:
    """Return `value` with floats as decimals, the only fractions DynamoDB takes."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {name: _storable(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(entry) for entry in value]
    return value


def _plain(value: Any) -> Any:
    """Return `value` with DynamoDB's decimals as the whole numbers they are."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
