"""The API's OpenAPI 3.1 document, made of the table of routes and the schemas."""

from __future__ import annotations

import re
from typing import Any

from sora_ready.entrypoints.api.error_responses import TYPES
from sora_ready.entrypoints.api.routes import ROUTES, Route
from sora_ready.entrypoints.api.schemas import PARAMETERS, SCHEMAS

_ALWAYS = (401, 429, 500)
_SAYS = {
    400: "The request cannot be used; `param` names the field.",
    401: "The token is missing or not good.",
    404: "There is no such thing, or not any more.",
    409: "The job is not in a state in which it could be done, or the Idempotency-Key came with another request.",
    413: "The body is too large. POST /uploads gives a form for large pictures.",
    429: "Too many calls at once.",
    500: "A fault of the stack's own.",
}


def build_document() -> dict[str, Any]:
    """Return the document. Its server is a placeholder: each stack has an address of its own."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe_operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sora-Ready",
            "version": "1.0.0",
            "description": (
                "OpenAI's Videos API for any picture. What OpenAI's own API does not have is marked `x-sora-ready`."
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


def _describe_operation(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {"operationId": route.operation, "summary": route.summary}
    told |= {"x-sora-ready": True} if route.own else {}
    parameters = [_describe_parameter(name, "path") for name in re.findall(r"{(\w+)}", route.path)]
    parameters += [_describe_parameter(name, "query") for name in route.query]
    parameters += [_describe_parameter(name, "header") for name in route.headers]
    told |= {"parameters": parameters} if parameters else {}
    told |= {"requestBody": _describe_body(route.request)} if route.request else {}
    errors = {str(status): _describe_error(status) for status in sorted({*route.errors, *_ALWAYS})}
    return told | {"responses": _describe_answer(route.answer) | errors}


def _describe_parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": PARAMETERS[name]}


def _describe_body(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(name)}}
    if f"{name}Form" in SCHEMAS:
        content["multipart/form-data"] = {"schema": _ref(f"{name}Form")}
    return {"required": True, "content": content}


def _describe_answer(name: str) -> dict[str, Any]:
    if name:
        return {"200": {"description": "Done.", "content": {"application/json": {"schema": _ref(name)}}}}
    location = {"description": "The link.", "required": True, "schema": {"type": "string", "format": "uri"}}
    return {"302": {"description": "The file is there.", "headers": {"Location": location}}}


def _describe_error(status: int) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref("Error")}}
    return {"description": f"{_SAYS[status]} The type is `{TYPES[status]}`.", "content": content}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
