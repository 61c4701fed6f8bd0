"""Which create requests are accepted: every rule the real endpoint enforced, and nothing softer.

A request arrives here as its fields in order, `(name, value)`, where a value is a str, an Upload (a file
part), or whatever else a JSON body held. It leaves as an CreateRequest, or as an ApiError.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from .config import ModelRules, pixels
from .errors import ApiError, invalid_type, invalid_value, listing, unknown_parameter

PROMPT_LIMIT = 32_000
"""Characters. Source: OpenAI's API reference for `POST /videos`."""

BLOCKED_WORD = "moderation-block"
"""A prompt with this is refused as OpenAI's moderation refused."""

IMAGE_FORMATS: Mapping[str, str] = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
"""MIME type → Pillow's name of the format."""

_FIELDS = ("prompt", "model", "seconds", "size", "input_reference")


@dataclass(frozen=True)
class Upload:
    """A file part as it was sent; `content_type` is None when the part named none."""

    name: str
    content_type: str | None
    data: bytes


@dataclass(frozen=True)
class CreateRequest:
    """A request that will be rendered; `reference` is the encoded picture, `size` is "WIDTHxHEIGHT"."""

    prompt: str
    model: str
    size: str
    seconds: str
    reference: bytes | None = None


def check(fields: Sequence[tuple[str, object]], catalog: Mapping[str, ModelRules]) -> CreateRequest:
    """Turn a request's fields into an CreateRequest, or raise the ApiError it is refused with."""
    given = _known_once(fields)
    prompt = _prompt(given)
    model = _choice(given, "model", tuple(catalog))
    rules = catalog[model]
    seconds = _choice(given, "seconds", rules.seconds)
    size = _choice(given, "size", rules.sizes)
    reference = _reference(given["input_reference"], size) if "input_reference" in given else None
    if BLOCKED_WORD in prompt:
        raise ApiError("Your request was blocked by our moderation system.", code="moderation_blocked")
    return CreateRequest(prompt, model, size, seconds, reference)


def _known_once(fields: Sequence[tuple[str, object]]) -> dict[str, object]:
    given: dict[str, object] = {}
    for name, value in fields:
        if name not in _FIELDS:
            raise unknown_parameter(name)
        if name in given:
            raise ApiError(
                f"Duplicate parameter: '{name}'. You provided multiple values for this parameter, whereas "
                "only one is allowed.",
                param=name,
                code="duplicate_parameter",
            )
        given[name] = value
    return given


def _prompt(given: Mapping[str, object]) -> str:
    if "prompt" not in given:
        raise ApiError("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    prompt = given["prompt"]
    if not isinstance(prompt, str):
        raise invalid_type("prompt", "a string", _kind(prompt))
    if not prompt:
        raise ApiError(
            "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string instead.",
            param="prompt",
            code="empty_string",
        )
    if len(prompt) > PROMPT_LIMIT:
        raise ApiError(
            f"Invalid 'prompt': string too long. Expected a string with maximum length {PROMPT_LIMIT}, but "
            f"got a string with length {len(prompt)} instead.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def _choice(given: Mapping[str, object], name: str, supported: Sequence[str]) -> str:
    value = given.get(name, supported[0])
    if not isinstance(value, str):
        raise invalid_type(name, f"one of {listing(supported)}", _kind(value))
    if value not in supported:
        raise invalid_value(name, value, supported)
    return value


def _reference(value: object, size: str) -> bytes:
    if not isinstance(value, Upload):
        raise invalid_type("input_reference", "a file", _kind(value))
    mime = (value.content_type or "application/octet-stream").split(";")[0].strip().lower()
    if mime not in IMAGE_FORMATS:
        raise ApiError(
            f"Invalid file 'input_reference': unsupported mimetype ('{mime}'). Supported file formats are "
            f"{listing(tuple(IMAGE_FORMATS))}.",
            param="input_reference",
            code="unsupported_file_mimetype",
        )
    _check_picture(value.data, IMAGE_FORMATS[mime], mime, pixels(size))
    return value.data


def _check_picture(data: bytes, expected: str, mime: str, frame: tuple[int, int]) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(IMAGE_FORMATS.values())) as picture:
            # A JPEG with several pictures, as phones write it, is called MPO here and is an image/jpeg.
            actual = "JPEG" if picture.format == "MPO" else picture.format
            if actual != expected:
                raise _bad_picture(f"the file is not {mime} but {actual}")
            # Pixels as stored: the real endpoint did not apply EXIF either, so a phone's portrait picture
            # counted as landscape. Compared before decoding, which keeps a bomb from being unpacked.
            if picture.size != frame:
                raise ApiError("Inpaint image must match the requested width and height")
            # Only decoding tells a whole file from the first half of one.
            picture.load()
    except ApiError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise _bad_picture("the image could not be decoded") from error


def _bad_picture(why: str) -> ApiError:
    message = f"Invalid file 'input_reference': {why}."
    return ApiError(message, param="input_reference", code="invalid_image_file")


def _kind(value: object) -> str:
    """Name what was sent, with its article, in JSON's words."""
    if isinstance(value, Upload):
        return "a file"
    # bool before int: True is an int to Python, but not to JSON.
    names: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal number"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")
