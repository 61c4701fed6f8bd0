"""Requests to the API as API Gateway sends them to the function, over one stack."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sora_ready.domain.job import Job, Status, StoredVideo

from .stack_fixtures import OUTPUT_BUCKET, Stack, load_event, picture

BOUNDARY = "5f0c8a2e9d7b4c61"
PICTURE = picture(80, 60)
CONTEXT = SimpleNamespace(aws_request_id="8e2d1a64-5c0b-4f3e-9a7d-2b6c1f0e9d83", function_name="api")
"""What Lambda passes to a handler beside the event."""


@dataclass(frozen=True)
class ApiResponse:
    """A response: its status, its body as JSON, and its headers by lower-case name."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.body["error"]["code"])


def send_request(api: ModuleType, method: str, url: str, body: bytes | Any = None, **headers: str) -> ApiResponse:
    """Send a request. Header names have `_` for `-`. A body in bytes is sent unchanged, any other as JSON."""
    parts = urlsplit(url)
    event = load_event("api-get-video.json")
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) or None
    sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
    event |= {"httpMethod": method, "path": parts.path, "queryStringParameters": query, "headers": sent}
    if isinstance(body, bytes):
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        event |= {"body": json.dumps(body), "isBase64Encoded": False}
    response = api.handler(event, CONTEXT)
    received = {name.lower(): values[0] for name, values in response.get("multiValueHeaders", {}).items()}
    return ApiResponse(response["statusCode"], json.loads(response["body"]) if response["body"] else None, received)


def form(fields: Mapping[str, str], data: bytes = PICTURE, file_name: str = "beach.jpg") -> bytes:
    """A form with a picture, as the SDK writes it."""
    body = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="input_reference"; filename="{file_name}"\r\n'
    return body.encode() + b"Content-Type: image/jpeg\r\n\r\n" + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def create_video(
    api: ModuleType,
    fields: Mapping[str, str] | None = None,
    data: bytes = PICTURE,
    key: str = "",
    retries: int = 0,
    **options: Any,
) -> ApiResponse:
    """POST a picture, with an Idempotency-Key if one is given, as the SDK does on retry number `retries`."""
    headers = (
        {"x_stainless_retry_count": str(retries)}
        | {"content_type": f"multipart/form-data; boundary={BOUNDARY}"}
        | ({"idempotency_key": key} if key else {})
    )
    return send_request(api, "POST", "/videos", form(fields or {"prompt": "a calm sea"}, data, **options), **headers)


def uploaded_versions(stack: Stack, bucket: str, prefix: str = "api/") -> list[str]:
    """The keys of every version below a prefix."""
    listing = stack.s3.list_object_versions(Bucket=bucket, Prefix=prefix)
    return [version["Key"] for version in listing.get("Versions", [])]


def job_of(stack: Stack, response: ApiResponse) -> Job:
    job = stack.jobs.get_job(response.body["id"])
    assert job is not None
    return job


def complete_job(stack: Stack, job_id: str) -> Job:
    """Move a job that is at the server to `completed`."""
    video = StoredVideo(OUTPUT_BUCKET, f"videos/{job_id}.mp4", "video/mp4", bytes=5, sha256="0" * 64)
    return stack.jobs.move_job(job_id, Status.COMPLETED, video=video)
