"""Pictures over API Gateway's limit: the job is put on record, and its picture is posted to S3 by a signed form."""

from __future__ import annotations

import re
from typing import Any

from sora_ready.adapters.inbox import FORM_VALID
from sora_ready.domain.errors import JobConflict, ParameterRejected
from sora_ready.domain.job import DUE_AFTER, Status
from sora_ready.domain.options import OPTION_NAMES
from sora_ready.entrypoints.api.bodies import clean_file_name, read_json
from sora_ready.entrypoints.api.context import ApiContext, hash_body
from sora_ready.entrypoints.api.http import Request, Response
from sora_ready.pipeline.create_job import NewJob, create_api_job

_ABOUT_THE_FILE = frozenset({"file_name", "content_type", "bytes"})
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)


def create_upload(call: Request, context: ApiContext) -> Response:
    """Put a job on record and return the form that its picture is to be posted with."""
    fields = read_json(call, OPTION_NAMES | _ABOUT_THE_FILE)
    file_name, content_type, length = _read_file(fields, context.max_source_bytes)
    request = context.validate_options({name: value for name, value in fields.items() if name in OPTION_NAMES})
    told = hash_body("upload", request, file_name, content_type, length)
    order = NewJob(context.job_id_for(call, told), request, told, clean_file_name(file_name))
    job = create_api_job(order, context.inbox.place(order.job_id), context.jobs)
    if job.status is not Status.RECEIVED:
        raise JobConflict(
            "upload_over",
            f"The video {job.id} has its picture, or needs none: it is {job.status}. Use a new Idempotency-Key.",
            param="Idempotency-Key",
        )
    # A form that is asked for again is good for as long again, and its picture is waited for.
    context.jobs.update_job(job, due_at=context.jobs.now() + FORM_VALID + DUE_AFTER[Status.RECEIVED])
    most = length or context.max_source_bytes
    form = context.inbox.presign_post(
        job.id, content_type=content_type, least=length or 1, most=most, request_hash=told, now=context.jobs.now()
    )
    return Response(
        200,
        {
            "id": job.id,
            "object": "upload",
            "url": form.url,
            "fields": form.fields,
            "expires_at": int(form.expires_at.timestamp()),
            "max_bytes": most,
        },
    )


def _read_file(fields: dict[str, Any], max_bytes: int) -> tuple[str, str, int | None]:
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
