"""All jobs of a stack, page by page, in the order of their making."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sora_ready.adapters.job_items import LISTED, place_in_list, read_item
from sora_ready.domain.job import Job, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY_CREATED = "by-created"
# A page of jobs in a rare status looks at this many stretches of the list, of so many jobs each, and no more.
MAX_QUERIES, STRETCH = 20, 200


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the list. `last_id` is the job to go on after: the last of `jobs`, or the last one looked at."""

    jobs: tuple[Job, ...]
    has_more: bool
    last_id: str | None


class JobList:
    """The list of one stack's jobs. It may be a moment behind the records, and holds none that were deleted.

    A job of the list has no `history`, `attempt`, `follow` or `option_sources`.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def read_page(
        self, *, limit: int, after: Job | None = None, newest_first: bool = True, statuses: Collection[Status] = ()
    ) -> Page:
        """Return up to `limit` jobs behind `after`: one query, unless only those in `statuses` are wanted.

        A page may be shorter than `limit` while `has_more` is true: DynamoDB answers one megabyte at a time, and a
        search for `statuses` ends somewhere.
        """
        query = self._build_query(after, newest_first, statuses, STRETCH if statuses else limit + 1)
        jobs: list[Job] = []
        for _ in range(MAX_QUERIES):
            answer = self._client.query(**query)
            jobs += [read_item(item) for item in answer["Items"]]
            seen: Any = answer.get("LastEvaluatedKey")
            if not statuses or seen is None or len(jobs) > limit:
                break
            query["ExclusiveStartKey"] = seen
        page = tuple(jobs[:limit])
        if len(jobs) > limit:
            return Page(page, has_more=True, last_id=page[-1].id)
        if seen is not None:
            return Page(page, has_more=True, last_id=seen["job_id"]["S"])
        return Page(page, has_more=False, last_id=page[-1].id if page else None)

    def _build_query(
        self, after: Job | None, newest_first: bool, statuses: Collection[Status], count: int
    ) -> dict[str, Any]:
        key, values = "listed = :listed", {":listed": LISTED}
        if after:
            key += f" AND listed_at {'<' if newest_first else '>'} :after"
            values[":after"] = {"S": place_in_list(after.id, after.created_at)}
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": BY_CREATED,
            "KeyConditionExpression": key,
            "ScanIndexForward": not newest_first,
            "Limit": count,
        }
        if statuses:
            wanted = {f":status{number}": {"S": str(status)} for number, status in enumerate(sorted(statuses))}
            query["FilterExpression"] = f"#status IN ({', '.join(wanted)})"
            query["ExpressionAttributeNames"] = {"#status": "status"}
            values |= wanted
        return query | {"ExpressionAttributeValues": values}
