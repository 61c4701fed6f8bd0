"""Refusals, in the JSON that OpenAI's API gives them and, where they are known, in its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse

INVALID_REQUEST = "invalid_request_error"


class ApiError(Exception):
    """A request that is answered with `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = INVALID_REQUEST,  # noqa: A002 - OpenAI's own word for the field
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the four members of the error, its HTTP status and headers to send with it."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The HTTP answer that says this."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return JSONResponse({"error": error}, status_code=self.status, headers=self.headers)


def listing(values: Sequence[str]) -> str:
    """Enumerate as OpenAI does: 'a' · 'a' and 'b' · 'a', 'b', and 'c'."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:
        return " and ".join(quoted)
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}"


def invalid_value(param: str, value: str, supported: Sequence[str]) -> ApiError:
    """A value outside a closed list."""
    message = f"Invalid value: '{value}'. Supported values are: {listing(supported)}."
    return ApiError(message, param=param, code="invalid_value")


def invalid_type(param: str, expected: str, got: str) -> ApiError:
    """A value of the wrong kind; `expected` and `got` carry their article ("a file")."""
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return ApiError(message, param=param, code="invalid_type")


def unknown_parameter(name: str) -> ApiError:
    """A field or query parameter that the operation does not have."""
    return ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def video_not_found(video_id: str) -> ApiError:
    """An id that was never given out, or whose video is deleted."""
    return ApiError(f"Video with id '{video_id}' not found.", status=404, param="id")
