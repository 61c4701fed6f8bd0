"""Request bodies, in JSON or as a form: the fields, and the picture or the key where it is stored."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from sora_ready.domain.codec import JsonObject, JsonValue
from sora_ready.domain.options import OPTION_NAMES
from sora_ready.entrypoints.api.errors import ParameterRejected
from sora_ready.entrypoints.api.http import Request
from sora_ready.entrypoints.api.multipart import PICTURE, Part, read_form

_NESTED = re.compile(r"(\w+)\[(\w*)\]", re.ASCII)
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.ASCII)
_NO_FETCHING = (
    "This stack fetches no URL. Send the picture itself, as a file or as a data: URL in base64, or name an object of "
    "the upload bucket as s3://BUCKET/KEY."
)


@dataclass(frozen=True)
class InputPicture:
    """The picture's bytes, or its key in the upload bucket."""

    data: bytes = b""
    file_name: str = ""
    key: str = ""

    def fingerprint(self) -> str:
        """Return a text that differs for different pictures."""
        return f"key {self.key}" if self.key else f"sha256 {sha256(self.data).hexdigest()}"


@dataclass(frozen=True)
class CreateBody:
    """The body of POST /videos: its picture, and its other fields."""

    fields: JsonObject
    picture: InputPicture


def read_create_body(request: Request, s3_prefix: str) -> CreateBody:
    """Read the body of POST /videos. Its `s3://` URL must begin with `s3_prefix`. Raises `ParameterRejected`."""
    content_type = request.headers.get("content-type", "")
    if content_type.lower().strip().startswith("multipart/form-data"):
        fields, part = _merge_parts(read_form(request.body, content_type))
    else:
        fields, part = read_json(request), None
    reference = fields.pop(PICTURE, None)
    _reject_unknown(fields, OPTION_NAMES)
    if part:
        picture = InputPicture(bytes(part.data), clean_file_name(part.file_name or ""))
    else:
        picture = _read_reference(reference, s3_prefix)
    if not picture.data and not picture.key:
        raise _picture_rejected("empty_picture", "The picture has no bytes.")
    return CreateBody(fields, picture)


def read_json(request: Request, known: Collection[str] = ()) -> JsonObject:
    """Return the object of a JSON body; if `known` is given, with no other names. Raises `ParameterRejected`."""
    try:
        fields = json.loads(request.body)
    except (ValueError, RecursionError):
        raise ParameterRejected(
            "invalid_json",
            "The body cannot be read as JSON. POST /videos accepts multipart/form-data too (curl's -F, not its -d).",
        ) from None
    if not isinstance(fields, dict):
        raise ParameterRejected("invalid_json", "The body must be a JSON object.")
    if known:
        _reject_unknown(fields, known)
    return fields


def clean_file_name(name: str) -> str:
    """Return the last segment of a file's path, for display: printable, at most 255 characters."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(character for character in last if character.isprintable())[:255]


def _merge_parts(parts: list[Part]) -> tuple[JsonObject, Part | None]:
    fields: JsonObject = {}
    pictures = [part for part in parts if part.is_file]
    for part in parts:
        if part.is_file:
            continue
        try:
            _add_field(fields, part.name, part.data.decode())
        except UnicodeDecodeError:
            raise ParameterRejected("invalid_text", "The field is not UTF-8.", param=part.name[:80]) from None
    if len(pictures) + (PICTURE in fields) > 1:
        raise _picture_rejected("duplicate_parameter", "A video is made from one picture.")
    return fields, pictures[0] if pictures else None


def _picture_rejected(code: str, message: str) -> ParameterRejected:
    return ParameterRejected(code, message, param=PICTURE)


def _add_field(fields: JsonObject, name: str, value: str) -> None:
    """Add a form field: the SDK writes lists as `focus[]` and objects as `crop[left_fraction]`."""
    nested = _NESTED.fullmatch(name)
    if nested and not nested[2]:
        entries = fields.setdefault(nested[1], [])
        if isinstance(entries, list):
            entries.append(_number_or_text(value))
            return
    elif nested:
        properties = fields.setdefault(nested[1], {})
        if isinstance(properties, dict) and nested[2] not in properties:
            properties[nested[2]] = _number_or_text(value)
            return
    elif name not in fields:
        fields[name] = value
        return
    raise ParameterRejected("duplicate_parameter", "The field is given more than once.", param=name[:80])


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _reject_unknown(fields: JsonObject, known: Collection[str]) -> None:
    for name in fields:
        if name not in known:
            shown = name[:80]
            raise ParameterRejected("unknown_parameter", f"Unknown parameter: {shown!r}.", param=shown)
    if "prompt" in known and fields.get("prompt") == "":
        raise ParameterRejected("invalid_prompt", "A prompt has 1 to 32,000 characters.", param="prompt")


def _read_reference(reference: JsonValue, s3_prefix: str) -> InputPicture:
    if isinstance(reference, str) and reference.lstrip().startswith("{"):
        # Other text stays as it is, and is refused below.
        with suppress(ValueError, RecursionError):
            reference = json.loads(reference)
    url = reference.get("image_url") if isinstance(reference, dict) and reference.keys() == {"image_url"} else reference
    if url is None:
        message = "A video is made from a picture: send it as input_reference. Text alone is not enough."
        raise _picture_rejected("picture_required", message)
    if not isinstance(url, str):
        message = f"input_reference is a file, or {{image_url}}. {_NO_FETCHING}"
        raise _picture_rejected("invalid_input_reference", message)
    if url is reference and "://" not in url and not url.startswith("data:"):
        raise _picture_rejected(
            "picture_required",
            "input_reference came as text, not as a file. With curl, write @ before the path: "
            "-F input_reference=@photo.jpg.",
        )
    return _read_url(url, s3_prefix)


def _read_url(url: str, s3_prefix: str) -> InputPicture:
    if scheme := _DATA_URL.match(url):
        try:
            return InputPicture(base64.b64decode(url[scheme.end() :], validate=True))
        except (binascii.Error, ValueError):
            raise _picture_rejected("invalid_data_url", "The data: URL is not base64.") from None
    key = url.removeprefix("s3://").partition("/")[2]
    if not url.startswith(s3_prefix) or not _is_key(key):
        raise _picture_rejected("url_not_fetched", f"{_NO_FETCHING} Here that begins with {s3_prefix}")
    return InputPicture(file_name=clean_file_name(key), key=key)


def _is_key(key: str) -> bool:
    try:
        return 0 < len(key.encode()) <= 1024
    except UnicodeEncodeError:
        return False
