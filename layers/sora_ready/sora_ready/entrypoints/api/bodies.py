"""What a POST's body asks for, in JSON or as a form: fields, and a picture or where it lies."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sora_ready.domain.errors import ParameterRejected
from sora_ready.domain.options import OPTION_NAMES
from sora_ready.entrypoints.api.http import Request
from sora_ready.entrypoints.api.multipart import PICTURE, Part, read_form

_NESTED = re.compile(r"(\w+)\[(\w*)\]", re.ASCII)
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.ASCII)
_NO_FETCHING = (
    "This stack fetches no URL. Send the picture itself, as a file or as a data: URL in base64, or name an object of "
    "the upload bucket as s3://BUCKET/KEY."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture itself, or the key in the upload bucket that it lies under."""

    data: bytes = b""
    file_name: str = ""
    key: str = ""

    def told(self) -> str:
        """What tells it from another picture."""
        return f"key {self.key}" if self.key else f"sha256 {sha256(self.data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Body:
    """The fields of a body, less the picture."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    picture: Picture | None = None


def read_create_body(call: Request, uploads: str) -> Body:
    """Return what a POST /videos asks for; of `s3://` only addresses that begin with `uploads` may be named.

    Raises `ParameterRejected`.
    """
    content_type = call.headers.get("content-type", "")
    if content_type.lower().strip().startswith("multipart/form-data"):
        fields, part = _read_parts(read_form(call.body, content_type))
    else:
        fields, part = read_json(call), None
    reference = fields.pop(PICTURE, None)
    _refuse_unknown(fields, OPTION_NAMES)
    if part:
        picture = Picture(bytes(part.data), clean_file_name(part.file_name or ""))
    else:
        picture = _read_reference(reference, uploads)
    if not picture.data and not picture.key:
        raise ParameterRejected("empty_picture", "The picture has no bytes.", param=PICTURE)
    return Body(fields, picture)


def read_json(call: Request, known: frozenset[str] | None = None) -> dict[str, Any]:
    """Return the object of a JSON body, whose names are all `known`. Raises `ParameterRejected`."""
    try:
        told = json.loads(call.body)
    except (ValueError, RecursionError):
        raise ParameterRejected(
            "invalid_json",
            "The body cannot be read as JSON. POST /videos takes multipart/form-data too (curl's -F, not its -d).",
        ) from None
    if not isinstance(told, dict):
        raise ParameterRejected("invalid_json", "The body must be a JSON object.")
    if known is not None:
        _refuse_unknown(told, known)
    return told


def clean_file_name(name: str) -> str:
    """Return the last part of a file's name, printable and of 255 characters at most, for people to read."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(character for character in last if character.isprintable())[:255]


def _read_parts(parts: list[Part]) -> tuple[dict[str, Any], Part | None]:
    fields: dict[str, Any] = {}
    picture = None
    for part in parts:
        if part.is_file:
            if picture:
                raise ParameterRejected("duplicate_parameter", "One video is made of one picture.", param=PICTURE)
            picture = part
            continue
        try:
            value = part.data.decode()
        except UnicodeDecodeError:
            raise ParameterRejected("invalid_text", "The field is not UTF-8.", param=part.name[:80]) from None
        _add_field(fields, part.name, value)
    if picture and PICTURE in fields:
        raise ParameterRejected("duplicate_parameter", "One video is made of one picture.", param=PICTURE)
    return fields, picture


def _add_field(fields: dict[str, Any], name: str, value: str) -> None:
    """Put a field of a form where it belongs: the SDK writes lists as `focus[]`, objects as `crop[left_fraction]`."""
    nested = _NESTED.fullmatch(name)
    if nested and not nested[2]:
        place = fields.setdefault(nested[1], [])
        if isinstance(place, list):
            place.append(_as_number(value))
            return
    elif nested:
        place = fields.setdefault(nested[1], {})
        if isinstance(place, dict) and nested[2] not in place:
            place[nested[2]] = _as_number(value)
            return
    elif name not in fields:
        fields[name] = value
        return
    raise ParameterRejected("duplicate_parameter", "The field is given more than once.", param=name[:80])


def _as_number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def _refuse_unknown(fields: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in fields:
        if name not in known:
            shown = name[:80]
            raise ParameterRejected("unknown_parameter", f"Unknown parameter: {shown!r}.", param=shown)
    if "prompt" in known and fields.get("prompt") == "":
        raise ParameterRejected("invalid_prompt", "A prompt has 1 to 32,000 characters.", param="prompt")


def _read_reference(reference: Any, uploads: str) -> Picture:
    if isinstance(reference, str) and reference.lstrip().startswith("{"):
        reference = _read_object(reference)
    url = reference.get("image_url") if isinstance(reference, dict) and reference.keys() == {"image_url"} else reference
    if url is None:
        raise ParameterRejected(
            "picture_required",
            "A video is made of a picture: send it as input_reference. Text alone is not enough.",
            param=PICTURE,
        )
    if not isinstance(url, str):
        raise ParameterRejected(
            "invalid_input_reference", f"input_reference is a file, or {{image_url}}. {_NO_FETCHING}", param=PICTURE
        )
    if url is reference and "://" not in url and not url.startswith("data:"):
        raise ParameterRejected(
            "picture_required",
            "input_reference came as text, not as a file. With curl, write @ before the path: "
            "-F input_reference=@photo.jpg.",
            param=PICTURE,
        )
    scheme = _DATA_URL.match(url)
    if scheme:
        try:
            return Picture(base64.b64decode(url[scheme.end() :], validate=True))
        except (binascii.Error, ValueError):
            raise ParameterRejected("invalid_data_url", "The data: URL is not base64.", param=PICTURE) from None
    key = url.removeprefix("s3://").partition("/")[2]
    if not url.startswith(uploads) or not _is_key(key):
        told = f"{_NO_FETCHING} Here that begins with {uploads}"
        raise ParameterRejected("url_not_fetched", told, param=PICTURE)
    return Picture(file_name=clean_file_name(key), key=key)


def _read_object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_key(key: str) -> bool:
    try:
        return 0 < len(key.encode()) <= 1024
    except UnicodeEncodeError:
        return False
