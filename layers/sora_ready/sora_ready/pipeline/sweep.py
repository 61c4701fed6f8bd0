"""Wakes what is overdue: a lost message at any step, a lease that ran out, a held job whose day has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger

from sora_ready.adapters.job_table import DueJob, JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.domain.errors import BudgetSpent, TransitionRefused
from sora_ready.domain.job import Job, Status, SweepPartition, timestamp
from sora_ready.domain.spending import allocate_budget, budget_day, next_day, next_hour
from sora_ready.pipeline.reconcile import expire_lease

logger = Logger(child=True)

EVERY_MINUTES = 5
"""How often the stack's schedule has it sweep."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The parts of a stack that a sweep moves. `budget` is in US dollars a day."""

    jobs: JobTable
    ledger: Ledger
    normalize_queue: NormalizeQueue
    submit_queue: SubmitQueue
    track_queue: TrackQueue
    budget: Decimal
    limit: int = 500

    def resume_jobs(self) -> dict[str, int]:
        """Wake up to `limit` overdue jobs of each line; return how many of each status. One query a line if none is.

        Raises what kept a job from being resumed, after all others.
        """
        due = [row for line in SweepPartition for row in self.jobs.find_due(line, self.limit)]
        counts: dict[str, int] = {}
        trouble = None
        for row in due:
            try:
                if row.status is not Status.HELD:
                    counts[row.status] = counts.get(row.status, 0) + 1
                    self._wake(row)
            except Exception as error:
                # One job that cannot be resumed must not keep the others asleep.
                logger.exception("a job could not be resumed", job_id=row.job_id)
                trouble = error
        freed = self._free_held([row for row in due if row.status is Status.HELD])
        if trouble:
            raise trouble
        return counts | ({Status.HELD: freed} if freed else {})

    def _wake(self, row: DueJob) -> None:
        job = self.jobs.get_job(row.job_id)
        # The index may be a moment behind: what has moved since is not overdue.
        if job is None or job.due_at != row.due_at or job.status is not row.status:
            return
        if job.status is Status.SUBMITTING:
            expire_lease(job, self.jobs)
            return
        # Noted before the message is sent: should the message be lost too, the next sweep after that sends another.
        if self._note(job) is None:
            return
        if job.status is Status.RECEIVED:
            self.normalize_queue.send_upload(job.source)
        elif job.status is Status.READY:
            self.submit_queue.send_job(job.id)
        else:
            self.track_queue.send_poll(job.id, polls=job.follow.get("polls", 0), delay_seconds=0)

    def _free_held(self, rows: Sequence[DueJob]) -> int:
        """Let held jobs go on, in the order of `rows`, as far as the day's budget pays for them; return how many."""
        if not rows:
            return 0
        spent = self.ledger.read_spent(budget_day(self.jobs.now()))
        held: dict[str, tuple[Job, Decimal]] = {}
        prices = self._read_prices(rows, held)
        freed = set(allocate_budget(self.budget, spent, prices))
        if self.jobs.now().minute < EVERY_MINUTES:
            # Those behind the last that goes on are read once an hour only, to tell what has changed for them.
            deque(prices, maxlen=0)
        for job, price in held.values():
            try:
                if job.id in freed:
                    self._free(job)
                else:
                    self._hold_on(job, price)
            except Exception:
                logger.exception("a held job could not be seen to", job_id=job.id)
        return len(freed)

    def _read_prices(
        self, rows: Sequence[DueJob], held: dict[str, tuple[Job, Decimal]]
    ) -> Iterator[tuple[str, Decimal]]:
        """Read one held job after the other, as they are asked for; tell its id and price, and keep it in `held`."""
        for row in rows:
            job = self.jobs.get_job(row.job_id)
            price = _read_price(job) if job and job.status is Status.HELD else None
            if job and price is not None:
                held[job.id] = job, price
                yield job.id, price

    def _free(self, job: Job) -> None:
        try:
            # Only from where it was seen: a job that another sweep freed may be in doubt by now.
            self.jobs.move_job(job.id, Status.READY, only={"due_at": job.due_at}, error={})
        except TransitionRefused:
            return
        self.submit_queue.send_job(job.id)

    def _hold_on(self, job: Job, price: Decimal) -> None:
        now = self.jobs.now()
        error = BudgetSpent(price, self.budget, next_day(now)).as_record()
        # One that no whole day pays for makes room for those behind it.
        due_at = next_hour(now) if 0 < self.budget < price else datetime.fromisoformat(job.created_at)
        if job.error != error or job.due_at != timestamp(due_at):
            self._note(job, due_at=due_at, error=error)

    def _note(self, job: Job, **parts: Any) -> Job | None:
        """Have the job looked at again after its status's usual time; None where another worker was quicker."""
        try:
            return self.jobs.update_job(job, only={"due_at": job.due_at}, **parts)
        except TransitionRefused:
            return None


def _read_price(job: Job) -> Decimal | None:
    try:
        return Decimal(job.request["price_usd"])
    except (KeyError, ArithmeticError, TypeError):
        # Somebody changed the record by hand: it must not keep the others waiting.
        logger.error("a held job has no price", job_id=job.id)
        return None
