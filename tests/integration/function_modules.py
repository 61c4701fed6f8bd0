"""The functions as Lambda runs them: imported afresh, with the template's variables, resumed by the samples."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sora_ready.domain.job import Job, SourceObject

from .stack_fixtures import (
    BUDGET,
    DEFAULTS,
    MODELS,
    OUTPUT_BUCKET,
    ROOT,
    TEMPLATE,
    UPLOAD_BUCKET,
    Stack,
    load_event,
    picture,
)

Event = dict[str, Any]
Load = Callable[..., ModuleType]

FUNCTIONS = {
    "normalize": "Normalize",
    "submit": "Submit",
    "track": "Track",
    "sweep": "Sweep",
    "publish": "Publish",
    "api": "Api",
    "authorize": "Authorize",
    "backfill": "Backfill",
}
"""Each function's folder and its name in the template."""
JOB = "video_0b5f4c1d2e3a49788796a5b4c3d2e1f0"
"""The job that the samples speak of."""
COPY_KEY = f"ready/{JOB}-2cf24dba5fb0.jpg"
"""The ready copy that the sample for submit announces."""


def settings_of(stack: Stack, base_url: str, secret: str) -> dict[str, str]:
    """What the variables of all functions hold in these tests."""
    return {
        "JOBS_TABLE": stack.table,
        "LEDGER_TABLE": stack.ledger_table,
        "DAILY_BUDGET_USD": str(BUDGET),
        "EVENT_BUS": "default",
        "STACK_NAME": "sora-ready",
        "OUTPUT_BUCKET": OUTPUT_BUCKET,
        "UPLOAD_BUCKET": UPLOAD_BUCKET,
        "UPLOAD_PREFIX": "",
        "API_CORS_ORIGINS": "",
        "API_TOKEN_SECRET": "api-token",
        "API_TOKEN_OVERLAP_HOURS": "24",
        "VIDEO_API_BASE_URL": base_url,
        "VIDEO_API_KEY_SECRET": secret,
        "NORMALIZE_QUEUE_URL": stack.normalize_queue_url,
        "SUBMIT_QUEUE_URL": stack.submit_queue_url,
        "TRACK_QUEUE_URL": stack.track_queue_url,
        "TRACK_DEADLINE_MINUTES": "120",
        "VIDEO_MODELS": MODELS,
        "POWERTOOLS_SERVICE_NAME": "sora-ready",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
    } | {f"DEFAULT_{name.upper()}": value for name, value in DEFAULTS.items()}


def variables_of(name: str) -> dict[str, Any]:
    """The variables that the template gives to a function; what it gives literally is text."""
    everywhere = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = TEMPLATE["Resources"][FUNCTIONS[name]]["Properties"]["Environment"]["Variables"]
    return {**everywhere, **own}


def import_function(name: str) -> ModuleType:
    """Import a function's app.py as a module of its own, as new as in a new execution environment."""
    spec = importlib.util.spec_from_file_location(f"function_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def uploaded(stack: Stack, event: Event, **options: Any) -> list[SourceObject]:
    """Drop a picture for each record of a sample, and put the ETag and version it got into the event."""
    sources = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        told = body["detail"]["object"]
        source = stack.upload(told["key"], picture(80, 60), bucket=body["detail"]["bucket"]["name"], **options)
        told |= {"etag": source.etag, "version-id": source.version_id, "sequencer": source.sequencer}
        record["body"] = json.dumps(body)
        sources.append(source)
    return sources


def announced(key: str = COPY_KEY, receives: int = 1) -> Event:
    """The message that a ready copy lies under this key, as it comes for the `receives`-th time."""
    event = load_event("submit-sqs-copy-ready.json")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(COPY_KEY, key)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receives)
    return event


def due_poll(stack: Stack, job_id: str = JOB) -> Event:
    """The message that a job's record waits for, as the next look at its video."""
    job = stack.jobs.get_job(job_id)
    assert job is not None
    event = load_event("track-sqs-poll.json")
    event["Records"][0]["body"] = json.dumps({"job_id": job_id, "polls": job.polling.polls})
    return event


def received(stack: Stack, event: Event) -> Event:
    """Send a sample's message through the submit queue and take it out again, so that its receipt is a real one."""
    stack.sqs.send_message(QueueUrl=stack.submit_queue_url, MessageBody=event["Records"][0]["body"])
    (message,) = stack.sqs.receive_message(QueueUrl=stack.submit_queue_url)["Messages"]
    event["Records"][0] |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
    stack.calls.clear()
    return event


def ready_sample(stack: Stack, prompt: str = "a calm sea") -> Job:
    """Record the samples' job as ready, with the copy that the sample for submit announces."""
    return stack.ready_job(job_id=JOB, copy_key=COPY_KEY, prompt=prompt)


def at_the_server(stack: Stack, load: Load, prompt: str = "a calm sea") -> None:
    """Have the samples' job submitted, as it is before it is tracked."""
    ready_sample(stack, prompt)
    load("submit").handler(load_event("submit-sqs-copy-ready.json"), None)
