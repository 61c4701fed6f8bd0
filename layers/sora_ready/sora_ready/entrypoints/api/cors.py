"""Calls from a browser's page: answered for the origins that the stack names, and for no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sora_ready.domain.errors import OriginRefused
from sora_ready.entrypoints.api.http import Response

_METHODS = "GET, POST, DELETE, OPTIONS"
_MAX_AGE_SECONDS = 600


def allow_origin(headers: Mapping[str, str], origins: Collection[str]) -> dict[str, str]:
    """Return what an answer must say for the page that called to read it; nothing where its origin is not named."""
    origin = headers.get("origin", "")
    if not origins or origin not in origins:
        return {"Vary": "Origin"} if origins else {}
    exposed = "x-should-retry, x-amzn-RequestId, Location"
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Expose-Headers": exposed}


def answer_preflight(headers: Mapping[str, str], origins: Collection[str]) -> Response:
    """Return the answer to a browser that asks before it calls. Raises `OriginRefused`."""
    allowed = allow_origin(headers, origins)
    if "Access-Control-Allow-Origin" not in allowed:
        raise OriginRefused("origin_not_allowed", "Pages of this origin may not call the API.")
    return Response(
        204,
        headers=allowed
        | {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": headers.get("access-control-request-headers", "authorization"),
            "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
        },
    )
