"""Create requests: parsed from a multipart form or JSON, and held to every rule that the real endpoint enforced.

The fields are `(name, value)` in order, where a value is a str, an `Upload` (a file part), or whatever else a JSON body
held. A valid request becomes a `CreateRequest`; any other raises the `ApiError` that it is refused with.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request

from .config import ModelRules, parse_size
from .errors import ApiError, invalid_type, invalid_value, quote_list, unknown_parameter
from .request_log import LoggedRequest

PROMPT_LIMIT = 32_000
"""Characters. Source: OpenAI's API reference for `POST /videos`."""

BLOCKED_WORD = "moderation-block"
"""A prompt with this word is refused as OpenAI's moderation refused."""

IMAGE_FORMATS: Mapping[str, str] = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
"""MIME type → Pillow's name of the format."""

_FIELDS = ("prompt", "model", "seconds", "size", "input_reference")
# Far above the longest prompt at four bytes a character, so that the prompt's own rule refuses it.
_TEXT_PART_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Upload:
    """A file part as it was sent; `content_type` is None when the part named none."""

    name: str
    content_type: str | None
    data: bytes


@dataclass(frozen=True)
class CreateRequest:
    """A request that will be rendered; `reference` is the encoded image, `size` is "WIDTHxHEIGHT"."""

    prompt: str
    model: str
    size: str
    seconds: str
    reference: bytes | None = None


async def parse_fields(request: Request) -> list[tuple[str, object]]:
    """Return the request's fields in order; file parts as `Upload`. Raises `ApiError` if the body can't be parsed."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        return await _parse_form(request)
    if content_type == "application/json":
        return await _parse_json(request)
    raise ApiError(
        f"Unsupported content type: '{content_type}'. This API method only accepts 'multipart/form-data' or "
        "'application/json' requests.",
        code="unsupported_content_type",
    )


def log_fields(entry: LoggedRequest, fields: Sequence[tuple[str, object]]) -> None:
    """Set the fields on the log's entry, valid or not."""
    for name, value in fields:
        if isinstance(value, Upload) and name == "input_reference":
            entry.image_name = value.name
            entry.image_type = value.content_type
            entry.image_bytes = len(value.data)
            entry.image_sha256 = hashlib.sha256(value.data).hexdigest()
        elif name in ("model", "size", "seconds", "prompt") and not isinstance(value, Upload):
            setattr(entry, name, str(value))


async def _parse_form(request: Request) -> list[tuple[str, object]]:
    fields: list[tuple[str, object]] = []
    async with request.form(max_part_size=_TEXT_PART_LIMIT) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                fields.append((name, Upload(value.filename or "", value.content_type, await value.read())))
            else:
                fields.append((name, value))
    return fields


async def _parse_json(request: Request) -> list[tuple[str, object]]:
    try:
        body = await request.json()
    except ValueError as error:
        raise ApiError("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise ApiError("We expected a JSON object as the body of your request.")
    return list(body.items())


def validate_fields(fields: Sequence[tuple[str, object]], catalog: Mapping[str, ModelRules]) -> CreateRequest:
    """Return the fields as a `CreateRequest`. Raises the `ApiError` that the request is refused with."""
    values = _by_name(fields)
    prompt = _validate_prompt(values)
    model = _validate_choice(values, "model", tuple(catalog))
    rules = catalog[model]
    seconds = _validate_choice(values, "seconds", rules.seconds)
    size = _validate_choice(values, "size", rules.sizes)
    reference = _validate_reference(values["input_reference"], size) if "input_reference" in values else None
    if BLOCKED_WORD in prompt:
        raise ApiError("Your request was blocked by our moderation system.", code="moderation_blocked")
    return CreateRequest(prompt, model, size, seconds, reference)


def _by_name(fields: Sequence[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in fields:
        if name not in _FIELDS:
            raise unknown_parameter(name)
        if name in values:
            message = "You provided multiple values for this parameter, whereas only one is allowed."
            raise ApiError(f"Duplicate parameter: '{name}'. {message}", param=name, code="duplicate_parameter")
        values[name] = value
    return values


def _validate_prompt(values: Mapping[str, object]) -> str:
    if "prompt" not in values:
        raise ApiError("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    prompt = values["prompt"]
    if not isinstance(prompt, str):
        raise invalid_type("prompt", "a string", _type_name(prompt))
    if not prompt:
        message = "empty string. Expected a string with minimum length 1, but got an empty string instead."
        raise ApiError(f"Invalid 'prompt': {message}", param="prompt", code="empty_string")
    if len(prompt) > PROMPT_LIMIT:
        message = f"string too long. Expected a string with maximum length {PROMPT_LIMIT}, but "
        message += f"got a string with length {len(prompt)} instead."
        raise ApiError(f"Invalid 'prompt': {message}", param="prompt", code="string_above_max_length")
    return prompt


def _validate_choice(values: Mapping[str, object], name: str, supported: Sequence[str]) -> str:
    value = values.get(name, supported[0])
    if not isinstance(value, str):
        raise invalid_type(name, f"one of {quote_list(supported)}", _type_name(value))
    if value not in supported:
        raise invalid_value(name, value, supported)
    return value


def _validate_reference(value: object, size: str) -> bytes:
    if not isinstance(value, Upload):
        raise invalid_type("input_reference", "a file", _type_name(value))
    mime_type = (value.content_type or "application/octet-stream").split(";")[0].strip().lower()
    if mime_type not in IMAGE_FORMATS:
        supported = f"Supported file formats are {quote_list(tuple(IMAGE_FORMATS))}"
        raise _invalid_file(f"unsupported mimetype ('{mime_type}'). {supported}", "unsupported_file_mimetype")
    _validate_image(value.data, mime_type, parse_size(size))
    return value.data


def _validate_image(data: bytes, mime_type: str, frame: tuple[int, int]) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(IMAGE_FORMATS.values())) as image:
            # Pillow calls a JPEG with several pictures, as phones write it, MPO. Its type is image/jpeg.
            actual = "JPEG" if image.format == "MPO" else image.format
            if actual != IMAGE_FORMATS[mime_type]:
                raise _invalid_file(f"the file is not {mime_type} but {actual}")
            # Pixels as stored: the real endpoint did not apply EXIF either, so a phone's portrait picture counted as
            # landscape. Compared before decoding, so that a decompression bomb is never decoded.
            if image.size != frame:
                raise ApiError("Inpaint image must match the requested width and height")
            # Only decoding tells a whole file from its first half.
            image.load()
    except ApiError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise _invalid_file("the image could not be decoded") from error


def _invalid_file(why: str, code: str = "invalid_image_file") -> ApiError:
    return ApiError(f"Invalid file 'input_reference': {why}.", param="input_reference", code=code)


def _type_name(value: object) -> str:
    """Return JSON's name of a value's type, with its article."""
    numbers = {bool: "a boolean", int: "an integer", float: "a decimal number"}
    names = {**numbers, str: "a string", list: "an array", dict: "an object", Upload: "a file"}
    return names.get(type(value), "null")
