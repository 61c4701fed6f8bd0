"""Runs the emulator with what it does otherwise than AWS, and this stack depends on, put right.

- Lambda tells whoever called a function the class of the error that it raised, and a state machine catches it by that
  name. MiniStack calls every error of a Python function `Runtime.HandlerError`; its traceback knows better.
- S3's event names the version of an object, where the bucket keeps versions, also through EventBridge. MiniStack leaves
  it out there, so that the same upload, asked for by its version, would seem another.

Run as a script, by the interpreter that the functions run with: nothing of this project is imported.
"""

from __future__ import annotations

import json
import re
import runpy
from contextvars import ContextVar
from typing import Any

UNNAMED = "Runtime.HandlerError"
_version: ContextVar[str | None] = ContextVar("version", default=None)


def name_error(result: dict[str, Any]) -> dict[str, Any]:
    """Return what came of an invocation, with its error, if it has one, named for its class."""
    body = result.get("body")
    if not result.get("error") or not isinstance(body, dict) or body.get("errorType") != UNNAMED:
        return result
    first_line = body["errorMessage"].partition("\n")[0]
    raised = re.findall(rf"^(?:\w+\.)*(\w+): {re.escape(first_line)}$", result.get("log", ""), re.MULTILINE)
    return {**result, "body": {**body, "errorType": raised[-1]}} if raised else result


def name_version(event: dict[str, Any], version_id: str | None) -> dict[str, Any]:
    """Return an event of S3 with the version of its object, where there is one."""
    if event.get("Source") != "aws.s3" or not version_id:
        return event
    detail = json.loads(event["Detail"])
    return {**event, "Detail": json.dumps({**detail, "object": {**detail["object"], "version-id": version_id}})}


def apply_patches(lambda_svc: Any, s3: Any, eventbridge: Any) -> None:
    """Put these services of the emulator right."""
    execute, fire, dispatch = lambda_svc._execute_function_warm, s3._fire_s3_event, eventbridge._dispatch_event

    def execute_and_name(*given: Any, **options: Any) -> dict[str, Any]:
        return name_error(execute(*given, **options))

    def fire_knowing_version(*given: Any, version_id: str | None = None, **options: Any) -> None:
        # Each is fired in a context of its own.
        _version.set(version_id)
        fire(*given, version_id=version_id, **options)

    def dispatch_with_version(event: dict[str, Any], *given: Any, **options: Any) -> Any:
        return dispatch(name_version(event, _version.get()), *given, **options)

    lambda_svc._execute_function_warm = execute_and_name
    s3._fire_s3_event = fire_knowing_version
    eventbridge._dispatch_event = dispatch_with_version


if __name__ == "__main__":
    from ministack.services import eventbridge, lambda_svc, s3

    apply_patches(lambda_svc, s3, eventbridge)
    runpy.run_module("ministack.app", run_name="__main__")
