"""What a job's status alone cannot keep: each day's spending, which job a server's video belongs to, settled attempts.

The table has an entry for each day (`day#2026-11-22`), for each video of the server (`video#…`), and for each
fingerprint with attempts that an operator settled (`settled#…`). A move of a job and its entry are written in one
transaction, so that money and status never disagree.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sora_ready.adapters.aws_errors import error_code
from sora_ready.adapters.job_items import Item, JobUpdate, serialize
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.codec import encode
from sora_ready.domain.errors import BudgetSpent, JobError, SoraReadyError, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import (
    UNSETTLED,
    Job,
    JobChanges,
    JobConditions,
    Polling,
    ServerVideo,
    Status,
    Submission,
    required,
    timestamp,
)
from sora_ready.domain.reconciliation import SettledAttempt, fingerprint
from sora_ready.domain.spending import next_day

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ENTRY_TTL = timedelta(days=400)
# Workers that write one day's entry conflict; DynamoDB refuses all but one, as it does when it throttles. Nothing was
# written then.
WRITE_ATTEMPTS = 10
MAX_PAUSE_SECONDS = 5.0
_RETRYABLE = {
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
        self, client: DynamoDBClient, table: str, jobs: JobTable, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._table = table
        self._jobs = jobs
        self._pause = pause

    def read_spent(self, day: str) -> Decimal:
        """Return what a day's submissions may have cost so far, in US dollars."""
        response = self._client.get_item(TableName=self._table, Key=_key(f"day#{day}"), ConsistentRead=True)
        return Decimal(response["Item"]["spent_usd"]["N"]) if "Item" in response else Decimal(0)

    def find_owners(self, video_ids: Collection[str]) -> dict[str, str]:
        """Return the job id for each of the server's videos that is claimed."""
        items = self._batch_get_entries([f"video#{video_id}" for video_id in sorted(video_ids)])
        return {item["entry"]["S"].removeprefix("video#"): item["job_id"]["S"] for item in items}

    def record_settled_attempt(self, job: Job) -> None:
        """Record a job's last submission after an operator settled it: its video may still appear in the list."""
        submission = required(job.submission, "submission")
        attempt = SettledAttempt(job.id, submission.started_at, submission.lease_until)
        key = _key(f"settled#{fingerprint(required(job.request, 'request'))}")
        known = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        attempts = {"L": [*known.get("attempts", {}).get("L", []), serialize(encode(attempt))]}
        unchanged: Item = {"ConditionExpression": "attribute_not_exists(entry)"}
        if known:
            values = {":known": known["attempts"]}
            unchanged = {"ConditionExpression": "attempts = :known", "ExpressionAttributeValues": values}
        item: Item = {**key, "attempts": attempts, "expires_at": self._expiry()}
        self._client.put_item(TableName=self._table, Item=item, **unchanged)

    def settled_attempts(self, request_fingerprint: str) -> list[SettledAttempt]:
        """Return the attempts with this fingerprint that an operator settled."""
        items = self._batch_get_entries([f"settled#{request_fingerprint}"])
        maps = [entry["M"] for item in items for entry in item["attempts"]["L"]]
        return [SettledAttempt(**{name: value["S"] for name, value in entry.items()}) for entry in maps]

    def claim_job(self, job: Job, submission: Submission, *, budget: Decimal) -> Job:
        """Let this worker alone send a `ready` job: move it to `submitting` and take its price from the day's budget.

        Raises `BudgetSpent` (nothing is written) and `TransitionRefused`.
        """
        price = submission.price_usd
        spent = BudgetSpent(price, budget, next_day(self._jobs.now()))
        if not budget or price > budget:
            raise spent
        changes = JobChanges(
            submission=submission, fingerprint=fingerprint(required(job.request, "request")), reconciliation=None
        )
        due_at = datetime.fromisoformat(submission.lease_until) + timedelta(seconds=30)
        move = self._jobs.prepare_move(job.id, Status.SUBMITTING, changes, due_at=due_at)
        try:
            return self._write_together(move, self._spend(submission, budget), spent)
        except (BotoCoreError, ClientError):
            # A write without a response may have happened. This attempt on record is this worker's: nothing was sent.
            written = self._jobs.get_job(job.id)
            if written and written.status is Status.SUBMITTING and written.submission == submission:
                return written
            raise

    def record_video(self, job: Job, video: ServerVideo) -> Job:
        """Record that the job's last submission became this video, and claim the video for the job.

        The job becomes `queued`. Raises `VideoClaimedError` and `TransitionRefused`.
        """
        claim = {
            "Put": {
                "TableName": self._table,
                "Item": {**_key(f"video#{video.id}"), "job_id": {"S": job.id}, "expires_at": self._expiry()},
                "ConditionExpression": "attribute_not_exists(entry) OR job_id = :job",
                "ExpressionAttributeValues": {":job": {"S": job.id}},
            }
        }
        changes = JobChanges(
            server=video, polling=Polling(since=timestamp(self._jobs.now())), reconciliation=None, error=None
        )
        move = self._settle(job, Status.QUEUED, changes)
        return self._write_together(move, claim, VideoClaimedError(job.id, video.id))

    def refund(self, job: Job, status: Status, error: JobError, *, due_at: datetime | None = None) -> Job:
        """Move a job whose submission provably started nothing to `ready` or `failed`, and refund the day's budget.

        Raises `TransitionRefused`.
        """
        submission = required(job.submission, "submission")
        refund = {
            "Update": {
                "TableName": self._table,
                "Key": _key(f"day#{submission.budget_day}"),
                "UpdateExpression": "SET spent_usd = spent_usd - :usd",
                "ExpressionAttributeValues": {":usd": _number(submission.price_usd)},
            }
        }
        return self._write_together(self._settle(job, status, JobChanges(error=error), due_at=due_at), refund)

    def _spend(self, submission: Submission, budget: Decimal) -> Item:
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(f"day#{submission.budget_day}"),
                "UpdateExpression": "SET spent_usd = if_not_exists(spent_usd, :zero) + :usd, expires_at = :expiry",
                "ConditionExpression": "attribute_not_exists(spent_usd) OR spent_usd <= :room",
                "ExpressionAttributeValues": {
                    ":zero": _number(Decimal(0)),
                    ":usd": _number(submission.price_usd),
                    ":room": _number(budget - submission.price_usd),
                    ":expiry": self._expiry(),
                },
            }
        }

    def _settle(self, job: Job, status: Status, changes: JobChanges, *, due_at: datetime | None = None) -> JobUpdate:
        """Return the move of a job out of `submitting` or `unconfirmed`, if its last submission is still this one."""
        conditions = JobConditions(attempt_id=required(job.submission, "submission").attempt_id)
        move = self._jobs.prepare_move(job.id, status, changes, due_at=due_at, conditions=conditions)
        return replace(move, allowed=UNSETTLED & frozenset(move.allowed))

    def _write_together(self, move: JobUpdate, entry: Item, refusal: SoraReadyError | None = None) -> Job:
        """Write a job's move and an entry, both or neither, and return the job.

        Raises `TransitionRefused` if the job cannot be moved, and `refusal` if only the entry's own condition fails.
        """
        failed = self._transact([{"Update": move.to_request(self._jobs.table, self._jobs.now())}, entry])
        if refusal and failed and not failed[0]:
            raise refusal
        job = self._jobs.get_job(move.job_id)
        if failed or job is None:
            raise TransitionRefused(move.job_id, move.status, str(job.status) if job else None)
        return job

    def _transact(self, writes: list[Item]) -> list[bool]:
        """Write all or nothing; return nothing then, or for each write whether its own condition failed.

        Conflicts and throttling are retried for a quarter of a minute: what was bought must get on record, and a
        submission has half a minute beyond the server's timeout.
        """
        for attempt in range(WRITE_ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type] # built as plain JSON
            except ClientError as error:
                codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in codes:
                    return [code == "ConditionalCheckFailed" for code in codes]
                if _RETRYABLE.isdisjoint([*codes, error_code(error)]) or attempt == WRITE_ATTEMPTS - 1:
                    raise
                longest = min(0.05 * 2**attempt, MAX_PAUSE_SECONDS)
                self._pause(random.uniform(longest / 2, longest))  # noqa: S311 - only spreads the workers
            else:
                return []
        raise AssertionError("the last attempt raises")

    def _batch_get_entries(self, entries: list[str]) -> list[Item]:
        items: list[Item] = []
        for start in range(0, len(entries), 100):
            keys = [_key(entry) for entry in entries[start : start + 100]]
            request: Item | None = {self._table: {"Keys": keys, "ConsistentRead": True}}
            while request:
                response = self._client.batch_get_item(RequestItems=request)
                items += response["Responses"].get(self._table, [])
                request = response.get("UnprocessedKeys")
        return items

    def _expiry(self) -> dict[str, str]:
        return {"N": str(int((self._jobs.now().astimezone(UTC) + ENTRY_TTL).timestamp()))}


def _key(entry: str) -> Item:
    return {"entry": {"S": entry}}


def _number(amount: Decimal) -> dict[str, str]:
    return {"N": str(amount)}
