"""The routes: OpenAI's Videos API under /v1, and the fake video server's own under /_fake_server."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from .config import FakeVideoServerConfig
from .create_request import describe, read_fields
from .errors import ApiError, invalid_type, invalid_value, unknown_parameter
from .faults import (
    AFTER_ACCEPTING,
    BEFORE_ACCEPTING,
    RETRIEVING,
    SENDING_CONTENT,
    Fault,
    Faults,
)
from .recording import Recording, entry_of
from .render import thumbnail
from .request_log import RequestLog
from .truncated_response import CutFile, DroppedConnection
from .validation import check
from .video_store import Timing, VideoStore

Handler = Callable[[Request], Awaitable[Response]]


def create_app(config: FakeVideoServerConfig) -> Starlette:
    """Build the application; its request_log and faults are at `app.state.request_log` and `app.state.faults`."""
    request_log = RequestLog(config.data / "request_log.jsonl" if config.data else None)
    faults = Faults()
    store = VideoStore(config.data, Timing(config.clock, config.render_seconds, config.keep_seconds))
    videos = _Videos(config, faults, store)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store.resume()
        yield
        await run_in_threadpool(store.close)

    app = Starlette(
        routes=[*videos.routes(), *_control_routes(request_log, faults)],
        middleware=[Middleware(Recording, request_log=request_log, clock=config.clock)],
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_http},
        lifespan=lifespan,
    )
    # The real one had no such redirects, and a client that followed one would send its picture twice.
    app.router.redirect_slashes = False
    app.state.request_log = request_log
    app.state.faults = faults
    return app


class _Videos:
    """The handlers of /v1."""

    def __init__(self, config: FakeVideoServerConfig, faults: Faults, store: VideoStore) -> None:
        self._config = config
        self._faults = faults
        self._studio = store

    def routes(self) -> list[Route]:
        table: tuple[tuple[str, str, Handler], ...] = (
            ("POST", "/v1/videos", self.create),
            ("GET", "/v1/videos", self.page),
            ("GET", "/v1/videos/{id}", self.retrieve),
            ("DELETE", "/v1/videos/{id}", self.delete),
            ("GET", "/v1/videos/{id}/content", self.content),
            ("GET", "/v1/models", self.models),
        )
        return [Route(path, self._authorized(handler), methods=[method]) for method, path, handler in table]

    def _authorized(self, handler: Handler) -> Handler:
        async def authorized(request: Request) -> Response:
            _check_key(request, self._config.key)
            return await handler(request)

        return authorized

    async def create(self, request: Request) -> Response:
        """Accept a job. An Idempotency-Key is recorded and nothing more.

        OpenAI documented none for this operation, so a client may not count on a repeated POST being
        recognized: here it makes, and would bill, a second job.
        """
        fields = await read_fields(request)
        entry = entry_of(request)
        describe(entry, fields)
        order = await run_in_threadpool(check, fields, self._config.catalog)
        fault = self._faults.take("create")
        broken = await self._reach(BEFORE_ACCEPTING, fault, prompt=order.prompt)
        if broken is not None:
            return broken
        video = await run_in_threadpool(self._studio.accept, order)
        entry.video_id = str(video["id"])
        broken = await self._reach(AFTER_ACCEPTING, fault, video_id=entry.video_id, prompt=order.prompt)
        return broken or JSONResponse(video, headers=self._poll_advice())

    async def retrieve(self, request: Request) -> Response:
        video = self._studio.video(request.path_params["id"])
        fault = self._faults.take("retrieve")
        broken = await self._reach(RETRIEVING, fault, video_id=video["id"], prompt=video["prompt"])
        return broken or JSONResponse(video, headers=self._poll_advice())

    async def page(self, request: Request) -> Response:
        query = request.query_params
        for name in query:
            if name not in ("after", "limit", "order"):
                raise unknown_parameter(name)
        order = query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise invalid_value("order", order, ("asc", "desc"))
        data, has_more = self._studio.page(query.get("after"), _limit(query.get("limit", "20")), order == "desc")
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        page = {"object": "list", "data": data, "has_more": has_more, "first_id": first, "last_id": last}
        return JSONResponse(page)

    async def content(self, request: Request) -> Response:
        """Send the MP4, ranges included, or a WebP of its first frame."""
        variant = request.query_params.get("variant", "video")
        if variant not in ("video", "thumbnail"):
            # The real one had spritesheets; a strip of frames would be of no use to this pipeline.
            raise invalid_value("variant", variant, ("video", "thumbnail"))
        path = self._studio.content(request.path_params["id"])
        fault = self._faults.take("content")
        if fault is not None and fault.kind == "cut_content":
            return await run_in_threadpool(CutFile, path, fault.bytes, "video/mp4")
        broken = await self._reach(SENDING_CONTENT, fault, video_id=request.path_params["id"])
        if broken is not None:
            return broken
        if variant == "thumbnail":
            return Response(await run_in_threadpool(thumbnail, path), media_type="image/webp")
        return FileResponse(path, media_type="video/mp4")

    async def delete(self, request: Request) -> Response:
        video_id = request.path_params["id"]
        await run_in_threadpool(self._studio.delete, video_id)
        return JSONResponse({"id": video_id, "object": "video.deleted", "deleted": True})

    async def models(self, request: Request) -> Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "fake-video-server"}
            for name in self._config.catalog
        ]
        return JSONResponse({"object": "list", "data": models})

    def _poll_advice(self) -> dict[str, str]:
        return {"openai-poll-after-ms": str(self._config.poll_after_ms)}

    async def _reach(
        self, point: str, planned: Fault | None, *, video_id: object = None, prompt: object = None
    ) -> Response | None:
        """Let hooks and the planned fault strike at `point`; a Response replaces the usual answer."""
        details = {"point": point, "video_id": video_id, "prompt": prompt}
        asked = await run_in_threadpool(self._faults.call_hooks, details)
        due = planned if planned is not None and planned.point == point else None
        return await _strike(asked or due)


async def _strike(fault: Fault | None) -> Response | None:
    if fault is None or fault.kind == "none":
        return None
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "drop_connection":
        return DroppedConnection()
    raise ApiError(
        fault.message or "The server had an error while processing your request. Sorry about that!",
        status=fault.status,
        type="rate_limit_error" if fault.status == 429 else "server_error",
        code="rate_limit_exceeded" if fault.status == 429 else None,
        headers=fault.headers,
    )


def _control_routes(request_log: RequestLog, faults: Faults) -> list[Route]:
    """The fake video server's own routes, for tests in another process; no key, as only loopback reaches them."""

    async def read_ledger(request: Request) -> Response:
        return JSONResponse({"entries": [asdict(entry) for entry in request_log.entries()]})

    async def pending(request: Request) -> Response:
        return JSONResponse({"faults": [asdict(fault) for fault in faults.pending()]})

    async def plan(request: Request) -> Response:
        try:
            body: Any = await request.json()
            planned = [Fault.from_json(item) for item in body["faults"]]
        except (ValueError, TypeError, KeyError) as error:
            raise ApiError(f'Expected {{"faults": [{{"kind": …}}, …]}}: {error}') from error
        faults.plan(*planned)
        return await pending(request)

    async def clear(request: Request) -> Response:
        faults.clear()
        return await pending(request)

    route = partial(Route, "/_fake_server/faults")
    return [
        Route("/_fake_server/requests", read_ledger, methods=["GET"]),
        route(pending, methods=["GET"]),
        route(plan, methods=["POST"]),
        route(clear, methods=["DELETE"]),
    ]


