"""The API's OpenAPI 3.1 document, built from the table of routes and the table of options. No function imports it.

`x-sora-ready: true` marks additions to OpenAI's API.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from sora_ready.domain.codec import JsonObject
from sora_ready.domain.job import Status
from sora_ready.domain.options import OPTIONS, OptionSpec
from sora_ready.entrypoints.api.errors import ERROR_TYPES
from sora_ready.entrypoints.api.routes import ROUTES, Route
from sora_ready.pipeline.apply_operator_decision import DECISIONS

Schema: TypeAlias = JsonObject

_OURS: Schema = {"x-sora-ready": True}
_ID: Schema = {"type": "string", "pattern": "^video_[0-9a-f]{32}$"}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_UNIX: Schema = {"type": "integer", "description": "Seconds since 1970."}
_ANY_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _ANY_TEXT}
_OPEN: Schema = {"type": "object", "additionalProperties": True}
_STATUS: Schema = {"type": "string", "enum": [str(status) for status in Status if status is not Status.DELETED]}


def _ours(schema: Schema, description: str) -> Schema:
    return schema | _OURS | {"description": description}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    """Return the schema of an object; all its properties are required unless `required` says otherwise."""
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


def _closed(properties: Schema, required: list[str] | None = None) -> Schema:
    return _object(properties, required) | {"additionalProperties": False}


_OPENAI_OPTIONS = frozenset({"prompt", "model", "size", "seconds"})


def _option_schemas(spec: OptionSpec[object]) -> Schema:
    """Return an option's schema, under each of its names."""
    default = " Default: the stack's." if spec.parameter else ""
    schema = spec.schema | {"description": f"{spec.help}{default}"}
    schemas: Schema = {spec.name: schema if spec.name in _OPENAI_OPTIONS else schema | _OURS}
    return schemas | {other: _ours(spec.schema, f"The same as `{spec.name}`.") for other in spec.other_names}


OPTION_SCHEMAS: Schema = {name: schema for spec in OPTIONS.values() for name, schema in _option_schemas(spec).items()}
"""The properties of a request body that are options."""

_REFERENCE: Schema = _closed(
    {
        "image_url": {
            "type": "string",
            "description": "A data: URL in base64, or s3://BUCKET/KEY in the upload bucket. No other URL is fetched.",
        }
    },
)

_JOB: Schema = _ours(
    _closed(
        {
            "status": _STATUS,
            **dict.fromkeys(("created_at", "updated_at"), _MOMENT),
            **dict.fromkeys(("source", "request", "picture", "copy", "server", "error"), _OPEN),
            **dict.fromkeys(("file_name", "price_usd", "finding", "until"), _ANY_TEXT),
        },
        ["status", "created_at", "updated_at", "source", "request"],
    ),
    "The stack's record of the job.",
)


def _list_of(name: str, **more: Schema) -> Schema:
    items: Schema = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return _object({"object": {"type": "string", "const": "list"}, "data": items, **more})


SCHEMAS: dict[str, Schema] = {
    "Video": _closed(
        {
            "id": _ID,
            "object": {"type": "string", "const": "video"},
            "model": _ANY_TEXT,
            "status": {"type": "string", "enum": ["queued", "in_progress", "completed", "failed"]},
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "created_at": _UNIX,
            "completed_at": _maybe(_UNIX),
            "expires_at": _maybe(_UNIX),
            "size": {"type": "string", "pattern": r"^\d+x\d+$"},
            "seconds": _ANY_TEXT,
            "prompt": _maybe(_ANY_TEXT),
            "remixed_from_video_id": _maybe(_ANY_TEXT),
            "error": _maybe(_object({"code": _ANY_TEXT, "message": _ANY_TEXT})),
            "job": _JOB,
        },
    ),
    "VideoList": _list_of("Video", first_id=_maybe(_ID), last_id=_maybe(_ID), has_more={"type": "boolean"}),
    "DeletedVideo": _closed(
        {
            "id": _ID,
            "object": {"type": "string", "const": "video.deleted"},
            "deleted": {"type": "boolean", "description": "False if the video was canceled: its record stays."},
            "job": _ours(_object({"status": _ANY_TEXT}), "The job after the request."),
        },
    ),
    "CreateVideo": _closed(
        {**OPTION_SCHEMAS, "input_reference": {"anyOf": [_REFERENCE, _ANY_TEXT]}}, ["input_reference"]
    ),
    "CreateVideoForm": _object(
        {**OPTION_SCHEMAS, "input_reference": {"type": "string", "contentMediaType": "application/octet-stream"}},
        ["input_reference"],
    ),
    "CreateUpload": _closed(
        {
            **OPTION_SCHEMAS,
            "file_name": {"type": "string", "maxLength": 1024},
            "content_type": {"type": "string", "pattern": r"^[\w.+-]{1,60}/[\w.+-]{1,60}$"},
            "bytes": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
        },
        [],
    ),
    "Upload": _closed(
        {
            "id": _ID,
            "object": {"type": "string", "const": "upload"},
            "url": {"type": "string", "format": "uri"},
            "fields": {"type": "object", "additionalProperties": _ANY_TEXT},
            "expires_at": _UNIX,
            "max_bytes": {"type": "integer"},
        },
    ),
    "Resolve": _closed(
        {
            "decision": {"type": "string", "enum": list(DECISIONS)},
            "video_id": {"type": "string", "description": "The id of the server's video, with the decision adopt."},
        },
        ["decision"],
    ),
    "Model": _closed(
        {
            "id": _ANY_TEXT,
            "object": {"type": "string", "const": "model"},
            "created": {"type": "integer"},
            "owned_by": _ANY_TEXT,
            "sizes": _ours(_TEXTS, "Its sizes."),
            "seconds": _ours(_TEXTS, "Its lengths."),
            "usd_per_second": _ours(
                {"type": "object", "additionalProperties": _maybe(_ANY_TEXT)}, "US dollars by size; null if unknown."
            ),
        },
    ),
    "ModelList": _list_of("Model"),
    "Error": _object(
        {
            "error": _object(
                {"message": _ANY_TEXT, "type": _ANY_TEXT, "param": _maybe(_ANY_TEXT), "code": _maybe(_ANY_TEXT)}
            )
        }
    ),
}
"""Every schema of the document, by name."""

