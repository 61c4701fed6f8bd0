"""Job records in DynamoDB. Every write of a status is conditional on the table of transitions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Unpack

from botocore.exceptions import ClientError

from sora_ready.adapters.aws_errors import error_code
from sora_ready.adapters.job_items import Due, Item, JobUpdate, read_item, read_items, status_condition, write_item
from sora_ready.domain.codec import decode_fields
from sora_ready.domain.errors import JobNotFound, TransitionRefused
from sora_ready.domain.job import (
    DUE_AFTER,
    INITIAL,
    Channel,
    HistoryEntry,
    Invocation,
    Job,
    JobChanges,
    JobConditions,
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
TOMBSTONE_TTL = timedelta(days=400)
"""How long a deleted job stays on record: longer than any event about its picture can come again."""


@dataclass(frozen=True)
class DueJob:
    """A row of the index by-due, which may be a moment behind the record."""

    job_id: str
    status: Status
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
        """Return the job as last written (a consistent read), None without a record."""
        response = self._client.get_item(TableName=self.table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        return read_item(response["Item"]) if "Item" in response else None

    def find_job(self, job_id: str) -> Job:
        """Return the job as last written. Raises `JobNotFound` if it has no record, or was deleted."""
        job = self.get_job(job_id)
        if job is None or job.status is Status.DELETED:
            raise JobNotFound(job_id)
        return job

    def put_job(self, job: Job) -> Job:
        """Write a new job's record in its initial status, and return what was written.

        Raises `TransitionRefused` if the job has a record beyond `received`, or as `received` already.
        """
        if job.status not in INITIAL:
            raise ValueError(f"no record begins as {job.status}")
        due = job.status in DUE_AFTER and not job.awaits_submit_invocation
        written = replace(
            job,
            due_at=timestamp(self.now() + DUE_AFTER[job.status]) if due else None,
            history=(*job.history, self._history_entry(job.status)),
        )
        # The whole record is replaced: only a `received` one may be there before.
        replaced = set() if job.status is Status.RECEIVED else {Status.RECEIVED}
        self._put(write_item(written), job, replaced, new=True)
        return written

    def move_job(
        self,
        job_id: str,
        status: Status,
        *,
        due_at: datetime | None = None,
        conditions: JobConditions | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job:
        """Move a job to `status`, setting parts of its record, and return it.

        `due_at` is when the sweep resumes it, by default after `DUE_AFTER`. Raises `TransitionRefused` if the job is in
        no status that `status` may follow, or is not as `conditions` say.
        """
        return self._write(self.prepare_move(job_id, status, changes, due_at=due_at, conditions=conditions))

    def prepare_move(
        self,
        job_id: str,
        status: Status,
        changes: JobChanges,
        *,
        due_at: datetime | None = None,
        channel: Channel = Channel.UPLOAD,
        conditions: JobConditions | None = None,
    ) -> JobUpdate:
        """Return the write of `move_job`, for a transaction with other writes."""
        due, entry = self._due(status, due_at, channel), self._history_entry(status)
        return JobUpdate(job_id, status, statuses_before(status), due, changes, conditions, entry)

    def hold_job(self, job: Job, **changes: Unpack[JobChanges]) -> Job:
        """Move a `ready` job to `held`; held jobs are released oldest first. Raises `TransitionRefused`."""
        created_at, channel = datetime.fromisoformat(job.created_at), job.invocation.channel
        return self._write(self.prepare_move(job.id, Status.HELD, changes, due_at=created_at, channel=channel))

    def update_job(
        self,
        job: Job,
        *,
        due_at: datetime | None = None,
        conditions: JobConditions | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job:
        """Set parts of a job's record in its status.

        Raises `TransitionRefused` if it has moved meanwhile, or is not as `conditions` say.
        """
        return self._update(job, self._due(job.status, due_at, job.invocation.channel), changes, conditions)

    def park_job(self, job: Job, **changes: Unpack[JobChanges]) -> Job:
        """Set parts of a job's record and take it out of the index by-due. Raises `TransitionRefused` if it moved."""
        return self._update(job, None, changes)

    def record_invocation(self, job: Job, invocation: Invocation) -> Job:
        """Set the job's invocation and nothing else; it stays due when it was due.

        Raises `TransitionRefused` if the job is not as it was read.
        """
        due = (job.sweep_partition, datetime.fromisoformat(job.due_at)) if job.due_at else None
        conditions = JobConditions(invocation=job.invocation, due_at=job.due_at)
        return self._update(job, due, JobChanges(invocation=invocation), conditions)

    def tombstone_job(self, job: Job) -> Job:
        """Reduce an ended job's record to a tombstone, which keeps it from being created again; return it.

        Raises `TransitionRefused` if it has not ended, or is deleted already.
        """
        now = self.now()
        tombstone = Job(
            id=job.id,
            status=Status.DELETED,
            source=job.source,
            created_at=job.created_at,
            updated_at=timestamp(now),
            history=(*job.history, self._history_entry(Status.DELETED)),
        )
        item = write_item(tombstone) | {"expires_at": {"N": str(int((now + TOMBSTONE_TTL).timestamp()))}}
        self._put(item, tombstone, statuses_before(Status.DELETED), new=False)
        return tombstone

    def write_or_reload(self, job: Job, write: Callable[[], Job]) -> Job:
        """Return what `write` returns; where another worker was faster, what that worker wrote."""
        try:
            return write()
        except TransitionRefused:
            return self.get_job(job.id) or job

    def find_due(self, partition: SweepPartition, limit: int) -> list[DueJob]:
        """Return up to `limit` overdue jobs of a partition, the longest overdue first."""
        due = "due_partition = :partition AND due_at <= :now"
        values = {":partition": {"S": str(partition)}, ":now": {"S": timestamp(self.now())}}
        return list(islice(self._query_due(due, values, limit), limit))

    def find_open(self, fingerprint: str) -> list[DueJob]:
        """Return the jobs that were sent with this fingerprint and have not ended."""
        rows = self._query_due("due_partition = :partition", {":partition": {"S": str(SweepPartition.ACTIVE)}})
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
        return read_items(item for page in pages for item in page["Items"])

    def _history_entry(self, status: Status) -> HistoryEntry:
        """Return the entry of the history for a status that is written now."""
        return HistoryEntry(status, timestamp(self.now()))

    def _due(self, status: Status, due_at: datetime | None, channel: Channel = Channel.UPLOAD) -> Due | None:
        if status not in DUE_AFTER:
            return None
        return sweep_partition_of(status, channel), due_at or self.now() + DUE_AFTER[status]

    def _update(self, job: Job, due: Due | None, changes: JobChanges, conditions: JobConditions | None = None) -> Job:
        return self._write(JobUpdate(job.id, job.status, {job.status}, due, changes, conditions))

    def _write(self, update: JobUpdate) -> Job:
        try:
            response = self._client.update_item(**update.to_request(self.table, self.now()), ReturnValues="ALL_NEW")
        except ClientError as error:
            raise _refused(error, update.job_id, update.status) from error
        return read_item(response["Attributes"])

    def _put(self, item: Item, job: Job, replaced: Collection[Status], *, new: bool) -> None:
        """Write a whole record in place of one in a status of `replaced`; if `new`, where there is none, too."""
        condition, values = status_condition(replaced)
        try:
            self._client.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression=f"attribute_not_exists(job_id) OR {condition}" if new else condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            raise _refused(error, job.id, job.status) from error

    def _query_due(self, key: str, values: Item, limit: int = 1000) -> Iterator[DueJob]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=BY_DUE,
            KeyConditionExpression=key,
            ExpressionAttributeValues=values,
            PaginationConfig={"PageSize": limit},
        )
        for page in pages:
            for item in page["Items"]:
                yield decode_fields(DueJob, {name: value.get("S") for name, value in item.items()})


def _refused(error: ClientError, job_id: str, wanted: Status) -> Exception:
    if error_code(error) != "ConditionalCheckFailedException":
        return error
    item: Any = error.response.get("Item", {})
    return TransitionRefused(job_id, wanted, item.get("status", {}).get("S"))
