"""All jobs of a stack, page by page, in the order in which they were created."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sora_ready.adapters.job_items import LISTED, Item, list_position, read_items, status_condition
from sora_ready.domain.job import Job, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY_CREATED = "by-created"
# A page of jobs in a rare status reads at most so many jobs: 20 queries of 200.
MAX_QUERIES, QUERY_SIZE = 20, 200


@dataclass(frozen=True)
class Page:
    """A page. The next one starts after `last_id`: the last of `jobs`, or the last job that was read."""

    jobs: tuple[Job, ...]
    has_more: bool
    last_id: str | None


class JobList:
    """The list of one stack's jobs, without deleted ones. It may be a moment behind the records.

    Its jobs lack `history`, `decoding`, `submission`, `polling` and `option_sources`.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def read_page(
        self, *, limit: int, after: Job | None = None, newest_first: bool = True, statuses: Collection[Status] = ()
    ) -> Page:
        """Return up to `limit` jobs after `after`, in one query unless `statuses` are given.

        A page may be shorter than `limit` while `has_more` is true: DynamoDB returns one megabyte at a time, and a
        search for `statuses` is bounded.
        """
        key = "listed = :listed"
        values: Item = {":listed": LISTED}
        if after:
            key += f" AND listed_at {'<' if newest_first else '>'} :after"
            values[":after"] = {"S": list_position(after.id, after.created_at)}
        query: Item = {
            "TableName": self._table,
            "IndexName": BY_CREATED,
            "KeyConditionExpression": key,
            "ScanIndexForward": not newest_first,
            "ExpressionAttributeValues": values,
            "Limit": QUERY_SIZE if statuses else limit + 1,
        }
        if statuses:
            query["FilterExpression"], status_values = status_condition(statuses)
            query["ExpressionAttributeNames"] = {"#status": "status"}
            values |= status_values
        jobs: list[Job] = []
        for _ in range(MAX_QUERIES):
            response = self._client.query(**query)
            jobs += read_items(response["Items"])
            last_key = response.get("LastEvaluatedKey")
            if not statuses or last_key is None or len(jobs) > limit:
                break
            query["ExclusiveStartKey"] = last_key
        page = tuple(jobs[:limit])
        if len(jobs) > limit:
            return Page(page, has_more=True, last_id=page[-1].id)
        if last_key is not None:
            return Page(page, has_more=True, last_id=last_key["job_id"]["S"])
        return Page(page, has_more=False, last_id=page[-1].id if page else None)