def _check_key(request: Request, key: str) -> None:
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not sent:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        raise ApiError(message, status=401, code="invalid_api_key")
    if not hmac.compare_digest(sent.encode(), key.encode()):
        # OpenAI repeats a part of the key here; this message goes into the request_log, so it has none.
        raise ApiError("Incorrect API key provided: ***.", status=401, code="invalid_api_key")


def _limit(text: str) -> int:
    """Read a page's length, 1–100; wording as OpenAI's for integers out of bounds."""
    if not text.lstrip("-").isdecimal():
        raise invalid_type("limit", "an integer", "a string")
    limit = int(text)
    if 1 <= limit <= 100:
        return limit
    bound, sign, word = (1, ">=", "below minimum") if limit < 1 else (100, "<=", "above maximum")
    raise ApiError(
        f"Invalid 'limit': integer {word} value. Expected a value {sign} {bound}, but got {limit} instead.",
        param="limit",
        code=f"integer_{word.replace(' ', '_')}_value",
    )


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    if request.url.path.startswith("/v1/"):
        entry_of(request).error = error.message
    return error.response()


async def _refuse_http(request: Request, error: Exception) -> Response:
    """Say in OpenAI's JSON what Starlette refuses itself: unknown paths and methods, broken forms."""
    assert isinstance(error, HTTPException)
    where = f"{request.method} {request.url.path}"
    message = {404: f"Invalid URL ({where})", 405: f"Not allowed ({where})"}.get(error.status_code)
    headers = dict(error.headers or {})
    refusal = ApiError(message or error.detail, status=error.status_code, headers=headers)
    return await _refuse(request, refusal)
