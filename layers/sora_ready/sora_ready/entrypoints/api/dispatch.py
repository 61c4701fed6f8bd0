"""Every operation of the API by name, and the error handling around them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from sora_ready.entrypoints.api import errors, http, models, uploads, videos
from sora_ready.entrypoints.api.context import ApiContext
from sora_ready.entrypoints.api.http import ProxyEvent, Request, Response
from sora_ready.entrypoints.api.routes import ROUTES

logger = logging.getLogger(__name__)


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
    event: ProxyEvent,
    path: Mapping[str, str],
    get_context: Callable[[], ApiContext],
    *,
    max_body_bytes: int,
    allowed_origins: Collection[str],
) -> Response:
    """Run an operation on a proxy event and return its response. It raises nothing: errors are responses too.

    `allowed_origins` are those whose pages may send the request.
    """
    method, headers = event["httpMethod"], http.read_headers(event)
    try:
        if method == "OPTIONS":
            response = http.preflight_response(headers, allowed_origins)
        elif operation in OPERATIONS:
            request = http.parse_request(event, path, max_body_bytes)
            response = OPERATIONS[operation](request, get_context())
        else:
            raise _route_error(method, str(event.get("path", "")))
    except Exception as error:
        # The caller gets a response in the API's format, whatever the error.
        returned = errors.to_request_error(error)
        if returned is None:
            request_id = str(event.get("requestContext", {}).get("requestId", ""))
            logger.exception("request failed", extra={"gateway_request_id": request_id})
            returned = errors.InternalError(method, request_id)
        response = Response(returned.status, returned.to_body(), returned.headers)
    logger.info(
        "request completed",
        extra={"operation": operation, "http_status": response.status, "job_id": path.get("video_id")},
    )
    return replace(response, headers={**response.headers, **http.cors_headers(headers, allowed_origins)})


def _route_error(method: str, path: str) -> errors.RequestError:
    allowed = sorted(route.method for route in ROUTES if _matches(route.path, path))
    # An id with characters that no id has ends here too, with an allowed method.
    if allowed and method not in allowed:
        return errors.MethodNotAllowedError(method, allowed)
    return errors.ResourceNotFound("unknown_url", f"Unknown request URL: {method} {path[:200]}.")


def _matches(pattern: str, path: str) -> bool:
    expected, actual = pattern.strip("/").split("/"), path.strip("/").split("/")
    return len(expected) == len(actual) and all(
        segment.startswith("{") or segment == value for segment, value in zip(expected, actual, strict=True)
    )
