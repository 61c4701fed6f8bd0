"""Calls of a function by whoever may invoke it: what they ask, and how they are answered.

An answer is the job as JSON. What cannot be done is raised by name, so that a state machine can catch or retry it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from sora_ready.domain.errors import InvocationRejected, RequestRejected, SoraReadyError, VideoServerError
from sora_ready.domain.job import Job
from sora_ready.domain.request import NAMES

logger = Logger(child=True)

_PLACE = frozenset({"bucket", "key", "version_id"})


@dataclass(frozen=True, slots=True)
class DirectInvocation:
    """One call: a job by its id, or an object by its place, and what is asked for it.

    `options` are as they were given, by field. `submit` is False where the copy alone is wanted; `task_token` is a state
    machine's, which waits for the job's end.
    """

    job_id: str = ""
    bucket: str = ""
    key: str = ""
    version_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    submit: bool = True
    task_token: str = ""


def is_direct(event: Mapping[str, Any]) -> bool:
    """Tell a direct call from a batch of queue messages."""
    return "Records" not in event


def parse_normalize_invocation(event: Mapping[str, Any]) -> DirectInvocation:
    """Read a call of `normalize`. Raises `InvocationRejected`: a field that nobody reads may be a option misspelled."""
    return _read(event, _PLACE | NAMES | {"submit"})


def parse_submit_invocation(event: Mapping[str, Any]) -> DirectInvocation:
    """Read a call of `submit`. Raises `InvocationRejected`, also for options: it sends the frame that was made."""
    return _read(event, _PLACE | {"task_token"})


def run_invocation(step: Callable[..., Job], call: DirectInvocation, **parts: Any) -> dict[str, Any]:
    """Return the job that a step made of a call, as JSON-able values; raise its error in words that may stand in a log.

    Lambda writes the message of an error that leaves a function into its log, and neither a prompt nor a video server's
    words, which may repeat it, belong there. Both stand in the job's record.
    """
    try:
        job = step(call, **parts)
    except SoraReadyError as error:
        failed = error
    else:
        logger.info("called", job_id=job.id, status=str(job.status), code=job.error.get("code"))
        return job.as_told()
    # Beyond the block, so that the error has no other behind it.
    raise _reword(failed)


def _read(event: Mapping[str, Any], known: frozenset[str]) -> DirectInvocation:
    given = {name: value for name, value in event.items() if value is not None}
    if unknown := sorted(set(given) - known - {"job_id"}):
        raise InvocationRejected(
            f"Not known here: {', '.join(map(repr, unknown))}. Known: job_id, {', '.join(sorted(known))}.", unknown
        )
    by_id = "job_id" in given
    if by_id and (more := sorted(set(given) & (_PLACE | NAMES | {"submit"}))):
        raise InvocationRejected(f"A job_id says it all, so it goes without {', '.join(more)}.", more)
    if missing := [name for name in (["job_id"] if by_id else ["bucket", "key"]) if not given.get(name)]:
        raise InvocationRejected(
            f"Missing: {' and '.join(missing)}. A call names a job_id, or bucket and key.", missing
        )
    words = ("job_id", "bucket", "key", "version_id", "task_token")
    wrong = [name for name in words if not isinstance(given.get(name, ""), str)]
    wrong += [] if isinstance(given.get("submit", True), bool) else ["submit"]
    if wrong:
        raise InvocationRejected(
            f"Of the wrong type: {', '.join(wrong)}. submit is true or false, the others text.", wrong
        )
    options = {name: value for name, value in given.items() if name in NAMES}
    return DirectInvocation(options=options, **{name: value for name, value in given.items() if name not in NAMES})


def _reword(error: SoraReadyError) -> SoraReadyError:
    message = error.message
    if isinstance(error, VideoServerError):
        message = "The video server did not take it. Its words are in the job's record."
    elif isinstance(error, RequestRejected) and error.facts.get("field") == "prompt":
        message = "The prompt cannot be used."
    about = ", ".join(filter(None, [error.code, error.facts.get("job_id")]))
    return type(error).from_record({"code": error.code, "message": f"{message} ({about})"})
