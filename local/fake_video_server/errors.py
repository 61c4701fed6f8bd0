"""Error responses in the JSON format of OpenAI's API and, where they are known, in its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from starlette.responses import JSONResponse


@dataclass(eq=False)
class ApiError(Exception):
    """A request that gets `{"error": {"message", "type", "param", "code"}}` with `status` and `headers`."""

    message: str
    _: KW_ONLY
    status: int = 400
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        """Return the HTTP response of this error."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return JSONResponse({"error": error}, status_code=self.status, headers=self.headers)


def quote_list(values: Sequence[str]) -> str:
    """Enumerate as OpenAI does: 'a' · 'a' and 'b' · 'a', 'b', and 'c'."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:
        return " and ".join(quoted)
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}"


def invalid_value(param: str, value: str, supported: Sequence[str]) -> ApiError:
    """Return the error for a value outside a closed list."""
    message = f"Invalid value: '{value}'. Supported values are: {quote_list(supported)}."
    return ApiError(message, param=param, code="invalid_value")


def invalid_type(param: str, expected: str, actual: str) -> ApiError:
    """Return the error for a value of the wrong type; `expected` and `actual` carry their article ("a file")."""
    message = f"Invalid type for '{param}': expected {expected}, but got {actual} instead."
    return ApiError(message, param=param, code="invalid_type")


def unknown_parameter(name: str) -> ApiError:
    """Return the error for a field or query parameter that the operation doesn't have."""
    return ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
