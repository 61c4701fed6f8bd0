"""The routes: OpenAI's Videos API under /v1, and the fake video server's own under /_fake_server."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from .config import FakeVideoServerConfig
from .create_request import log_fields, parse_fields, validate_fields
from .errors import ApiError, invalid_type, invalid_value, unknown_parameter
from .faults import AFTER_ACCEPTING, BEFORE_ACCEPTING, RETRIEVING, SENDING_CONTENT, Fault, Faults, TruncatedFile
from .render import thumbnail
from .request_log import RequestLog, RequestLogMiddleware, logged_request
from .video_store import VideoStore

Handler = Callable[[Request], Awaitable[Response]]


def create_app(config: FakeVideoServerConfig) -> Starlette:
    """Return the application; its request log and faults are `app.state.request_log` and `app.state.faults`."""
    request_log = RequestLog(config.data / "request_log.jsonl" if config.data else None)
    faults = Faults()
    store = VideoStore(config)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store.resume()
        yield
        await run_in_threadpool(store.close)

    app = Starlette(
        routes=[*_VideosApi(config, faults, store).routes(), *_control_routes(request_log, faults)],
        middleware=[Middleware(RequestLogMiddleware, request_log=request_log, clock=config.clock)],
        exception_handlers={ApiError: _api_error_response, HTTPException: _http_error_response},
        lifespan=lifespan,
    )
    # The real one had no such redirects, and a client that followed one would send its picture twice.
    app.router.redirect_slashes = False
    app.state.request_log = request_log
    app.state.faults = faults
    return app


class _VideosApi:
    """The handlers of /v1."""

    def __init__(self, config: FakeVideoServerConfig, faults: Faults, store: VideoStore) -> None:
        self._config = config
        self._faults = faults
        self._store = store

    def routes(self) -> list[Route]:
        table: tuple[tuple[str, str, Handler], ...] = (
            ("POST", "/v1/videos", self.create),
            ("GET", "/v1/videos", self.list_page),
            ("GET", "/v1/videos/{id}", self.retrieve),
            ("DELETE", "/v1/videos/{id}", self.delete),
            ("GET", "/v1/videos/{id}/content", self.content),
            ("GET", "/v1/models", self.list_models),
        )
        return [Route(path, self._authorized(handler), methods=[method]) for method, path, handler in table]

    def _authorized(self, handler: Handler) -> Handler:
        async def authorized(request: Request) -> Response:
            _check_key(request, self._config.key)
            return await handler(request)

        return authorized

    async def create(self, request: Request) -> Response:
        """Accept a job. An Idempotency-Key is logged and nothing more.

        OpenAI documented none for this operation, so a client can't count on a repeated POST being recognized: here it
        starts, and would bill, a second job.
        """
        fields = await parse_fields(request)
        entry = logged_request(request)
        log_fields(entry, fields)
        create_request = await run_in_threadpool(validate_fields, fields, self._config.catalog)
        fault = self._faults.take("create")
        broken = await self._faults.pass_point(BEFORE_ACCEPTING, fault, prompt=create_request.prompt)
        if broken is not None:
            return broken
        video = await run_in_threadpool(self._store.accept, create_request)
        entry.video_id = str(video["id"])
        broken = await self._faults.pass_point(AFTER_ACCEPTING, fault, entry.video_id, create_request.prompt)
        return broken or JSONResponse(video, headers=self._poll_advice())

    async def retrieve(self, request: Request) -> Response:
        video = self._store.video(request.path_params["id"])
        fault = self._faults.take("retrieve")
        broken = await self._faults.pass_point(RETRIEVING, fault, str(video["id"]), str(video["prompt"]))
        return broken or JSONResponse(video, headers=self._poll_advice())

    async def list_page(self, request: Request) -> Response:
        query = request.query_params
        for name in query:
            if name not in ("after", "limit", "order"):
                raise unknown_parameter(name)
        order = query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise invalid_value("order", order, ("asc", "desc"))
        data, has_more = self._store.page(query.get("after"), _parse_limit(query.get("limit", "20")), order == "desc")
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        page = {"object": "list", "data": data, "has_more": has_more, "first_id": first, "last_id": last}
        return JSONResponse(page)

    async def content(self, request: Request) -> Response:
        """Send the MP4, ranges included, or a WebP of its first frame."""
        variant = request.query_params.get("variant", "video")
        if variant not in ("video", "thumbnail"):
            # The real one had spritesheets too; this pipeline has no use for a strip of frames.
            raise invalid_value("variant", variant, ("video", "thumbnail"))
        video_id: str = request.path_params["id"]
        path = self._store.content(video_id)
        fault = self._faults.take("content")
        if fault is not None and fault.kind == "cut_content":
            return await run_in_threadpool(TruncatedFile, path, fault.bytes, "video/mp4")
        broken = await self._faults.pass_point(SENDING_CONTENT, fault, video_id)
        if broken is not None:
            return broken
        if variant == "thumbnail":
            return Response(await run_in_threadpool(thumbnail, path), media_type="image/webp")
        return FileResponse(path, media_type="video/mp4")

    async def delete(self, request: Request) -> Response:
        video_id = request.path_params["id"]
        await run_in_threadpool(self._store.delete, video_id)
        return JSONResponse({"id": video_id, "object": "video.deleted", "deleted": True})

    async def list_models(self, request: Request) -> Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "fake-video-server"}
            for name in self._config.catalog
        ]
        return JSONResponse({"object": "list", "data": models})

    def _poll_advice(self) -> dict[str, str]:
        return {"openai-poll-after-ms": str(self._config.poll_after_ms)}


def _control_routes(request_log: RequestLog, faults: Faults) -> list[Route]:
    """Return the routes for tests in another process. They need no key, because only loopback reaches them."""

    async def read_requests(request: Request) -> Response:
        return JSONResponse({"entries": [asdict(entry) for entry in request_log.entries()]})

    async def pending(request: Request) -> Response:
        return JSONResponse({"faults": [asdict(fault) for fault in faults.pending()]})

    async def plan(request: Request) -> Response:
        try:
            body = await request.json()
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
        Route("/_fake_server/requests", read_requests, methods=["GET"]),
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
        # OpenAI repeats a part of the key here; this message is logged, so it has none.
        raise ApiError("Incorrect API key provided: ***.", status=401, code="invalid_api_key")


def _parse_limit(text: str) -> int:
    """Read a page's length, 1–100. The messages are OpenAI's for integers out of bounds."""
    if not text.removeprefix("-").isdecimal():
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


async def _api_error_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    if request.url.path.startswith("/v1/"):
        logged_request(request).error = error.message
    return error.response()


async def _http_error_response(request: Request, error: Exception) -> Response:
    """Put Starlette's own refusals (unknown paths and methods, broken forms) into OpenAI's JSON."""
    assert isinstance(error, HTTPException)
    target = f"{request.method} {request.url.path}"
    message = {404: f"Invalid URL ({target})", 405: f"Not allowed ({target})"}.get(error.status_code)
    headers = dict(error.headers or {})
    refusal = ApiError(message or error.detail, status=error.status_code, headers=headers)
    return await _api_error_response(request, refusal)
