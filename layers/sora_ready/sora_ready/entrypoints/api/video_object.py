"""A job as the Videos API's callers see it: OpenAI's Video object, and one field `job` with what is ours alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sora_ready.domain.catalog import Catalog
from sora_ready.domain.errors import Rejected
from sora_ready.domain.job import Job, Status
from sora_ready.domain.request import apply_model_defaults, apply_preset, merge_options, parse_request

STATUS_WORDS: Mapping[Status, str] = {
    Status.RECEIVED: "queued",
    Status.READY: "queued",
    Status.HELD: "queued",
    Status.SUBMITTING: "queued",
    Status.UNCONFIRMED: "queued",
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.REJECTED: "failed",
    Status.CANCELED: "failed",
}
"""OpenAI's word for each status that a caller can see."""

_CANCELED = {"code": "canceled", "message": "The job was canceled before anything was sent."}
# What the object tells at its top, or elsewhere in `job`.
_TOLD_APART = {"prompt", "price_usd"}
_COPY = ("bucket", "key", "content_type", "width", "height", "mode", "background", "region", "bytes")


def find_statuses(word: str) -> frozenset[Status]:
    """Return the statuses that a word means: one of OpenAI's four, else one of ours; none where it is neither."""
    found = frozenset(status for status, theirs in STATUS_WORDS.items() if theirs == word)
    return found or frozenset(status for status in STATUS_WORDS if status == word)


def describe_video(job: Job, defaults: Mapping[str, str], catalog: Catalog) -> dict[str, Any]:
    """Return a job as a JSON-able Video object. `defaults` hold for what its request leaves open.

    Times are seconds since 1970, `progress` is in percent. While the frame is not decided, `size` is the first of those
    that the request leaves open: OpenAI's schema has no null there.
    """
    asked, model, size, seconds, prompt = _understand(job, defaults, catalog)
    completed = job.status is Status.COMPLETED
    return {
        "id": job.id,
        "object": "video",
        "model": model,
        "status": STATUS_WORDS[job.status],
        "progress": 100 if completed else _read_progress(job),
        "created_at": _seconds(job.created_at),
        "completed_at": _seconds(_end_of(job)) if completed else None,
        "expires_at": None,
        "size": size,
        "seconds": seconds,
        "prompt": prompt,
        "remixed_from_video_id": None,
        "error": _describe_error(job),
        "job": _describe_job(job, asked),
    }


def _understand(
    job: Job, defaults: Mapping[str, str], catalog: Catalog
) -> tuple[Mapping[str, Any], str, str, str, str]:
    """Return what was asked for, then model, size, seconds and prompt as far as they are known."""
    asked = job.request
    if "price_usd" in asked:  # known with the frame
        return asked, asked["model"], asked["size"], str(asked["seconds"]), asked["prompt"]
    try:
        given = merge_options([("body", asked), ("default", defaults)])
        options = apply_model_defaults(apply_preset(given), catalog)
        request = parse_request(options, catalog)
    except Rejected:
        told = {**defaults, **{name: str(value) for name, value in asked.items()}}
        known = told["model"] if told["model"] in catalog else defaults["model"]
        sizes = catalog[known].sizes if known in catalog else next(iter(catalog.models.values())).sizes
        return told, told["model"], str(sizes[0]), told["seconds"], told["prompt"]
    told = {name: option.value for name, option in options.items()}
    return told, request.model, str(request.sizes[0]), str(request.seconds), request.prompt


def _describe_error(job: Job) -> dict[str, str] | None:
    if job.status is Status.CANCELED:
        return _CANCELED
    if STATUS_WORDS[job.status] != "failed":
        return None
    return {name: str(job.error.get(name, "unknown")) for name in ("code", "message")}


def _describe_job(job: Job, asked: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "status": str(job.status),
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "source": {name: value for name, value in job.source.as_record().items() if name != "sequencer"},
        "request": {name: value for name, value in asked.items() if name not in _TOLD_APART},
        "file_name": job.caller.get("file_name"),
        "picture": dict(job.picture),
        "copy": {name: job.copy[name] for name in _COPY if name in job.copy},
        "price_usd": job.request.get("price_usd"),
        "server": {name: job.server[name] for name in ("id", "status") if name in job.server},
        "error": dict(job.error),
        "doubt": job.doubt.get("found") if job.status is Status.UNCONFIRMED else None,
        "until": job.error.get("until") if job.status is Status.HELD else None,
    }
    return {name: value for name, value in told.items() if value not in (None, {}, "")}


def _read_progress(job: Job) -> int:
    progress = job.server.get("progress", 0)
    return min(max(progress, 0), 100) if isinstance(progress, int) else 0


def _end_of(job: Job) -> str:
    # A job of the list has no history, and a completed one is hardly written to.
    return next((entry["at"] for entry in job.history if entry["status"] == job.status), job.updated_at)


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
