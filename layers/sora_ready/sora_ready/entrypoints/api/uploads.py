"""Pictures over API Gateway's limit: the job is recorded, then its picture is posted to S3 with a presigned form."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sora_ready.domain.codec import JsonValue
from sora_ready.domain.job import DUE_AFTER, Status
from sora_ready.domain.options import OPTION_NAMES
from sora_ready.domain.request import parse_body
from sora_ready.entrypoints.api.bodies import clean_file_name, read_json
from sora_ready.entrypoints.api.context import ApiContext
from sora_ready.entrypoints.api.errors import ParameterRejected, StateConflict
from sora_ready.entrypoints.api.http import Request, Response
from sora_ready.pipeline.create_job import create_api_job

_FILE_FIELDS = frozenset({"file_name", "content_type", "bytes"})
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)


def create_upload(request: Request, context: ApiContext) -> Response:
    """Record a job and return the form to post its picture with."""
    fields = read_json(request, OPTION_NAMES | _FILE_FIELDS)
    file_name, content_type, length = _parse_file_fields(fields, context.max_source_bytes)
    given = {name: value for name, value in fields.items() if name in OPTION_NAMES}
    options = parse_body(given, context.defaults, context.catalog)
    new_job = context.new_job(request, options, clean_file_name(file_name), "upload", file_name, content_type, length)
    target = context.api_uploads.object_for(new_job.job_id)
    job = create_api_job(new_job, target, context.jobs)
    if job.status is not Status.RECEIVED:
        raise StateConflict(
            "upload_over",
            f"The video {job.id} has its picture, or needs none: it is {job.status}. Use a new Idempotency-Key.",
            param="Idempotency-Key",
        )
    max_bytes = length or context.max_source_bytes
    form = context.uploads.presign_post(
        target, content_type=content_type, min_bytes=length or 1, max_bytes=max_bytes, request_hash=new_job.body_sha256
    )
    # A repeated request gets a form with a new expiry, so the picture may come that much later.
    context.jobs.update_job(job, due_at=form.expires_at + DUE_AFTER[Status.RECEIVED])
    return Response(
        200,
        {
            "id": job.id,
            "object": "upload",
            "url": form.url,
            "fields": form.fields,
            "expires_at": int(form.expires_at.timestamp()),
            "max_bytes": max_bytes,
        },
    )


def _parse_file_fields(fields: Mapping[str, JsonValue], max_bytes: int) -> tuple[str, str, int | None]:
    file_name = fields.get("file_name") or ""
    if not isinstance(file_name, str) or len(file_name) > 1024:
        raise ParameterRejected("invalid_file_name", "It is text of up to 1,024 characters.", param="file_name")
    content_type = fields.get("content_type") or "application/octet-stream"
    if not isinstance(content_type, str) or not _MEDIA_TYPE.fullmatch(content_type):
        raise ParameterRejected("invalid_content_type", "It is a type such as image/jpeg.", param="content_type")
    length = fields.get("bytes")
    if length is not None and (type(length) is not int or not 1 <= length <= max_bytes):
        raise ParameterRejected("invalid_bytes", f"It is a whole number from 1 to {max_bytes}.", param="bytes")
    return file_name, content_type, length
