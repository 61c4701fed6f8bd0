"""Triggered every five minutes: resumes what is overdue. Invoked by an operator: decides about an unconfirmed job."""

from __future__ import annotations

from functools import cache

import boto3

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.logs import LambdaContext, LambdaEvent, bind_context, log_job, logger
from sora_ready.entrypoints.settings import SweepSettings
from sora_ready.pipeline.apply_operator_decision import ApplyOperatorDecision
from sora_ready.pipeline.sweep import Sweep

settings = cache(SweepSettings.from_environment)


def handler(event: LambdaEvent, context: LambdaContext) -> JsonObject:
    """Sweep and return how many jobs of each status were resumed; or `resolve` one job and return its record."""
    bind_context(context, settings().stack_name)
    sweep = build_step()
    if "resolve" in event:
        request = event["resolve"]
        resolve = ApplyOperatorDecision(sweep.jobs, sweep.ledger, sweep.submit_queue, sweep.track_queue)
        job = resolve(request["job_id"], request["decision"], video_id=request.get("video_id", ""))
        log_job("operator decided", job, decision=request["decision"])
        return job.to_public_dict()
    resumed = sweep()
    if resumed:
        logger.info("overdue jobs resumed", resumed=resumed)
    return {"resumed": resumed}


@cache
def build_step() -> Sweep:
    """Connect the step to this stack, once for each execution environment."""
    dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
    jobs = JobTable(dynamodb, settings().jobs_table)
    return Sweep(
        jobs=jobs,
        ledger=Ledger(dynamodb, settings().ledger_table, jobs),
        normalize_queue=NormalizeQueue(sqs, settings().normalize_queue_url),
        submit_queue=SubmitQueue(sqs, settings().submit_queue_url),
        track_queue=TrackQueue(sqs, settings().track_queue_url),
        budget=settings().daily_budget_usd,
        limit=settings().sweep_limit,
    )
