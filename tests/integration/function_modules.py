"""The functions as Lambda runs them: imported afresh, with the template's variables, and invoked by sample events."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class FakeLambdaContext:
    """What Lambda tells a handler about its invocation, as far as the functions read it."""

    aws_request_id: str = "3f1c7d52-8a2e-4b8e-9c55-0d6a5b7e4f10"
    function_name: str = "sora-ready-function"


CONTEXT = FakeLambdaContext()

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
"""The job of the sample events."""
COPY_KEY = f"ready/{JOB}-2cf24dba5fb0.jpg"
"""The ready copy of the sample event for `submit`."""


def settings_of(stack: Stack, base_url: str, secret: str) -> dict[str, str]:
    """Return the values of all functions' variables in these tests."""
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
    """Return the variables that the template gives to a function. A literal value is text."""
    everywhere = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = TEMPLATE["Resources"][FUNCTIONS[name]]["Properties"]["Environment"]["Variables"]
    return {**everywhere, **own}


def import_function(name: str) -> ModuleType:
    """Import a function's app.py as a new module, as a new execution environment does."""
    spec = importlib.util.spec_from_file_location(f"function_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def upload_for(stack: Stack, event: Event, **options: Any) -> list[SourceObject]:
    """Upload a picture for each record of a sample event, and put its ETag and version into the event."""
    sources = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        created = body["detail"]["object"]
        source = stack.upload(created["key"], picture(80, 60), bucket=body["detail"]["bucket"]["name"], **options)
        created |= {"etag": source.etag, "version-id": source.version_id, "sequencer": source.sequencer}
        record["body"] = json.dumps(body)
        sources.append(source)
    return sources


def copy_event(key: str = COPY_KEY, receives: int = 1) -> Event:
    """Return the event of the ready copy under this key, received for the `receives`-th time."""
    event = load_event("submit-sqs-ready-copy.json")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(COPY_KEY, key)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receives)
    return event


def due_poll(stack: Stack, job_id: str = JOB) -> Event:
    """Return the event of the poll that a job's record waits for."""
    job = stack.jobs.get_job(job_id)
    assert job is not None
    event = load_event("track-sqs-poll.json")
    event["Records"][0]["body"] = json.dumps({"job_id": job_id, "polls": job.polling.polls})
    return event


def with_real_receipt(stack: Stack, event: Event) -> Event:
    """Send a sample's message through the submit queue and receive it, so that its receipt handle is a real one."""
    stack.sqs.send_message(QueueUrl=stack.submit_queue_url, MessageBody=event["Records"][0]["body"])
    (message,) = stack.sqs.receive_message(QueueUrl=stack.submit_queue_url)["Messages"]
    event["Records"][0] |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
    stack.calls.clear()
    return event


def ready_sample(stack: Stack, prompt: str = "a calm sea") -> Job:
    """Record the samples' job as `ready`, with the copy of the sample event for `submit`."""
    return stack.ready_job(job_id=JOB, copy_key=COPY_KEY, prompt=prompt)


def submit_sample(stack: Stack, load: Load, prompt: str = "a calm sea") -> None:
    """Submit the samples' job, as before it is tracked."""
    ready_sample(stack, prompt)
    load("submit").handler(load_event("submit-sqs-ready-copy.json"), CONTEXT)
