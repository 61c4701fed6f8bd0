"""Woken every five minutes: wakes what is overdue. Called by a person: decides about a job that is `unconfirmed`."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from sora_ready.adapters.ledger import open_tables
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.entrypoints.settings import SweepSettings
from sora_ready.pipeline.reconcile import resolve_job
from sora_ready.pipeline.sweep import Sweep

logger = Logger()


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Sweep and return how many jobs of each status were resumed; or `resolve` one job and return its record."""
    sweep = wire()
    if "resolve" in event:
        asked = event["resolve"]
        job = resolve_job(
            asked["job_id"],
            asked["decision"],
            video_id=asked.get("video_id", ""),
            jobs=sweep.jobs,
            ledger=sweep.ledger,
            submit_queue=sweep.submit_queue,
            track_queue=sweep.track_queue,
        )
        logger.info("a person decided", job_id=job.id, decision=asked["decision"], status=str(job.status))
        return job.as_told()
    resumed = sweep.resume_jobs()
    if resumed:
        logger.info("overdue jobs were resumed", **resumed)
    return {"resumed": resumed}


@cache
def wire() -> Sweep:
    """Connect the step to this stack, once for each execution environment."""
    settings = SweepSettings.from_environment()
    sqs = boto3.client("sqs")
    return Sweep(
        **open_tables(boto3.client("dynamodb"), settings.jobs_table, settings.ledger_table),
        normalize_queue=NormalizeQueue(sqs, settings.normalize_queue_url),
        submit_queue=SubmitQueue(sqs, settings.submit_queue_url),
        track_queue=TrackQueue(sqs, settings.track_queue_url),
        budget=settings.daily_budget_usd,
        limit=settings.sweep_limit,
    )
