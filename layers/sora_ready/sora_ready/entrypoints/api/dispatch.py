"""Every operation of the table of routes, by name, and what becomes of its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger

from sora_ready.domain.errors import MethodNotAllowedError, RouteNotFound, SoraReadyError
from sora_ready.entrypoints.api import models, uploads, videos
from sora_ready.entrypoints.api.context import ApiContext
from sora_ready.entrypoints.api.cors import allow_origin, answer_preflight
from sora_ready.entrypoints.api.error_responses import error_response, internal_error
from sora_ready.entrypoints.api.http import Request, Response, parse_request, read_headers
from sora_ready.entrypoints.api.routes import ROUTES

logger = Logger(child=True)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What holds for every call: how many bytes its body may have, and whose pages may make it."""

    max_body_bytes: int
    origins: frozenset[str]


OPERATIONS: Mapping[str, Callable[[Request, ApiContext], Response]] = {
    "create_video": videos.create_video,
    "list_videos": videos.list_videos,
    "get_video": videos.get_video,
    "delete_video": videos.delete_video,
    "get_content": videos.get_content,
    "resolve_video": videos.resolve_video,
    "list_models": models.list_models,
    "get_model": models.get_model,
    "create_upload": uploads.create_upload,
}


def dispatch(
    operation: str,
    event: Mapping[str, Any],
    path: Mapping[str, str],
    get_context: Callable[[], ApiContext],
    limits: RequestLimits,
) -> Response:
    """Do what an event of API Gateway asks for; whatever goes wrong, it is answered."""
    method, headers = event["httpMethod"], read_headers(event)
    try:
        if method == "OPTIONS":
            answer = answer_preflight(headers, limits.origins)
        elif operation in OPERATIONS:
            call = parse_request(event, path, limits.max_body_bytes)
            answer = OPERATIONS[operation](call, get_context())
        else:
            raise _no_route(method, str(event.get("path", "")))
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is answered in the API's words
        refusal = error_response(error) if isinstance(error, SoraReadyError) else None
        answer = refusal or _answer_fault(event)
    return replace(answer, headers={**answer.headers, **allow_origin(headers, limits.origins)})


def _no_route(method: str, path: str) -> SoraReadyError:
    allowed = sorted(route.method for route in ROUTES if _fits(route.path, path))
    # An id of characters that no id has leads here too, by the right method.
    if allowed and method not in allowed:
        return MethodNotAllowedError(method, allowed)
    return RouteNotFound("unknown_url", f"Unknown request URL: {method} {path[:200]}.")


def _fits(pattern: str, path: str) -> bool:
    steps, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    return len(steps) == len(given) and all(
        step.startswith("{") or step == told for step, told in zip(steps, given, strict=True)
    )


def _answer_fault(event: Mapping[str, Any]) -> Response:
    request_id = str(event.get("requestContext", {}).get("requestId", ""))
    logger.exception("a call could not be answered", request_id=request_id)
    return internal_error(event["httpMethod"], request_id)
