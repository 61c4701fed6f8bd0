"""Resumes what is overdue: a lost message at any step, an expired lease, a held job that the budget covers now."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sora_ready.adapters.job_table import DueJob, JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.domain.errors import BudgetSpent, JobRecordError, TransitionRefused
from sora_ready.domain.job import Job, JobConditions, Status, SweepPartition, required, timestamp
from sora_ready.domain.spending import allocate_budget, budget_day, next_day, next_hour
from sora_ready.pipeline.unconfirmed import expire_lease

logger = logging.getLogger(__name__)

EVERY_MINUTES = 5
"""How often the stack's schedule runs the sweep."""


@dataclass(frozen=True)
class Sweep:
    """Resumes up to `limit` jobs of each partition. `budget` is in US dollars a day."""

    jobs: JobTable
    ledger: Ledger
    normalize_queue: NormalizeQueue
    submit_queue: SubmitQueue
    track_queue: TrackQueue
    budget: Decimal
    limit: int = 500

    def __call__(self) -> dict[str, int]:
        """Resume overdue jobs; return how many of each status. If none is due, this is one query a partition.

        Raises the error that kept a job from being resumed, after all others were.
        """
        due = [row for partition in SweepPartition for row in self.jobs.find_due(partition, self.limit)]
        counts: Counter[str] = Counter()
        failure = None
        for row in due:
            try:
                if row.status is not Status.HELD:
                    counts[row.status] += 1
                    self._resume(row)
            except Exception as error:
                # One job that cannot be resumed must not keep the others waiting.
                logger.exception("job not resumed", extra={"job_id": row.job_id})
                failure = error
        released = self._release_held([row for row in due if row.status is Status.HELD])
        if failure:
            raise failure
        return dict(counts) | ({Status.HELD: released} if released else {})

    def _resume(self, row: DueJob) -> None:
        job = self.jobs.get_job(row.job_id)
        # The index may be a moment behind: what has moved since is not overdue.
        if job is None or job.due_at != row.due_at or job.status is not row.status:
            return
        if job.status is Status.SUBMITTING:
            expire_lease(job, self.jobs)
            return
        # Recorded before the message is sent: if the message is lost too, a later sweep sends another.
        try:
            self.jobs.update_job(job, conditions=JobConditions(due_at=job.due_at))
        except TransitionRefused:
            return
        if job.status is Status.RECEIVED:
            self.normalize_queue.send_upload(job.source)
        elif job.status is Status.READY:
            self.submit_queue.send_job(job.id)
        else:
            self.track_queue.send_poll(job.id, polls=job.polling.polls, delay_seconds=0)

    def _release_held(self, rows: Sequence[DueJob]) -> int:
        """Release held jobs, in the order of `rows`, as far as the day's budget covers them; return how many."""
        if not rows:
            return 0
        spent = self.ledger.read_spent(budget_day(self.jobs.now()))
        held: dict[str, tuple[Job, Decimal]] = {}
        prices = self._read_prices(rows, held)
        released = set(allocate_budget(self.budget, spent, prices))
        if self.jobs.now().minute < EVERY_MINUTES:
            # Jobs after the last released one are read once an hour only, to update what their error says.
            deque(prices, maxlen=0)
        for job, price in held.values():
            try:
                if job.id in released:
                    self._release(job)
                else:
                    self._keep_held(job, price)
            except Exception:
                logger.exception("held job not updated", extra={"job_id": job.id})
        return len(released)

    def _read_prices(
        self, rows: Sequence[DueJob], held: dict[str, tuple[Job, Decimal]]
    ) -> Iterator[tuple[str, Decimal]]:
        """Read held jobs one after the other, as they are needed; yield id and price, and add them to `held`."""
        for row in rows:
            try:
                job = self.jobs.get_job(row.job_id)
                if job is None or job.status is not Status.HELD:
                    continue
                price = required(job.request, "request").price_usd
            except JobRecordError:
                # A record that somebody edited must not keep the others waiting.
                logger.exception("held job has no price", extra={"job_id": row.job_id})
                continue
            held[job.id] = job, price
            yield job.id, price

    def _release(self, job: Job) -> None:
        try:
            # Only from where it was read: a job that another sweep released may be unconfirmed by now.
            self.jobs.move_job(job.id, Status.READY, conditions=JobConditions(due_at=job.due_at), error=None)
        except TransitionRefused:
            return
        self.submit_queue.send_job(job.id)

    def _keep_held(self, job: Job, price: Decimal) -> None:
        now = self.jobs.now()
        error = BudgetSpent(price, self.budget, next_day(now)).to_job_error()
        # A job that no whole day's budget covers makes room for those after it.
        due_at = next_hour(now) if 0 < self.budget < price else datetime.fromisoformat(job.created_at)
        if job.error != error or job.due_at != timestamp(due_at):
            conditions = JobConditions(due_at=job.due_at)
            self.jobs.write_or_reload(
                job, lambda: self.jobs.update_job(job, due_at=due_at, conditions=conditions, error=error)
            )
