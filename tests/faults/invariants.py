"""What must hold of a stack however it was treated. Each check returns sentences; none means that all is well."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sora_ready.domain.job import Job
from tests.faults.simulated_stack import OUTPUTS, SimulatedStack, waits_for_operator

FINAL = {"completed", "failed", "rejected", "canceled", "deleted"}
MOVES = {
    "": {"received", "ready", "rejected"},
    "received": {"received", "ready", "rejected", "canceled"},
    "ready": {"submitting", "held", "canceled"},
    "held": {"ready", "canceled"},
    "submitting": {"queued", "ready", "failed", "unconfirmed"},
    "unconfirmed": {"queued", "failed", "ready"},
    "queued": {"in_progress", "completed", "failed"},
    "in_progress": {"in_progress", "completed", "failed"},
    "completed": {"deleted"},
    "failed": {"deleted"},
    "rejected": {"deleted"},
    "canceled": {"deleted"},
}
"""What may follow what, written out again: the pipeline's own table is among what is judged."""


def find_violations(stack: SimulatedStack, *, drained: bool = True) -> list[str]:
    """Return every invariant that does not hold; `drained` says that nothing more will happen by itself."""
    jobs = [job for job in map(stack.job_of, stack.sources) if job]
    said = [*_paid_twice(stack), *_shared_videos(stack, jobs), *_rejected_but_sent(stack, jobs), *_illegal_moves(jobs)]
    said += _overspent(stack, jobs)
    return [*said, *_lost(stack), *_homeless_videos(stack, jobs), *_wrong_bytes(stack, jobs)] if drained else said


def _paid_twice(stack: SimulatedStack) -> list[str]:
    """I1: one accepted POST for a job, and one more for each time that a person had it sent again."""
    counts = Counter(entry.idempotency_key for entry in stack.accepted())
    again = Counter(job_id for job_id, decision in stack.decisions if decision == "send_again")
    return [f"I1: {job} was bought {count} times" for job, count in counts.items() if count > 1 + again[str(job)]]


def _lost(stack: SimulatedStack) -> list[str]:
    """I2: every upload has a record that is final or waits for a person, or its message lies in a dead-letter queue."""
    said = []
    dead = {(message.body.key, message.body.etag) for message in stack.dead if message.queue == "normalize"}
    for source in stack.sources:
        job = stack.job_of(source)
        if job is None and (source.key, source.etag) not in dead:
            said.append(f"I2: {source.key} has no record")
        elif job and job.status not in FINAL and not waits_for_operator(job):
            said.append(f"I2: {source.key} is left {job.status}, to be resumed at {job.due_at}")
    return said


def _shared_videos(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I3: a video belongs to one job at most, and to the one it was made for."""
    bought = {entry.video_id: entry.idempotency_key for entry in stack.accepted()}
    owned = [(job.server.id, job.id) for job in jobs if job.server]
    counts = Counter(video for video, _ in owned)
    said = [f"I3: {video} belongs to {count} jobs" for video, count in counts.items() if count > 1]
    # A person may name whatever video there is.
    named = {job_id for job_id, decision in stack.decisions if decision == "adopt"}
    wrong = [(video, job) for video, job in owned if bought.get(video) != job and job not in named]
    return [*said, *(f"I3: {job} was given a video that was made for {bought.get(video)}" for video, job in wrong)]


def _homeless_videos(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I3: a video that belongs to no job is one of a job's that a person was asked, or has decided, about."""
    owned = {job.server.id for job in jobs if job.server}
    decided = {job_id for job_id, _ in stack.decisions}
    known = {job.id: job for job in jobs}
    said = []
    for entry in stack.accepted():
        job = known.get(str(entry.idempotency_key))
        if entry.video_id in owned or (job and job.id in decided):
            continue
        if job is None or job.status != "unconfirmed" or not waits_for_operator(job):
            said.append(f"I3: {entry.video_id}, bought for {entry.idempotency_key}, belongs to no job")
        elif entry.video_id not in job.reconciliation.candidates and not _tells_why(job):
            said.append(f"I3: {job.id} waits for a person and does not name {entry.video_id}")
    return said


def _tells_why(job: Job) -> bool:
    reasons = (
        "Another unsettled job",
        "offers no list",
        "is not a list",
        "too long",
        "could not be reached",
        "The video server answered",
    )
    return any(reason in job.reconciliation.finding for reason in reasons)


def _wrong_bytes(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I4: the bytes stored for a completed job are the server's."""
    said = []
    for job in jobs:
        if job.status != "completed":
            continue
        stored = stack.aws["s3"].get_object(Bucket=OUTPUTS, Key=job.video.key)["Body"].read()
        served = stack.video_server._client.videos.download_content(job.server.id).content
        digests = {hashlib.sha256(data).hexdigest() for data in (stored, served)} | {job.video.sha256}
        if len(digests) > 1 or len(stored) != job.video.bytes:
            said.append(f"I4: {job.id} has other bytes than the server")
    return said


def _rejected_but_sent(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I5: a rejected picture was never sent, not even to be refused."""
    sent = {entry.idempotency_key for entry in stack.paid.request_log.creates()}
    return [f"I5: {job.id} is rejected and was sent" for job in jobs if job.status == "rejected" and job.id in sent]


def _illegal_moves(jobs: list[Job]) -> list[str]:
    """I6: a history goes from one status to another as the design allows, and ends where the job is."""
    said = []
    for job in jobs:
        path = ["", *(entry.status for entry in job.history)]
        said += [
            f"I6: {job.id} went from {a or 'nothing'} to {b}" for a, b in pairwise(path) if b not in MOVES.get(a, ())
        ]
        if path[-1] != job.status:
            said.append(f"I6: {job.id} is {job.status}, and its history ends with {path[-1] or 'nothing'}")
    return said


def _overspent(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I7: a day's tries cost no more than its budget, and what was bought was paid for."""
    said = []
    days: defaultdict[str, Decimal] = defaultdict(Decimal)
    prices: dict[str | None, Any] = {job.id: job.request.price_usd if job.request else Decimal(0) for job in jobs}
    for entry in stack.accepted():
        days[stack.day_of(entry.time)] += prices.get(entry.idempotency_key, 0)
    for day, bought in days.items():
        spent = stack.ledger.read_spent(day)
        if not bought <= spent <= stack.highest_budget:
            said.append(f"I7: {day} bought for {bought}, took {spent}, and may take {stack.highest_budget}")
    return said
