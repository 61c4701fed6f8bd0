"""Job records in DynamoDB. Every write of a status is conditional on the table of transitions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from sora_ready.domain.errors import TransitionRefused
from sora_ready.domain.job import FIRST, Job, Status, statuses_before, timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class JobTable:
    """The jobs of one stack. `now` is the clock; tests hand in their own."""

    def __init__(
        self, client: DynamoDBClient, table: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._table = table
        self.now = now

    def get_job(self, job_id: str) -> Job | None:
        """Return the job as last written (a consistent read), None where there is no record."""
        answer = self._client.get_item(TableName=self._table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        return _read_item(answer["Item"]) if "Item" in answer else None

    def put_job(self, job: Job) -> Job:
        """Write a job's record in the status it begins with, and return what was written.

        Raises `TransitionRefused` if the job has a record beyond `received`.
        """
        if job.status not in FIRST:
            raise ValueError(f"no record begins as {job.status}")
        written = Job.from_record(job.as_record() | {"history": [*job.history, self._entry(job.status)]})
        # The whole record is replaced, so only the announcement of an upload may stand there before.
        before, values = _status_list(statuses_before(job.status) & {Status.RECEIVED})
        return self._put_if(
            f"attribute_not_exists(job_id) OR #status IN ({before})", written, {"#status": "status"}, values
        )

    def note_attempt(self, job: Job, attempt: Mapping[str, Any]) -> Job:
        """Set the `attempt` of a job without moving it, and return it: a put, for a function that may not update.

        Raises `TransitionRefused` where the job has moved, or its attempt is another than `job` has: then look again.
        """
        noted = replace(job, attempt=attempt, updated_at=timestamp(self.now()))
        values = {":status": {"S": str(job.status)}}
        unchanged = "attribute_not_exists(#attempt)"
        if job.attempt:
            unchanged = "#attempt = :attempt"
            values |= _write_item({":attempt": job.attempt})
        names = {"#status": "status", "#attempt": "attempt"}
        return self._put_if(f"#status = :status AND {unchanged}", noted, names, values)

    def move_job(self, job_id: str, status: Status, **parts: Mapping[str, Any]) -> Job:
        """Move a job to `status`, setting whole parts of its record (`server=…`, `error=…`), and return it.

        Raises `TransitionRefused` where the job is not in a status that `status` may follow.
        """
        entered = {"status": {"S": str(status)}} | _write_item(parts)
        return self._update_job(
            job_id, status, statuses_before(status), entered, {"history": _serialize([self._entry(status)])}
        )

    def note_on_job(self, job: Job, **parts: Mapping[str, Any]) -> Job:
        """Set parts of a job's record without moving it. Raises `TransitionRefused` where it has moved meanwhile."""
        return self._update_job(job.id, job.status, {job.status}, _write_item(parts), {})

    def _put_if(self, condition: str, job: Job, names: Mapping[str, str], values: Mapping[str, Any]) -> Job:
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_write_item(job.as_record()),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            raise _refused(error, job.id, job.status) from error
        return job

    def _update_job(
        self,
        job_id: str,
        status: Status,
        allowed: Collection[Status],
        changed: Mapping[str, Any],
        appended: Mapping[str, Any],
    ) -> Job:
        before, values = _status_list(allowed)
        parts_set = {"updated_at": {"S": timestamp(self.now())}} | dict(changed)
        sets = [f"#{name} = :{name}" for name in parts_set]
        sets += [f"#{name} = list_append(#{name}, :{name})" for name in appended]
        written = parts_set | dict(appended)
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}},
                UpdateExpression="SET " + ", ".join(sets),
                ConditionExpression=f"#status IN ({before})",
                ExpressionAttributeNames={f"#{name}": name for name in written} | {"#status": "status"},
                ExpressionAttributeValues={f":{name}": value for name, value in written.items()} | values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            raise _refused(error, job_id, status) from error
        return _read_item(answer["Attributes"])

    def _entry(self, status: Status) -> dict[str, str]:
        return {"status": str(status), "at": timestamp(self.now())}


def _status_list(statuses: Collection[Status]) -> tuple[str, dict[str, Any]]:
    # DynamoDB takes no empty list; a word that no job's status is refuses like one.
    names = sorted(str(status) for status in statuses) or ["nothing"]
    values = {f":from{number}": {"S": name} for number, name in enumerate(names)}
    return ", ".join(values), values


def _refused(error: ClientError, job_id: str, wanted: Status) -> Exception:
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        return error
    item: Any = error.response.get("Item", {})
    current = item.get("status", {}).get("S")
    return TransitionRefused(job_id, wanted, current)


def _write_item(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(_storable(value)) for name, value in record.items()}


def _read_item(item: Mapping[str, Any]) -> Job:
    return Job.from_record({name: _plain(_deserialize(value)) for name, value in item.items()})


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
