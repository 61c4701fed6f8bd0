"""Runs the emulator, patched where it differs from AWS and this stack depends on the difference.

- Lambda reports an error by the class that the function raised, and a state machine catches it by that name. MiniStack
  reports every error of a Python function as `Runtime.HandlerError`; the class is in its traceback.
- An S3 event has the object's version id if the bucket is versioned. MiniStack leaves it out of EventBridge events, so
  an upload would get one job from its event and another one from an invocation that names the version.

Run as a script, with the interpreter of the functions: nothing of this project is imported.
"""

from __future__ import annotations

import json
import re
import runpy
from contextvars import ContextVar
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
Module: TypeAlias = Any  # one of the emulator's, which are untyped

GENERIC_ERROR = "Runtime.HandlerError"
_version_id: ContextVar[str | None] = ContextVar("version_id", default=None)


def with_error_class(result: JsonObject) -> JsonObject:
    """Return an invocation's result; if it is a generic error, with the class from the traceback as its type."""
    body = result.get("body")
    if not result.get("error") or not isinstance(body, dict) or body.get("errorType") != GENERIC_ERROR:
        return result
    first_line = body["errorMessage"].partition("\n")[0]
    raised = re.findall(rf"^(?:\w+\.)*(\w+): {re.escape(first_line)}$", result.get("log", ""), re.MULTILINE)
    return {**result, "body": {**body, "errorType": raised[-1]}} if raised else result


def with_version_id(event: JsonObject, version_id: str | None) -> JsonObject:
    """Return an EventBridge entry; if S3 sent it, with the object's version id where there is one."""
    if event.get("Source") != "aws.s3" or not version_id:
        return event
    detail = json.loads(event["Detail"])
    return {**event, "Detail": json.dumps({**detail, "object": {**detail["object"], "version-id": version_id}})}


def apply_patches(lambda_service: Module, s3: Module, eventbridge: Module) -> None:
    """Patch the emulator's modules for these services."""
    execute, fire = lambda_service._execute_function_warm, s3._fire_s3_event
    dispatch = eventbridge._dispatch_event

    def execute_with_error_class(*args: object, **kwargs: object) -> JsonObject:
        return with_error_class(execute(*args, **kwargs))

    def fire_with_version_id(*args: object, version_id: str | None = None, **kwargs: object) -> None:
        # Every event is fired in a context of its own.
        _version_id.set(version_id)
        fire(*args, version_id=version_id, **kwargs)

    def dispatch_with_version_id(event: JsonObject, *args: object, **kwargs: object) -> object:
        return dispatch(with_version_id(event, _version_id.get()), *args, **kwargs)

    lambda_service._execute_function_warm = execute_with_error_class
    s3._fire_s3_event = fire_with_version_id
    eventbridge._dispatch_event = dispatch_with_version_id


if __name__ == "__main__":
    from ministack.services import eventbridge, lambda_svc, s3

    apply_patches(lambda_svc, s3, eventbridge)
    runpy.run_module("ministack.app", run_name="__main__")
