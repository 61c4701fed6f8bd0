"""Job records in DynamoDB. Every write of a status is conditional on the table of transitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sora_ready.adapters.job_items import build_move, read_item, status_condition, write_item
from sora_ready.domain.errors import TransitionRefused
from sora_ready.domain.job import (
    DUE_AFTER,
    FIRST,
    Job,
    SourceObject,
    Status,
    SweepPartition,
    statuses_before,
    sweep_partition_of,
    timestamp,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY_DUE, BY_SOURCE = "by-due", "by-source"
# How long a deleted job stays on record: longer than anything announces its picture again.
TOMBSTONE_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that goes on, as the index by-due knows it. The index may be a moment behind the record."""

    job_id: str
    status: Status
    created_at: str
    due_at: str
    fingerprint: str | None = None


class JobTable:
    """The jobs of one stack. `now` is the clock; tests hand in their own."""

    def __init__(
        self, client: DynamoDBClient, table: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self.table = table
        self.now = now

    def get_job(self, job_id: str) -> Job | None:
        """Return the job as last written (a consistent read), None where there is no record."""
        answer = self._client.get_item(TableName=self.table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        return read_item(answer["Item"]) if "Item" in answer else None

    def put_job(self, job: Job) -> Job:
        """Write a job's record in the status it begins with, and return what was written.

        Raises `TransitionRefused` if the job has a record beyond `received`, or as `received` already.
        """
        if job.status not in FIRST:
            raise ValueError(f"no record begins as {job.status}")
        wakes = job.status in DUE_AFTER and not job.waits_for_call
        wake = {"due_at": timestamp(self.now() + DUE_AFTER[job.status]) if wakes else None}
        written = Job.from_record(job.as_record() | {"history": [*job.history, self.entry(job.status)]} | wake)
        # The whole record is replaced: only the announcement of an upload may stand there before, and none before it.
        condition: Any = {"ConditionExpression": "attribute_not_exists(job_id)"}
        if job.status is not Status.RECEIVED:
            condition = {
                "ConditionExpression": "attribute_not_exists(job_id) OR #status = :received",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":received": {"S": str(Status.RECEIVED)}},
            }
        try:
            self._client.put_item(
                TableName=self.table,
                Item=write_item(written.as_record()),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except ClientError as error:
            raise _refused(error, job.id, job.status) from error
        return written

    def move_job(
        self,
        job_id: str,
        status: Status,
        *,
        due_at: datetime | None = None,
        only: Mapping[str, Any] | None = None,
        **parts: Mapping[str, Any],
    ) -> Job:
        """Move a job to `status`, setting whole parts of its record (`server=…`, `error=…`), and return it.

        `due_at` is when it is looked at if nothing else moves it, by default what `DUE_AFTER` says. Raises
        `TransitionRefused` where the job is not in a status that `status` may follow, or not as `only` says.
        """
        return self._move(job_id, status, parts, due_at=due_at, only=only)

    def hold_job(self, job: Job, **parts: Mapping[str, Any]) -> Job:
        """Move a `ready` job to `held`, in its line at the place of its age. Raises `TransitionRefused`."""
        line = sweep_partition_of(Status.HELD, job.caller)
        return self._move(job.id, Status.HELD, parts, due_at=datetime.fromisoformat(job.created_at), line=line)

    def tombstone_job(self, job: Job) -> Job:
        """Reduce an ended job's record to what keeps it from being made again, for 400 days; return what was written.

        Raises `TransitionRefused` where it has not ended, or is deleted already.
        """
        now = self.now()
        stone = Job(
            id=job.id,
            status=Status.DELETED,
            source=job.source,
            created_at=job.created_at,
            updated_at=timestamp(now),
            history=(*job.history, self.entry(Status.DELETED)),
        )
        expiry = int((now + TOMBSTONE_KEPT).timestamp())
        condition, values = status_condition(statuses_before(Status.DELETED))
        try:
            self._client.put_item(
                TableName=self.table,
                Item=write_item(stone.as_record() | {"expires_at": expiry}),
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            raise _refused(error, job.id, Status.DELETED) from error
        return stone

    def update_job(
        self,
        job: Job,
        *,
        due_at: datetime | None = None,
        only: Mapping[str, Any] | None = None,
        **parts: Mapping[str, Any],
    ) -> Job:
        """Set parts of a job's record without moving it.

        Raises `TransitionRefused` where it has moved meanwhile, or is not as `only` says.
        """
        return self._note(job, parts, due_at=due_at, only=only)

    def park_job(self, job: Job, **parts: Mapping[str, Any]) -> Job:
        """Set parts of a job's record and have nothing wake it. Raises `TransitionRefused` where it has moved."""
        return self._note(job, parts, wakes=False)

    def record_invocation(self, job: Job, caller: Mapping[str, Any]) -> Job:
        """Set what a job's door remembers of its caller, and nothing else: it is resumed when it was to be resumed.

        Raises `TransitionRefused` where the job is not as it was seen.
        """
        return self._note(
            job,
            {"caller": caller},
            only={"caller": job.caller or None, "due_at": job.due_at},
            due_at=datetime.fromisoformat(job.due_at) if job.due_at else None,
            wakes=job.due_at is not None,
        )

    def find_due(self, line: SweepPartition, limit: int) -> list[DueJob]:
        """Return up to `limit` jobs of a line whose time to be looked at has come, the longest overdue first."""
        due = "#wake = :line AND due_at <= :now"
        values = {":line": {"S": str(line)}, ":now": {"S": timestamp(self.now())}}
        rows = []
        for row in self._query_due(due, values, limit):
            rows.append(row)
            if len(rows) == limit:
                break
        return rows

    def find_open(self, fingerprint: str) -> list[DueJob]:
        """Return the jobs that were sent with this fingerprint and have not ended: whatever was asked for alike."""
        rows = self._query_due("#wake = :line", {":line": {"S": str(SweepPartition.DUE)}})
        return [row for row in rows if row.fingerprint == fingerprint]

    def find_by_source(self, source: SourceObject) -> Iterator[Job]:
        """Return the jobs of all uploads under a source's key, the newest first. The index may be a moment behind."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=BY_SOURCE,
            KeyConditionExpression="source_ref = :source",
            ExpressionAttributeValues={":source": {"S": source.reference}},
            ScanIndexForward=False,
        )
        return (read_item(item) for page in pages for item in page["Items"])

    def entry(self, status: Status) -> dict[str, str]:
        """Return a line of a job's history."""
        return {"status": str(status), "at": timestamp(self.now())}

    def _query_due(self, key: str, values: dict[str, Any], limit: int = 1000) -> Iterator[DueJob]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=BY_DUE,
            KeyConditionExpression=key,
            ExpressionAttributeNames={"#wake": "wake"},
            ExpressionAttributeValues=values,
            PaginationConfig={"PageSize": limit},
        )
        for page in pages:
            for item in page["Items"]:
                told = {name: value.get("S") for name, value in item.items()}
                yield DueJob(
                    job_id=str(told["job_id"]),
                    status=Status(str(told["status"])),
                    created_at=str(told["created_at"]),
                    due_at=str(told["due_at"]),
                    fingerprint=told.get("fingerprint"),
                )

    def _move(self, job_id: str, status: Status, parts: Mapping[str, Any], **options: Any) -> Job:
        move = build_move(
            self.table,
            job_id,
            status,
            allowed=statuses_before(status),
            now=self.now(),
            parts=parts,
            appended={"history": [self.entry(status)]},
            **options,
        )
        return self._update(move, job_id, status)

    def _note(self, job: Job, parts: Mapping[str, Any], **options: Any) -> Job:
        note = build_move(
            self.table,
            job.id,
            job.status,
            allowed={job.status},
            now=self.now(),
            parts=parts,
            appended={},
            line=sweep_partition_of(job.status, job.caller),
            **options,
        )
        return self._update(note, job.id, job.status)

    def _update(self, update: dict[str, Any], job_id: str, status: Status) -> Job:
        try:
            answer = self._client.update_item(**update, ReturnValues="ALL_NEW")
        except ClientError as error:
            raise _refused(error, job_id, status) from error
        return read_item(answer["Attributes"])


def _refused(error: ClientError, job_id: str, wanted: Status) -> Exception:
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        return error
    item: Any = error.response.get("Item", {})
    current = item.get("status", {}).get("S")
    return TransitionRefused(job_id, wanted, current)
