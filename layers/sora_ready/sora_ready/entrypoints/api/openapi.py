"""The API's OpenAPI 3.1 document, built from the table of routes and the schemas."""

from __future__ import annotations

import re

from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.api.errors import ERROR_TYPES
from sora_ready.entrypoints.api.routes import ROUTES, Route
from sora_ready.entrypoints.api.schemas import PARAMETERS, SCHEMAS

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
            "description": (
                "OpenAI's Videos API for any picture. Additions to OpenAI's API are marked `x-sora-ready`."
            ),
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
    parameters = [_describe_parameter(name, "path") for name in re.findall(r"{(\w+)}", route.path)]
    parameters += [_describe_parameter(name, "query") for name in route.query]
    parameters += [_describe_parameter(name, "header") for name in route.headers]
    described: JsonObject = {"operationId": route.operation, "summary": route.summary}
    described |= {"x-sora-ready": True} if route.own else {}
    described |= {"parameters": parameters} if parameters else {}
    described |= {"requestBody": _describe_body(route.request)} if route.request else {}
    errors = {str(status): _describe_error(status) for status in sorted({*route.errors, *_ALWAYS})}
    return described | {"responses": _describe_response(route.response) | errors}


def _describe_parameter(name: str, location: str) -> JsonObject:
    return {"name": name, "in": location, "required": location == "path", "schema": PARAMETERS[name]}


def _describe_body(name: str) -> JsonObject:
    content = {"application/json": {"schema": _ref(name)}}
    if f"{name}Form" in SCHEMAS:
        content["multipart/form-data"] = {"schema": _ref(f"{name}Form")}
    return {"required": True, "content": content}


def _describe_response(name: str) -> JsonObject:
    if name:
        return {"200": {"description": "Success.", "content": {"application/json": {"schema": _ref(name)}}}}
    location: JsonObject = {"description": "The link.", "required": True}
    location["schema"] = {"type": "string", "format": "uri"}
    return {"302": {"description": "The link to the file.", "headers": {"Location": location}}}


def _describe_error(status: int) -> JsonObject:
    content = {"application/json": {"schema": _ref("Error")}}
    return {"description": f"{_ERROR_DESCRIPTIONS[status]} The type is `{ERROR_TYPES[status]}`.", "content": content}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}
