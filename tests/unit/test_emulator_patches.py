"""The patched emulator reports a function's error by its class and an upload with its version, as AWS does."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from local.emulator_patches import GENERIC_ERROR, apply_patches, with_error_class

TRACE = """INFO something ValueError: of another time
Traceback (most recent call last):
  File "/app.py", line 3, in handler
    raise error
sora_ready.domain.errors.ImageRejected: The file (a+b) is no picture.
"""


def failed(
    message: str = "The file (a+b) is no picture.", log: str = TRACE, error_type: str = GENERIC_ERROR
) -> dict[str, Any]:
    return {"body": {"errorMessage": message, "errorType": error_type}, "error": True, "log": log}


def patched_type_of(result: dict[str, Any]) -> str:
    patched = with_error_class(result)
    assert patched["body"]["errorMessage"] == result["body"]["errorMessage"]
    return str(patched["body"]["errorType"])


def test_the_error_type_is_the_class_that_was_raised() -> None:
    assert patched_type_of(failed()) == "ImageRejected"
    assert patched_type_of(failed("a\nb", "Traceback\nKeyError: a\nb\n")) == "KeyError"


def test_a_result_without_a_traceback_or_a_generic_error_is_unchanged() -> None:
    assert patched_type_of(failed(log="")) == GENERIC_ERROR
    assert patched_type_of(failed(error_type="Sandbox.Timedout")) == "Sandbox.Timedout"
    succeeded = {"body": {"errorType": GENERIC_ERROR}, "log": TRACE}
    assert with_error_class(succeeded) == succeeded
    assert with_error_class({"body": None, "error": True}) == {"body": None, "error": True}


def test_patched_services_still_do_what_they_did() -> None:
    # given
    dispatched: list[dict[str, Any]] = []
    lambda_service = SimpleNamespace(_execute_function_warm=lambda _func, *, log: failed(log=log))
    eventbridge = SimpleNamespace(_dispatch_event=dispatched.append)
    upload = {"Source": "aws.s3", "Detail": json.dumps({"object": {"key": "a.jpg"}})}
    other = {"Source": "sora-ready", "Detail": "{}"}

    def fire(_bucket: str, *, version_id: str | None) -> None:
        for event in (upload, other):
            eventbridge._dispatch_event(event)

    s3 = SimpleNamespace(_fire_s3_event=fire)

    # when
    apply_patches(lambda_service, s3, eventbridge)
    s3._fire_s3_event("bucket", version_id="v1")
    s3._fire_s3_event("bucket", version_id=None)

    # then
    assert lambda_service._execute_function_warm("function", log=TRACE)["body"]["errorType"] == "ImageRejected"
    assert json.loads(dispatched[0]["Detail"]) == {"object": {"key": "a.jpg", "version-id": "v1"}}
    assert dispatched[1:] == [other, upload, other]
