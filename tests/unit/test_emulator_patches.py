"""The emulator names a function's error for its class and an upload by its version, as AWS does."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from local.emulator_patches import UNNAMED, apply_patches, name_error

TRACE = """INFO something ValueError: of another time
Traceback (most recent call last):
  File "/app.py", line 3, in handler
    raise error
sora_ready.domain.errors.ImageRejected: The file (a+b) is no picture.
"""


def failed(message: str = "The file (a+b) is no picture.", log: str = TRACE, kind: str = UNNAMED) -> dict[str, Any]:
    return {"body": {"errorMessage": message, "errorType": kind}, "error": True, "log": log}


def type_of(result: dict[str, Any]) -> str:
    named = name_error(result)
    assert named["body"]["errorMessage"] == result["body"]["errorMessage"]
    return str(named["body"]["errorType"])


def test_it_is_the_class_that_was_raised() -> None:
    assert type_of(failed()) == "ImageRejected"
    assert type_of(failed("a\nb", "Traceback\nKeyError: a\nb\n")) == "KeyError"


def test_what_is_not_known_better_stays_as_it_is() -> None:
    assert type_of(failed(log="")) == UNNAMED
    assert type_of(failed(kind="Sandbox.Timedout")) == "Sandbox.Timedout"
    fine = {"body": {"errorType": UNNAMED}, "log": TRACE}
    assert name_error(fine) == fine
    assert name_error({"body": None, "error": True}) == {"body": None, "error": True}


def test_services_are_put_right_and_do_what_they_did() -> None:
    # given
    told: list[dict[str, Any]] = []
    lambda_svc = SimpleNamespace(_execute_function_warm=lambda _func, *, log: failed(log=log))
    eventbridge = SimpleNamespace(_dispatch_event=told.append)
    upload = {"Source": "aws.s3", "Detail": json.dumps({"object": {"key": "a.jpg"}})}
    other = {"Source": "sora-ready", "Detail": "{}"}

    def fire(_bucket: str, *, version_id: str | None) -> None:
        for event in (upload, other):
            eventbridge._dispatch_event(event)

    s3 = SimpleNamespace(_fire_s3_event=fire)

    # when
    apply_patches(lambda_svc, s3, eventbridge)
    s3._fire_s3_event("bucket", version_id="v1")
    s3._fire_s3_event("bucket", version_id=None)

    # then
    assert lambda_svc._execute_function_warm("function", log=TRACE)["body"]["errorType"] == "ImageRejected"
    assert json.loads(told[0]["Detail"]) == {"object": {"key": "a.jpg", "version-id": "v1"}}
    assert told[1:] == [other, upload, other]
