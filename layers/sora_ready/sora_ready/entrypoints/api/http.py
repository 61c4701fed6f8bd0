"""Requests and responses between API Gateway and the operations, and the CORS headers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.api.errors import BodyTooLargeError, OriginRefused, ParameterRejected

ProxyEvent: TypeAlias = Mapping[str, Any]
"""The proxy event of a REST API."""


@dataclass(frozen=True)
class Request:
    """One request. `path` holds the values of the route's path parameters, `headers` have lower-case names."""

    method: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def repeated(self) -> bool:
        """Whether the SDK retries a request whose response was lost. Its own header counts the retries."""
        return self.headers.get("x-stainless-retry-count", "0") != "0"


@dataclass(frozen=True)
class Response:
    """A status, a JSON body (None: no body), and headers beside the content type."""

    status: int
    body: JsonObject | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the body as it is sent."""
        return "" if self.body is None else json.dumps(self.body)


def parse_request(event: ProxyEvent, path: Mapping[str, str], max_body_bytes: int) -> Request:
    """Read a proxy event.

    Raises `BodyTooLargeError` before the body is decoded, and `ParameterRejected` if it is not valid base64.
    """
    return Request(
        method=event["httpMethod"],
        path=path,
        query=event.get("queryStringParameters") or {},
        headers=read_headers(event),
        body=_read_body(event, max_body_bytes),
    )


def read_headers(event: ProxyEvent) -> dict[str, str]:
    """Return an event's headers by lower-case name."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def cors_headers(headers: Mapping[str, str], allowed_origins: Collection[str]) -> dict[str, str]:
    """Return the headers with which a page of an allowed origin may read the response to its request's `headers`."""
    origin = headers.get("origin", "")
    if origin not in allowed_origins:
        return {"Vary": "Origin"} if allowed_origins else {}
    exposed = "x-should-retry, x-amzn-RequestId, Location"
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Expose-Headers": exposed}


def preflight_response(headers: Mapping[str, str], allowed_origins: Collection[str]) -> Response:
    """Return the response to a CORS preflight request, without the headers of `cors_headers`.

    Raises `OriginRefused`.
    """
    if headers.get("origin", "") not in allowed_origins:
        raise OriginRefused("origin_not_allowed", "Pages of this origin may not use the API.")
    return Response(
        204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": headers.get("access-control-request-headers", "authorization"),
            "Access-Control-Max-Age": "600",
        },
    )


def _read_body(event: ProxyEvent, limit: int) -> bytes:
    body = event.get("body") or ""
    encoded = bool(event.get("isBase64Encoded"))
    # Four characters of base64 hold three bytes; the last ones may be padding.
    if (len(body) * 3 // 4 - 2 if encoded else len(body)) > limit:
        raise BodyTooLargeError(limit)
    try:
        data = base64.b64decode(body, validate=True) if encoded else body.encode(errors="surrogatepass")
    except (binascii.Error, ValueError):
        raise ParameterRejected("invalid_body", "The body cannot be read.") from None
    if len(data) > limit:
        raise BodyTooLargeError(limit)
    return data
