"""Reading a create request off the wire: multipart forms, and JSON for orders without a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.requests import Request

from .errors import ApiError
from .request_log import Entry
from .validation import Upload

# Far above the longest prompt, at four bytes a character; so it is the prompt's own rule that refuses.
_TEXT_PART_LIMIT = 16 * 1024 * 1024


async def read_fields(request: Request) -> list[tuple[str, object]]:
    """The request's fields in order; file parts as Upload. ApiError when the body cannot be read."""
    sent = request.headers.get("content-type", "")
    kind = sent.split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request)
    if kind == "application/json":
        return await _json(request)
    raise ApiError(
        f"Unsupported content type: '{kind}'. This API method only accepts 'multipart/form-data' or "
        "'application/json' requests.",
        code="unsupported_content_type",
    )


def describe(entry: Entry, fields: Sequence[tuple[str, object]]) -> None:
    """Note in the request_log what was sent, before anything is said about it."""
    for name, value in fields:
        if isinstance(value, Upload) and name == "input_reference":
            entry.image_name = value.name
            entry.image_type = value.content_type
            entry.image_bytes = len(value.data)
            entry.image_sha256 = hashlib.sha256(value.data).hexdigest()
        elif name in ("model", "size", "seconds", "prompt") and not isinstance(value, Upload):
            setattr(entry, name, str(value))


async def _multipart(request: Request) -> list[tuple[str, object]]:
    async with request.form(max_part_size=_TEXT_PART_LIMIT) as form:
        fields: list[tuple[str, object]] = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                upload = Upload(value.filename or "", value.content_type, await value.read())
                fields.append((name, upload))
            else:
                fields.append((name, value))
        return fields


async def _json(request: Request) -> list[tuple[str, object]]:
    try:
        body = await request.json()
    except ValueError as error:
        raise ApiError("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise ApiError("We expected a JSON object as the body of your request.")
    return list(body.items())
