"""Calls of the API as API Gateway hands them to the function, over one stack."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sora_ready.domain.job import Job

from .stack_fixtures import Stack, load_event, picture

BOUNDARY = "5f0c8a2e9d7b4c61"
PICTURE = picture(80, 60)


@dataclass(frozen=True)
class Told:
    """An answer: its status, its body as JSON, and its headers by their names in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.body["error"]["code"])


def call(api: ModuleType, method: str, url: str, body: bytes | Any = None, **headers: str) -> Told:
    """Call the API; names of headers with `_` for `-`. Bytes are a body as they stand, anything else is JSON."""
    parts = urlsplit(url)
    event = load_event("api-get-video.json")
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) or None
    given = {name.replace("_", "-").title(): value for name, value in headers.items()}
    event |= {"httpMethod": method, "path": parts.path, "queryStringParameters": query, "headers": given}
    if isinstance(body, bytes):
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        event |= {"body": json.dumps(body), "isBase64Encoded": False}
    answer = api.handler(event, None)
    told = {name.lower(): values[0] for name, values in answer.get("multiValueHeaders", {}).items()}
    return Told(answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None, told)


def form(fields: Mapping[str, str], data: bytes = PICTURE, file_name: str = "beach.jpg") -> bytes:
    """A form with a picture, as the SDK writes it."""
    body = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="input_reference"; filename="{file_name}"\r\n'
    return body.encode() + b"Content-Type: image/jpeg\r\n\r\n" + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def create(
    api: ModuleType,
    fields: Mapping[str, str] | None = None,
    data: bytes = PICTURE,
    key: str = "",
    repeats: int = 0,
    **options: Any,
) -> Told:
    """POST a picture, under an Idempotency-Key if one is given, as the SDK does after so many `repeats`."""
    headers = (
        {"x_stainless_retry_count": str(repeats)}
        | {"content_type": f"multipart/form-data; boundary={BOUNDARY}"}
        | ({"idempotency_key": key} if key else {})
    )
    return call(api, "POST", "/videos", form(fields or {"prompt": "a calm sea"}, data, **options), **headers)


def uploaded_versions(stack: Stack, bucket: str, prefix: str = "api/") -> list[str]:
    """The keys of every version below a prefix."""
    found = stack.s3.list_object_versions(Bucket=bucket, Prefix=prefix)
    return [version["Key"] for version in found.get("Versions", [])]


def job_of(stack: Stack, told: Told) -> Job:
    job = stack.jobs.get_job(told.body["id"])
    assert job is not None
    return job
