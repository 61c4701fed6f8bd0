"""Direct invocations of a function: what they ask for, and their response.

The response is the job as JSON. An error is raised by name, so that a state machine can catch or retry it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from sora_ready.domain.codec import JsonObject, JsonValue
from sora_ready.domain.errors import (
    InvocationRejected,
    JobError,
    RequestRejected,
    SoraReadyError,
    VideoFailed,
    VideoServerError,
)
from sora_ready.domain.job import Job
from sora_ready.domain.options import OPTION_NAMES
from sora_ready.entrypoints.logs import log_job
from sora_ready.pipeline.direct_invocation import DirectInvocation

_OBJECT = frozenset({"bucket", "key", "version_id"})


def is_direct(event: Mapping[str, JsonValue]) -> bool:
    """Return whether an event is a direct invocation, not a batch of queue messages."""
    return "Records" not in event


def parse_normalize_invocation(event: Mapping[str, JsonValue]) -> DirectInvocation:
    """Read an invocation of `normalize`. Raises `InvocationRejected`: an unknown field may be an option misspelled."""
    return _parse(event, _OBJECT | OPTION_NAMES | {"submit"})


def parse_submit_invocation(event: Mapping[str, JsonValue]) -> DirectInvocation:
    """Read an invocation of `submit`. Raises `InvocationRejected`, also for options: the frame is made already."""
    return _parse(event, _OBJECT | {"task_token"})


def run_invocation(step: Callable[[DirectInvocation], Job], invocation: DirectInvocation) -> JsonObject:
    """Return the step's job as JSON; raise its error with a message that may be logged.

    Lambda logs the message of an error that leaves a function. A prompt, and a server's message, which may contain it,
    stay in the job's record.
    """
    try:
        job = step(invocation)
    except SoraReadyError as error:
        failed = error
    else:
        log_job("invoked", job)
        return job.to_public_dict()
    # Outside the block, so that the error has no context.
    raise _without_prompt(failed)


def _parse(event: Mapping[str, JsonValue], known: frozenset[str]) -> DirectInvocation:
    fields = {name: value for name, value in event.items() if value is not None}
    if unknown := sorted(set(fields) - known - {"job_id"}):
        names = f"Unknown: {', '.join(map(repr, unknown))}. Known: job_id, {', '.join(sorted(known))}."
        raise InvocationRejected(names, unknown)
    by_id = "job_id" in fields
    if by_id and (extra := sorted(set(fields) & (_OBJECT | OPTION_NAMES | {"submit"}))):
        raise InvocationRejected(f"A job_id is enough, so leave out {', '.join(extra)}.", extra)
    if missing := [name for name in (["job_id"] if by_id else ["bucket", "key"]) if not fields.get(name)]:
        raise InvocationRejected(
            f"Missing: {' and '.join(missing)}. An invocation names a job_id, or bucket and key.", missing
        )
    texts = ("job_id", "bucket", "key", "version_id", "task_token")
    wrong = [name for name in texts if not isinstance(fields.get(name, ""), str)]
    wrong += [] if isinstance(fields.get("submit", True), bool) else ["submit"]
    if wrong:
        raise InvocationRejected(
            f"Wrong type: {', '.join(wrong)}. submit is true or false, the others are text.", wrong
        )
    return DirectInvocation(
        job_id=str(fields.get("job_id", "")),
        bucket=str(fields.get("bucket", "")),
        key=str(fields.get("key", "")),
        version_id=cast("str | None", fields.get("version_id")),
        options={name: value for name, value in fields.items() if name in OPTION_NAMES},
        submit=bool(fields.get("submit", True)),
        task_token=str(fields.get("task_token", "")),
    )


def _without_prompt(error: SoraReadyError) -> SoraReadyError:
    message = error.message
    if isinstance(error, VideoServerError | VideoFailed):
        message = "The video server refused. Its message is in the job's record."
    elif isinstance(error, RequestRejected) and error.facts.get("field") == "prompt":
        message = "The prompt cannot be used."
    about = ", ".join(str(fact) for fact in (error.code, error.facts.get("job_id")) if fact)
    return type(error).from_job_error(JobError(error.code, f"{message} ({about})"))
