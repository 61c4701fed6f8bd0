"""Which job a call's body made last: how a call that is repeated without an Idempotency-Key is known again.

An entry `call#…` beside the ledger's other kinds, read consistently and forgotten after a while.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The SDK gives up repeating, by default, long before this is over.
REMEMBERED = timedelta(minutes=30)


class RecentRequests:
    """The calls of the last half hour."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, body_sha256: str, job_id: str, now: datetime) -> None:
        """Keep that a call with this body is about to make this job."""
        until = now + REMEMBERED
        self._client.put_item(
            TableName=self._table,
            Item={
                "entry": {"S": f"call#{body_sha256}"},
                "job_id": {"S": job_id},
                "until": {"S": until.isoformat()},
                "expires_at": {"N": str(int(until.timestamp()))},
            },
        )

    def get(self, body_sha256: str, now: datetime) -> str | None:
        """Return the id of the job that a call with this body made, or began to make; None where none is kept."""
        key = {"entry": {"S": f"call#{body_sha256}"}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        # What has expired is deleted some time later only.
        return item["job_id"]["S"] if item and datetime.fromisoformat(item["until"]["S"]) > now else None
