"""The API's own errors, and the domain's errors as the API returns them: a status, a code, and the param at fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import (
    DecisionRejected,
    JobConflict,
    JobNotFound,
    Rejected,
    RequestRejected,
    SoraReadyError,
    SourceRejected,
    TransitionRefused,
    VideoClaimedError,
)

ERROR_TYPES: Mapping[int, str] = {
    **dict.fromkeys((400, 405, 413), "invalid_request_error"),
    401: "authentication_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
    500: "server_error",
}
"""OpenAI's error type for each status."""

# The SDK retries a POST on 409 and 5xx by itself. A conflict stays one, and a request that failed may have had effects.
_NO_RETRY: Mapping[str, str] = {"x-should-retry": "false"}


class RequestError(SoraReadyError):
    """A request that gets an error response. `param` names the field, header or query parameter at fault."""

    status = 400
    headers: Mapping[str, str] = {}

    def __init__(self, code: str, message: str, *, param: str | None = None, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.param = param

    def to_body(self) -> JsonObject:
        """Return OpenAI's error object."""
        message = f"{self.message} {self.hint}" if self.hint else self.message
        error = {"message": message, "type": ERROR_TYPES[self.status], "param": self.param, "code": self.code}
        return {"error": error}


class ParameterRejected(RequestError):
    """A field, a header or a query parameter cannot be used, or the body cannot be read."""


class OriginRefused(RequestError):
    """A browser sends a preflight request from an origin that the stack does not allow."""

    status = 401


class ResourceNotFound(RequestError):
    """What the request names is not there, or was deleted: a path, a video, a model, a file."""

    status = 404


class MethodNotAllowedError(RequestError):
    """The path exists, with other methods."""

    status = 405

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        methods = ", ".join(allowed)
        super().__init__("method_not_allowed", f"{method} is not allowed here. Allowed: {methods}.")
        self.headers = {"Allow": methods}


class StateConflict(RequestError):
    """The job's status, or what it was created with, forbids the request."""

    status = 409
    headers = _NO_RETRY


class BodyTooLargeError(RequestError):
    """The body is larger than `limit` bytes."""

    status = 413

    def __init__(self, limit: int) -> None:
        message = f"The body has more than {limit:,} bytes. POST /v1/uploads gives a form for pictures up to 100 MB."
        super().__init__("body_too_large", message)


class InternalError(RequestError):
    """The stack failed. Its log has the details under the request id."""

    status = 500

    def __init__(self, method: str, request_id: str) -> None:
        super().__init__("internal_error", f"The stack failed. Its log has details under the request id {request_id}.")
        self.headers = {} if method == "GET" else _NO_RETRY


_PARAMS: Mapping[type[SoraReadyError], str] = {SourceRejected: "input_reference", DecisionRejected: "video_id"}
_CONFLICT_PARAMS = {
    "idempotency_key_reused": "Idempotency-Key",
    "video_deleted": "Idempotency-Key",
    "video_in_progress": "video_id",
}


def to_request_error(error: Exception) -> RequestError | None:
    """Return an error as the API returns it, None if the caller can do nothing about it."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, JobNotFound):
        return ResourceNotFound("video_not_found", f"There is no video {error.facts['job']}.", param="video_id")
    if isinstance(error, JobConflict | TransitionRefused | VideoClaimedError):
        return StateConflict(error.code, error.message, param=_CONFLICT_PARAMS.get(error.code), hint=error.hint)
    if isinstance(error, Rejected | DecisionRejected):
        param = str(error.facts["field"]) if isinstance(error, RequestRejected) else _PARAMS.get(type(error))
        return ParameterRejected(error.code, error.message, param=param, hint=error.hint)
    return None
