"""Which job a request's body created last: it recognizes SDK retries without an Idempotency-Key.

An entry `request#…` in the ledger's table, read consistently.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUEST_TTL = timedelta(minutes=30)
"""The SDK gives up retrying, by default, long before."""


class RecentRequests:
    """The requests of the last half hour."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, body_sha256: str, job_id: str, now: datetime) -> None:
        """Record that a request with this body is about to create this job."""
        self._client.put_item(
            TableName=self._table,
            Item={
                "entry": {"S": f"request#{body_sha256}"},
                "job_id": {"S": job_id},
                "expires_at": {"N": str(int((now + REQUEST_TTL).timestamp()))},
            },
        )

    def get(self, body_sha256: str, now: datetime) -> str | None:
        """Return the id of the job that a request with this body created, None where there was none."""
        key = {"entry": {"S": f"request#{body_sha256}"}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        # DynamoDB deletes expired entries only some time later.
        return item["job_id"]["S"] if item and int(item["expires_at"]["N"]) > now.timestamp() else None