PARAMETERS: dict[str, Schema] = {
    "video_id": _ANY_TEXT,
    "model": _ANY_TEXT,
    "after": _ID | {"description": "The id after which the page starts."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "order": {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
    "status": _ours(_STATUS, "Only videos in this status: one of OpenAI's four, or one of ours."),
    "variant": {
        "type": "string",
        "enum": ["video", "ready", "source"],
        "default": "video",
        "description": "The MP4, or beyond OpenAI's API: the ready copy, or the picture as it was uploaded.",
    },
    "Idempotency-Key": _ours(
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
        "Requests with the same key and the same body get the same job; with another body, a 409.",
    ),
}
"""The schemas of path, query and header parameters, by name."""

_ALWAYS = (401, 429, 500)
_ERROR_DESCRIPTIONS = {
    400: "The request cannot be used; `param` names the field.",
    401: "The token is missing or invalid.",
    404: "The resource does not exist, or was deleted.",
    409: "The job's status does not allow it, or the Idempotency-Key came with another request.",
    413: "The body is too large. POST /uploads gives a form for large pictures.",
    429: "Too many requests at once.",
    500: "The stack failed.",
}


def build_document() -> JsonObject:
    """Return the document. Its server is a placeholder: each stack has its own URL."""
    paths: dict[str, JsonObject] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe_operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sora-Ready",
            "version": "1.0.0",
            "description": "OpenAI's Videos API for any picture. Additions to OpenAI's API are marked `x-sora-ready`.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
                "description": "The stack's output ApiUrl",
                "variables": {"api": {"default": "api"}, "region": {"default": "us-east-1"}},
            }
        ],
        "security": [{"bearerToken": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearerToken": {"type": "http", "scheme": "bearer"}},
        },
    }


def _describe_operation(route: Route) -> JsonObject:
    places = {"path": re.findall(r"{(\w+)}", route.path), "query": route.query, "header": route.headers}
    parameters = [
        {"name": name, "in": place, "required": place == "path", "schema": PARAMETERS[name]}
        for place, names in places.items()
        for name in names
    ]
    described: JsonObject = {"operationId": route.operation, "summary": route.summary}
    described |= {"x-sora-ready": True} if route.own else {}
    described |= {"parameters": parameters} if parameters else {}
    described |= {"requestBody": _describe_body(route.request)} if route.request else {}
    errors = {str(status): _describe_error(status) for status in sorted({*route.errors, *_ALWAYS})}
    return described | {"responses": _describe_response(route.response) | errors}


def _describe_body(name: str) -> JsonObject:
    content = {"application/json": {"schema": _ref(name)}}
    if f"{name}Form" in SCHEMAS:
        content["multipart/form-data"] = {"schema": _ref(f"{name}Form")}
    return {"required": True, "content": content}


def _describe_response(name: str) -> JsonObject:
    if name:
        return {"200": {"description": "Success.", "content": {"application/json": {"schema": _ref(name)}}}}
    location: JsonObject = {"description": "The link.", "required": True, "schema": {"type": "string", "format": "uri"}}
    return {"302": {"description": "The link to the file.", "headers": {"Location": location}}}


def _describe_error(status: int) -> JsonObject:
    content = {"application/json": {"schema": _ref("Error")}}
    return {"description": f"{_ERROR_DESCRIPTIONS[status]} The type is `{ERROR_TYPES[status]}`.", "content": content}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}
