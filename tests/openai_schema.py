"""OpenAI's schema of `/videos` (August 2026): the fields, their types, and which are required.

Written by hand from OpenAI's OpenAPI document, without descriptions. `size` and `seconds` are those of OpenAI's own
models; another model of a stack's catalog may take other values, and a response then has those.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
FLAG: dict[str, Any] = {"type": "boolean"}
SIZE = {"type": "string", "enum": ["720x1280", "1280x720", "1024x1792", "1792x1024"]}
SECONDS = {"type": "string", "enum": ["4", "8", "12"]}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def object_with(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


VIDEO = object_with(
    id=TEXT,
    object={"type": "string", "enum": ["video"]},
    model=TEXT,
    status={"type": "string", "enum": ["queued", "in_progress", "completed", "failed"]},
    progress=NUMBER,
    created_at=NUMBER,
    completed_at=maybe(NUMBER),
    expires_at=maybe(NUMBER),
    prompt=maybe(TEXT),
    size=SIZE,
    seconds=TEXT,
    remixed_from_video_id=maybe(TEXT),
    error=maybe(object_with(code=TEXT, message=TEXT)),
)
VIDEO_LIST = object_with(
    object={"type": "string", "enum": ["list"]},
    data={"type": "array", "items": VIDEO},
    first_id=maybe(TEXT),
    last_id=maybe(TEXT),
    has_more=FLAG,
)
DELETED = object_with(id=TEXT, object={"type": "string", "enum": ["video.deleted"]}, deleted=FLAG)
ERROR = object_with(error=object_with(message=TEXT, type=TEXT, param=maybe(TEXT), code=maybe(TEXT)))
CREATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "model": TEXT,
        "prompt": {"type": "string", "minLength": 1, "maxLength": 32000},
        "input_reference": {
            "type": "object",
            "properties": {"image_url": {"type": "string", "maxLength": 20971520}, "file_id": TEXT},
        },
        "seconds": SECONDS,
        "size": SIZE,
    },
    "required": ["prompt"],
}
QUERY = {"limit": {"type": "integer", "minimum": 0, "maximum": 100}, "order": {"enum": ["asc", "desc"]}, "after": TEXT}

OWN_FIELDS = {"job"}
"""The fields that our Video object has in addition to OpenAI's."""


def assert_holds(schema: dict[str, Any], body: Any) -> None:
    Draft202012Validator(schema).validate(body)
