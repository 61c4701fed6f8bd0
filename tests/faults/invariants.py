"""What must hold for a stack, whatever happened to it. Each check returns its violations as sentences."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sora_ready.domain.job import Job
from tests.faults.simulated_stack import OUTPUTS, SimulatedStack, utc_day, waits_for_operator

FINAL = {"completed", "failed", "rejected", "canceled", "deleted"}
TRANSITIONS = {
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
"""The legal transitions, written out again: the pipeline's own table is under test."""

REASONS = (
    "Another unsettled job",
    "offers no list",
    "is not a list",
    "too long",
    "could not be reached",
    "The video server answered",
)
"""What a finding says if the list cannot name the job's video."""


def find_violations(stack: SimulatedStack, *, idle: bool = True) -> list[str]:
    """Return every violation. With `idle=False`, skip the checks of what holds only once nothing more happens."""
    jobs = [job for job in map(stack.find_job, stack.sources) if job]
    violations = [
        *_bought_again(stack),
        *_shared_videos(stack, jobs),
        *_rejected_but_sent(stack, jobs),
        *_illegal_transitions(jobs),
        *_overspent_days(stack, jobs),
    ]
    if idle:
        violations += [*_lost_uploads(stack), *_unclaimed_videos(stack, jobs), *_wrong_bytes(stack, jobs)]
    return violations


def _bought_again(stack: SimulatedStack) -> list[str]:
    """I1: a job has one accepted POST, and at most one more each time an operator decides to send it again."""
    counts = Counter(entry.idempotency_key for entry in stack.accepted())
    sent_again = Counter(job_id for job_id, decision in stack.decisions if decision == "send_again")
    return [
        f"I1: {job_id} was bought {count} times"
        for job_id, count in counts.items()
        if count > 1 + sent_again[str(job_id)]
    ]


def _lost_uploads(stack: SimulatedStack) -> list[str]:
    """I2: an upload's job has ended or waits for an operator, or its event is in the dead-letter queue."""
    violations = []
    dead = {(message.body.key, message.body.etag) for message in stack.dead_letters if message.queue == "normalize"}
    for source in stack.sources:
        job = stack.find_job(source)
        if job is None and (source.key, source.etag) not in dead:
            violations.append(f"I2: {source.key} has no record")
        elif job and job.status not in FINAL and not waits_for_operator(job):
            violations.append(f"I2: {source.key} is still {job.status}, due at {job.due_at}")
    return violations


def _shared_videos(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I3: a video belongs to at most one job, and that job's submission started it."""
    bought_for = {entry.video_id: entry.idempotency_key for entry in stack.accepted()}
    owners = [(job.server.id, job.id) for job in jobs if job.server]
    counts = Counter(video_id for video_id, _ in owners)
    violations = [f"I3: {video_id} belongs to {count} jobs" for video_id, count in counts.items() if count > 1]
    # An operator may adopt any video.
    adopted = {job_id for job_id, decision in stack.decisions if decision == "adopt"}
    return violations + [
        f"I3: {job_id} has a video that was bought for {bought_for.get(video_id)}"
        for video_id, job_id in owners
        if bought_for.get(video_id) != job_id and job_id not in adopted
    ]


def _unclaimed_videos(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I3: a video that belongs to no job was bought for one that waits for an operator, or that one has resolved."""
    owned = {job.server.id for job in jobs if job.server}
    resolved = {job_id for job_id, _ in stack.decisions}
    jobs_by_id = {job.id: job for job in jobs}
    violations = []
    for entry in stack.accepted():
        job = jobs_by_id.get(str(entry.idempotency_key))
        if entry.video_id in owned or (job and job.id in resolved):
            continue
        if job is None or job.status != "unconfirmed" or not waits_for_operator(job):
            violations.append(f"I3: {entry.video_id}, bought for {entry.idempotency_key}, belongs to no job")
        elif entry.video_id not in job.reconciliation.candidates and not _gives_reason(job):
            violations.append(f"I3: {job.id} waits for an operator and does not name {entry.video_id}")
    return violations


def _gives_reason(job: Job) -> bool:
    return any(reason in job.reconciliation.finding for reason in REASONS)


def _wrong_bytes(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I4: the bytes stored for a completed job are the server's."""
    violations = []
    for job in jobs:
        if job.status != "completed":
            continue
        stored = stack.aws["s3"].get_object(Bucket=OUTPUTS, Key=job.video.key)["Body"].read()
        served = stack.client._client.videos.download_content(job.server.id).content
        digests = {hashlib.sha256(data).hexdigest() for data in (stored, served)} | {job.video.sha256}
        if len(digests) > 1 or len(stored) != job.video.bytes:
            violations.append(f"I4: {job.id} has other bytes than the server")
    return violations


def _rejected_but_sent(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I5: a rejected picture is never sent, even if the server would refuse it."""
    sent = {entry.idempotency_key for entry in stack.fake_server.request_log.creates()}
    return [f"I5: {job.id} is rejected and was sent" for job in jobs if job.status == "rejected" and job.id in sent]


def _illegal_transitions(jobs: list[Job]) -> list[str]:
    """I6: a history has legal transitions only, and ends with the job's status."""
    violations = []
    for job in jobs:
        statuses = ["", *(entry.status for entry in job.history)]
        violations += [
            f"I6: {job.id} moved from {before or 'nothing'} to {after}"
            for before, after in pairwise(statuses)
            if after not in TRANSITIONS.get(before, ())
        ]
        if statuses[-1] != job.status:
            violations.append(f"I6: {job.id} is {job.status}, and its history ends with {statuses[-1] or 'nothing'}")
    return violations


def _overspent_days(stack: SimulatedStack, jobs: list[Job]) -> list[str]:
    """I7: a day's submissions cost no more than its budget, and each accepted one is counted."""
    violations = []
    bought_on: defaultdict[str, Decimal] = defaultdict(Decimal)
    prices: dict[str | None, Any] = {job.id: job.request.price_usd if job.request else Decimal(0) for job in jobs}
    for entry in stack.accepted():
        bought_on[utc_day(entry.time)] += prices.get(entry.idempotency_key, 0)
    for day, bought in bought_on.items():
        spent = stack.ledger.read_spent(day)
        if not bought <= spent <= stack.highest_budget:
            violations.append(f"I7: on {day} {bought} was bought, {spent} spent, of {stack.highest_budget}")
    return violations
