"""A call as API Gateway hands it over, and the answer as it takes it back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sora_ready.domain.errors import BodyTooLargeError, ParameterRejected


@dataclass(frozen=True, slots=True)
class Request:
    """One call. The names of `headers` are in lower case; `path` holds what the route's path leaves open."""

    method: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def repeated(self) -> bool:
        """Whether the SDK makes the call again by itself, as the answer to it was lost: so its own header counts."""
        return self.headers.get("x-stainless-retry-count", "0") != "0"


@dataclass(frozen=True, slots=True)
class Response:
    """A status, a JSON-able body (None for none), and headers beside the content type."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_text(self) -> str:
        """The body as JSON."""
        return "" if self.body is None else json.dumps(self.body)


def parse_request(event: Mapping[str, Any], path: Mapping[str, str], max_body_bytes: int) -> Request:
    """Return the call of a proxy event of a REST API.

    Raises `BodyTooLargeError`, before anything is decoded, and `ParameterRejected` where the body is not what it says.
    """
    return Request(
        method=event["httpMethod"],
        path=path,
        query=event.get("queryStringParameters") or {},
        headers=read_headers(event),
        body=_read_body(event, max_body_bytes),
    )


def read_headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return an event's headers, their names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _read_body(event: Mapping[str, Any], limit: int) -> bytes:
    body = event.get("body") or ""
    encoded = bool(event.get("isBase64Encoded"))
    # Four characters of base64 stand for three bytes; the last few may be padding.
    if (len(body) * 3 // 4 - 2 if encoded else len(body)) > limit:
        raise BodyTooLargeError(limit)
    try:
        data = base64.b64decode(body, validate=True) if encoded else body.encode(errors="surrogatepass")
    except (binascii.Error, ValueError):
        raise ParameterRejected("invalid_body", "The body cannot be read.") from None
    if len(data) > limit:
        raise BodyTooLargeError(limit)
    return data
