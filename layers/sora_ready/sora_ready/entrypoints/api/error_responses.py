"""Errors as the Videos API tells them: a status, and a body that the SDK makes its typed exceptions of."""

from __future__ import annotations

from collections.abc import Mapping

from sora_ready.domain.errors import (
    BodyTooLargeError,
    CallRefused,
    JobConflict,
    MethodNotAllowedError,
    OriginRefused,
    Rejected,
    RequestRejected,
    ResourceNotFound,
    RouteNotFound,
    SoraReadyError,
    TransitionRefused,
    VideoClaimedError,
)
from sora_ready.entrypoints.api.http import Response

STATUSES: Mapping[type[SoraReadyError], int] = {
    BodyTooLargeError: 413,
    RouteNotFound: 404,
    MethodNotAllowedError: 405,
    OriginRefused: 401,
    ResourceNotFound: 404,
    JobConflict: 409,
    CallRefused: 400,
    Rejected: 400,
    TransitionRefused: 409,
    VideoClaimedError: 409,
}
"""What each class of errors is answered with, the narrower class first. Any other error is a fault of ours."""

TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
}
"""OpenAI's word for the kind of error, by status."""

# The SDK repeats a POST on 409 and 5xx by itself. A conflict stays one, and what failed half-way may have been taken.
_NO_REPEAT = {"x-should-retry": "false"}


def error_response(error: SoraReadyError) -> Response | None:
    """Return the answer for an error that a caller can do something about, None for a fault of ours."""
    status = next((status for kind, status in STATUSES.items() if isinstance(error, kind)), None)
    if status is None:
        return None
    message = f"{error.message} {error.hint}" if error.hint else error.message
    headers = {"Allow": error.allowed} if isinstance(error, MethodNotAllowedError) else _headers(status)
    return Response(status, describe_error(status, error.code, message, _name_param(error)), headers)


def internal_error(method: str, request_id: str) -> Response:
    """Return the answer for a fault of ours, which the log tells more of under this id."""
    told = f"Something failed on our side. The log tells more under the request id {request_id}."
    return Response(500, describe_error(500, "internal_error", told), _headers(500) if method != "GET" else {})


def describe_error(status: int, code: str, message: str, param: str | None = None) -> dict[str, dict[str, str | None]]:
    """Return OpenAI's error object."""
    return {"error": {"message": message, "type": TYPES[status], "param": param, "code": code}}


def _name_param(error: SoraReadyError) -> str | None:
    if isinstance(error, CallRefused):
        return error.param
    return error.facts["field"] if isinstance(error, RequestRejected) else None


def _headers(status: int) -> Mapping[str, str]:
    return _NO_REPEAT if status in {409, 500} else {}
