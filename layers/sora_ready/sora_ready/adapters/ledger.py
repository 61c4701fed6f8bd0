"""What was spent and what was bought: writes that must be one with the job's own.

A table of its own holds one entry for each day's spending (`day#2026-11-22`) and one for each video that belongs to a
job (`video#…`), each written in one transaction with the job record that it is about, so neither can be there without
the other. A third kind (`tries#…`) keeps the tries that a person decided about: their videos may still be in the list.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sora_ready.adapters.job_items import build_move, serialize
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import BudgetSpent, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, Status, statuses_before, timestamp
from sora_ready.domain.reconciliation import UNSETTLED
from sora_ready.domain.spending import Charge, budget_day, next_day

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A day's entry and a claim are kept this long: longer than anybody asks back.
KEPT = timedelta(days=400)
# Several workers write to one day's entry; DynamoDB refuses all but one of those that meet, and says so. It says so too
# where there were too many writes at once. In both cases nothing was written.
WRITE_TRIES = 10
LONGEST_PAUSE = 5.0
_COMES_RIGHT = {
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
}


class Ledger:
    """The spending and the claims of one stack, beside its jobs."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        jobs: JobTable,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._jobs = jobs
        self._pause = pause

    def read_spent(self, day: str) -> Decimal:
        """Return what a day's tries to send may have cost so far, in US dollars."""
        answer = self._client.get_item(TableName=self._table, Key=_key(f"day#{day}"), ConsistentRead=True)
        return Decimal(answer["Item"]["spent_usd"]["N"]) if "Item" in answer else Decimal(0)

    def find_owners(self, video_ids: Collection[str]) -> dict[str, str]:
        """Return which of the server's videos belong to which job; those that belong to none are left out."""
        found = self._read_entries([f"video#{video_id}" for video_id in sorted(video_ids)])
        return {item["entry"]["S"].removeprefix("video#"): item["job_id"]["S"] for item in found}

    def record_settled_attempt(self, job: Job, fingerprint: str) -> None:
        """Keep a job's last try on record after a person ended the doubt about it: its video may yet be in the list."""
        key = _key(f"tries#{fingerprint}")
        seen = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        kept = {"job_id": job.id} | {name: job.attempt[name] for name in ("started_at", "lease_until")}
        tries = {"L": [*seen.get("tries", {}).get("L", []), serialize(kept)]}
        unchanged: Any = {"ConditionExpression": "attribute_not_exists(entry)"}
        if seen:
            values = {":seen": seen["tries"]}
            unchanged = {"ConditionExpression": "tries = :seen", "ExpressionAttributeValues": values}
        item: Any = {**key, "tries": tries, "expires_at": self._expiry()}
        self._client.put_item(TableName=self._table, Item=item, **unchanged)

    def settled_attempts(self, fingerprint: str) -> list[dict[str, str]]:
        """Return what `record_settled_attempt` kept: each with its `job_id`, when it was `started_at`, and its `lease_until`."""
        found = self._read_entries([f"tries#{fingerprint}"])
        return [{name: word["S"] for name, word in kept["M"].items()} for item in found for kept in item["tries"]["L"]]

    def _read_entries(self, wanted: list[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(wanted), 100):
            keys = [_key(entry) for entry in wanted[start : start + 100]]
            ask: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
            while ask:
                answer = self._client.batch_get_item(RequestItems=ask)
                found += answer["Responses"].get(self._table, [])
                ask = answer.get("UnprocessedKeys")
        return found

    def claim_job(
        self, job: Job, attempt: Mapping[str, Any], fingerprint: str, *, price: Decimal, budget: Decimal
    ) -> Job:
        """Let the caller, and nobody else, send a `ready` job: move it to `submitting` and take its price from the day.

        `attempt` holds the `id` of this try, when it was `started_at` and its `lease_until`. Raises `BudgetSpent`
        (nothing is written) and `TransitionRefused`.
        """
        now = self._jobs.now()
        charge = Charge(price, budget_day(now))
        spent = BudgetSpent(price, budget, next_day(now))
        if not budget or price > budget:
            raise spent
        lease = datetime.fromisoformat(attempt["lease_until"])
        parts = {
            "attempt": dict(attempt) | {"usd": str(charge.usd), "day": charge.day},
            "fingerprint": fingerprint,
            "doubt": {},
        }
        move = self._move(job.id, Status.SUBMITTING, parts, due_at=lease + timedelta(seconds=30))
        take = self._spend(charge, budget)
        refused = self._write_together([move, take])
        if refused is None:
            return self._written(job.id)
        if refused[0]:
            raise TransitionRefused(job.id, Status.SUBMITTING, self._status(job.id))
        raise spent

    def record_video(self, job: Job, video: Mapping[str, Any]) -> Job:
        """Record that the job's last try became this video of the server's (its record, `id` and all), for good.

        The job becomes `queued`, and the video is claimed for it. Raises `VideoClaimedError` and `TransitionRefused`.
        """
        claim = {
            "Put": {
                "TableName": self._table,
                "Item": {
                    **_key(f"video#{video['id']}"),
                    "job_id": {"S": job.id},
                    "expires_at": self._expiry(),
                },
                "ConditionExpression": "attribute_not_exists(entry) OR job_id = :job",
                "ExpressionAttributeValues": {":job": {"S": job.id}},
            }
        }
        follow = {"polls": 0, "since": timestamp(self._jobs.now())}
        parts = {"server": dict(video), "follow": follow, "doubt": {}, "error": {}}
        refused = self._write_together([self._move(job.id, Status.QUEUED, parts, attempt=job.attempt), claim])
        if refused is None:
            return self._written(job.id)
        if refused[1] and not refused[0]:
            raise VideoClaimedError(job.id, video["id"])
        raise TransitionRefused(job.id, Status.QUEUED, self._status(job.id))

    def refund(self, job: Job, status: Status, error: Mapping[str, Any], *, due_at: datetime | None = None) -> Job:
        """Move a job whose try provably came to nothing to `ready` or `failed`, and give the day its price back.

        Raises `TransitionRefused`.
        """
        move = self._move(job.id, status, {"error": dict(error)}, attempt=job.attempt, due_at=due_at)
        charge = Charge(Decimal(job.attempt["usd"]), job.attempt["day"])
        give = {
            "Update": {
                "TableName": self._table,
                "Key": _key(f"day#{charge.day}"),
                "UpdateExpression": "SET spent_usd = spent_usd - :usd",
                "ExpressionAttributeValues": {":usd": serialize(charge.usd)},
            }
        }
        refused = self._write_together([move, give])
        if refused is None:
            return self._written(job.id)
        raise TransitionRefused(job.id, status, self._status(job.id))

    def _spend(self, charge: Charge, budget: Decimal) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(f"day#{charge.day}"),
                "UpdateExpression": "SET spent_usd = if_not_exists(spent_usd, :zero) + :usd, expires_at = :expiry",
                "ConditionExpression": "attribute_not_exists(spent_usd) OR spent_usd <= :room",
                "ExpressionAttributeValues": {
                    ":zero": serialize(Decimal(0)),
                    ":usd": serialize(charge.usd),
                    ":room": serialize(budget - charge.usd),
                    ":expiry": self._expiry(),
                },
            }
        }

    def _move(
        self,
        job_id: str,
        status: Status,
        parts: Mapping[str, Any],
        *,
        attempt: Mapping[str, Any] | None = None,
        due_at: datetime | None = None,
    ) -> dict[str, Any]:
        """Return the move as part of a transaction; with an `attempt`, only while that is the job's last one."""
        move = build_move(
            self._jobs.table,
            job_id,
            status,
            # What comes of a try can be told only of one that may still be under way.
            allowed=statuses_before(status) & UNSETTLED if attempt else statuses_before(status),
            now=self._jobs.now(),
            parts=parts,
            appended={"history": [self._jobs.entry(status)]},
            due_at=due_at,
            only={"attempt.id": attempt["id"]} if attempt else None,
        )
        return {"Update": move}

    def _write_together(self, writes: list[dict[str, Any]]) -> list[bool] | None:
        """Write all or nothing; return None, or for each write whether its own condition refused it.

        What another writer or a throttle is in the way of is tried again, for a quarter of a minute at most: what was
        bought must not stay off the record, and a submission has half a minute beyond the server's own time.
        """
        for tried in range(WRITE_TRIES):
            try:
                self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
            except ClientError as error:
                codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in codes:
                    return [code == "ConditionalCheckFailed" for code in codes]
                if _COMES_RIGHT.isdisjoint([*codes, error.response["Error"]["Code"]]) or tried == WRITE_TRIES - 1:
                    raise
                longest = min(0.05 * 2**tried, LONGEST_PAUSE)
                self._pause(random.uniform(longest / 2, longest))  # noqa: S311 - only spreads the workers
            else:
                return None
        raise AssertionError("the last try raises")

    def _written(self, job_id: str) -> Job:
        job = self._jobs.get_job(job_id)
        if job is None:
            raise TransitionRefused(job_id, "read", None)
        return job

    def _status(self, job_id: str) -> str | None:
        job = self._jobs.get_job(job_id)
        return str(job.status) if job else None

    def _expiry(self) -> dict[str, str]:
        return {"N": str(int((self._jobs.now().astimezone(UTC) + KEPT).timestamp()))}


def open_tables(client: DynamoDBClient, jobs_table: str, ledger_table: str) -> dict[str, Any]:
    """Return a stack's `jobs` and its `ledger`, as the steps take them."""
    jobs = JobTable(client, jobs_table)
    return {"jobs": jobs, "ledger": Ledger(client, ledger_table, jobs)}


def _key(entry: str) -> dict[str, Any]:
    return {"entry": {"S": entry}}
