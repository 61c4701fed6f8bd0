"""A job as OpenAI's Video object, with one field of our own: `job`, the stack's record of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sora_ready.domain.catalog import Catalog
from sora_ready.domain.codec import JsonObject, JsonValue, encode_object
from sora_ready.domain.errors import Rejected
from sora_ready.domain.job import Job, Status
from sora_ready.domain.request import apply_model_defaults, apply_preset, merge_options, parse_request

VIDEO_STATUS: Mapping[Status, str] = {
    **dict.fromkeys((Status.RECEIVED, Status.READY, Status.HELD), "queued"),
    **dict.fromkeys((Status.SUBMITTING, Status.UNCONFIRMED, Status.QUEUED), "queued"),
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    **dict.fromkeys((Status.FAILED, Status.REJECTED, Status.CANCELED), "failed"),
}
"""OpenAI's status for each of ours. A deleted job is never returned."""


def find_statuses(word: str) -> frozenset[Status]:
    """Return the statuses that a word means: one of OpenAI's four, or else one of ours. Empty for any other word."""
    found = frozenset(status for status, openai_status in VIDEO_STATUS.items() if openai_status == word)
    return found or frozenset(status for status in VIDEO_STATUS if status == word)


def describe_video(job: Job, defaults: Mapping[str, str], catalog: Catalog) -> JsonObject:
    """Return a job as a Video object. The stack's `defaults` apply to the options that the job leaves open.

    Times are seconds since 1970, `progress` is in percent. Until the frame is made, `size` is the first of the possible
    sizes: OpenAI's schema has no null there.
    """
    values, requested = _find_requested(job, defaults, catalog)
    completed = job.status is Status.COMPLETED
    progress = 100 if completed else job.server.progress if job.server else 0
    # A job read from the list has no history, and a completed job is hardly written to.
    completed_at = next((entry.at for entry in job.history if entry.status is Status.COMPLETED), job.updated_at)
    described: JsonObject = {
        "id": job.id,
        "object": "video",
        "status": VIDEO_STATUS[job.status],
        "progress": min(max(progress, 0), 100) if isinstance(progress, int) else 0,
        "created_at": _unix(job.created_at),
        "completed_at": _unix(completed_at) if completed else None,
        "expires_at": None,
        "remixed_from_video_id": None,
        "error": _describe_error(job),
        "job": _describe_job(job, values),
    }
    return described | requested


def _find_requested(job: Job, defaults: Mapping[str, str], catalog: Catalog) -> tuple[JsonObject, JsonObject]:
    """Return what was asked for, and the model, size, seconds and prompt that follow, as far as they are known."""
    found: tuple[object, ...]
    if made := job.request:
        values, found = encode_object(made), (made.model, made.size, made.seconds, made.prompt)
    else:
        try:
            options = merge_options([("body", job.options), ("default", defaults)])
            options = apply_model_defaults(apply_preset(options), catalog)
            parsed = parse_request(options, catalog)
            values = {name: option.value for name, option in options.items()}
            found = (parsed.model, parsed.sizes[0], parsed.seconds, parsed.prompt)
        except Rejected:
            given = {**defaults, **job.options}
            known = given["model"] if given["model"] in catalog else defaults["model"]
            sizes = catalog[known].sizes if known in catalog else next(iter(catalog.values())).sizes
            values, found = {**given}, (given["model"], sizes[0], given["seconds"], given["prompt"])
    return values, dict(zip(("model", "size", "seconds", "prompt"), map(str, found), strict=True))


def _describe_error(job: Job) -> JsonObject | None:
    if job.status is Status.CANCELED:
        return {"code": "canceled", "message": "The job was canceled before anything was sent."}
    if VIDEO_STATUS[job.status] != "failed":
        return None
    code, message = (job.error.code, job.error.message) if job.error else ("unknown", "unknown")
    return {"code": code, "message": message}


def _describe_job(job: Job, values: Mapping[str, JsonValue]) -> JsonObject:
    described: JsonObject = {
        "status": str(job.status),
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "source": _describe_part(job.source, "sequencer"),
        "request": {name: value for name, value in values.items() if name not in {"prompt", "price_usd"}},
        "file_name": job.invocation.file_name,
        "picture": _describe_part(job.picture),
        "copy": _describe_part(job.copy, "sha256"),
        "price_usd": str(job.request.price_usd) if job.request else None,
        "server": _describe_part(job.server, "progress", "expires_at"),
        "error": _describe_part(job.error),
        "finding": job.reconciliation.finding if job.status is Status.UNCONFIRMED else None,
        "until": job.error.facts.get("until") if job.error and job.status is Status.HELD else None,
    }
    return {name: value for name, value in described.items() if value not in (None, {}, "")}


def _describe_part(part: object, *left_out: str) -> JsonObject:
    record = {} if part is None else encode_object(part)
    return {name: value for name, value in record.items() if name not in left_out}


def _unix(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
