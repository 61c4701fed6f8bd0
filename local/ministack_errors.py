"""Runs the emulator so that it names a function's error as Lambda does.

Lambda tells whoever called a function the class of the error that it raised, and a state machine catches it by that
name. MiniStack calls every error of a Python function `Runtime.HandlerError`; the traceback that it keeps beside knows
better. Run as a script, by the interpreter that the functions run with: nothing of this project is imported.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from typing import Any

UNNAMED = "Runtime.HandlerError"


def name_error(result: dict[str, Any]) -> dict[str, Any]:
    """Return what came of an invocation, with its error, if it has one, named for its class."""
    body = result.get("body")
    if not result.get("error") or not isinstance(body, dict) or body.get("errorType") != UNNAMED:
        return result
    first_line = body["errorMessage"].partition("\n")[0]
    raised = re.findall(rf"^(?:\w+\.)*(\w+): {re.escape(first_line)}$", result.get("log", ""), re.MULTILINE)
    return {**result, "body": {**body, "errorType": raised[-1]}} if raised else result


def naming(execute: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a way to execute a function that names its errors."""

    def execute_and_name(*given: Any, **options: Any) -> dict[str, Any]:
        return name_error(execute(*given, **options))

    return execute_and_name


if __name__ == "__main__":
    from ministack.services import lambda_svc

    lambda_svc._execute_function_warm = naming(lambda_svc._execute_function_warm)
    runpy.run_module("ministack.app", run_name="__main__")
