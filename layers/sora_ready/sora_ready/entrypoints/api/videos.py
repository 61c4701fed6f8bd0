"""The operations on videos."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

from sora_ready.domain.codec import JsonObject
from sora_ready.domain.job import FINAL, Job, SourceObject, Status
from sora_ready.domain.job_id import is_job_id
from sora_ready.domain.request import parse_body
from sora_ready.entrypoints.api.bodies import read_create_body, read_json
from sora_ready.entrypoints.api.context import ApiContext
from sora_ready.entrypoints.api.errors import ParameterRejected, ResourceNotFound, StateConflict
from sora_ready.entrypoints.api.http import Request, Response
from sora_ready.entrypoints.api.video_object import find_statuses
from sora_ready.pipeline.apply_operator_decision import DECISIONS, ApplyOperatorDecision
from sora_ready.pipeline.create_job import create_api_job
from sora_ready.pipeline.delete import DeleteJob

LINK_SECONDS = 300
# A response of Lambda has at most 6 MB.
MAX_PAGE_BYTES = 5_000_000
MAX_LIMIT, DEFAULT_LIMIT = 100, 20
VARIANTS = ("video", "ready", "source")


def create_video(request: Request, context: ApiContext) -> Response:
    """Record a job, and put its picture where the pipeline finds it."""
    body = read_create_body(request, f"s3://{context.api_uploads.bucket}/{context.api_uploads.prefix}")
    picture = body.picture
    options = parse_body(body.fields, context.defaults, context.catalog)
    new_job = context.new_job(request, options, picture.file_name, "video", picture.fingerprint())
    target = context.api_uploads.object_for(new_job.job_id)
    # A repeated request succeeds even if the object is gone by then.
    if picture.key and context.jobs.get_job(new_job.job_id) is None:
        context.uploads.check_picture(SourceObject(target.bucket, picture.key), context.max_source_bytes)
    job = create_api_job(new_job, target, context.jobs)
    # An earlier request may have recorded the job and failed before it saved the picture.
    if job.status is Status.RECEIVED:
        if picture.key:
            context.uploads.copy_picture(picture.key, target)
        else:
            context.uploads.put_picture(target, picture.data)
    return Response(200, context.describe(job))


def list_videos(request: Request, context: ApiContext) -> Response:
    """Return a page of the list."""
    limit, order, status = (request.query.get(name, "") for name in ("limit", "order", "status"))
    if limit and not (limit.isascii() and limit.isdecimal() and len(limit) < 5 and 1 <= int(limit) <= MAX_LIMIT):
        raise _invalid("limit", [f"whole numbers from 1 to {MAX_LIMIT}"])
    if order not in {"", "asc", "desc"}:
        raise _invalid("order", ["asc", "desc"])
    statuses = find_statuses(status) if status else frozenset()
    if status and not statuses:
        raise _invalid("status", sorted({*map(str, Status)} - {str(Status.DELETED)}))
    cursor = request.query.get("after", "")
    after = context.jobs.get_job(cursor) if is_job_id(cursor) else None
    if cursor and after is None:
        raise _invalid("after", ["the id of a video"])
    page = context.job_list.read_page(
        limit=int(limit or DEFAULT_LIMIT), after=after, newest_first=order != "asc", statuses=statuses
    )
    videos = _truncate_page([context.describe(job) for job in page.jobs])
    truncated = len(videos) < len(page.jobs)
    return Response(
        200,
        {
            "object": "list",
            "data": videos,
            "first_id": videos[0]["id"] if videos else None,
            "last_id": videos[-1]["id"] if truncated else page.last_id,
            "has_more": truncated or page.has_more,
        },
    )


def get_video(request: Request, context: ApiContext) -> Response:
    """Return one video."""
    return Response(200, context.describe(context.find_job(request)))


def delete_video(request: Request, context: ApiContext) -> Response:
    """Cancel a video, or delete it with its files."""
    delete_job = DeleteJob(context.jobs, context.outputs, context.uploads, context.api_uploads)
    job = delete_job(context.find_job(request).id, repeated=request.repeated)
    deleted = job.status is Status.DELETED
    return Response(
        200, {"id": job.id, "object": "video.deleted", "deleted": deleted, "job": {"status": str(job.status)}}
    )


def get_content(request: Request, context: ApiContext) -> Response:
    """Redirect to a link to one of a video's files."""
    variant = request.query.get("variant") or "video"
    if variant not in VARIANTS:
        raise _invalid("variant", VARIANTS)
    job = context.find_job(request)
    link = _presign_picture(job, context) if variant == "source" else _presign_output(job, variant, context)
    return Response(302, headers={"Location": link, "Cache-Control": "no-store"})


def resolve_video(request: Request, context: ApiContext) -> Response:
    """Apply an operator's decision about an unconfirmed video."""
    fields = read_json(request, frozenset({"decision", "video_id"}))
    decision, video_id = fields.get("decision"), fields.get("video_id") or ""
    if not isinstance(decision, str) or decision not in DECISIONS:
        raise _invalid("decision", DECISIONS)
    if not isinstance(video_id, str) or (decision == "adopt" and not video_id.strip()):
        raise _invalid("video_id", ["the id of the server's video, with the decision adopt"])
    job = context.find_job(request)
    if job.status is not Status.UNCONFIRMED:
        raise StateConflict(
            "video_not_unconfirmed", f"The video is {job.status}; there is nothing to decide.", param="video_id"
        )
    submit_queue, track_queue = context.open_queues()
    resolve = ApplyOperatorDecision(context.jobs, context.ledger, submit_queue, track_queue)
    return Response(200, context.describe(resolve(job.id, decision, video_id=video_id)))


def _truncate_page(videos: list[JsonObject]) -> list[JsonObject]:
    """Return the first videos, as many as fit into one response: prompts may be long."""
    size = 0
    for count, video in enumerate(videos):
        size += len(json.dumps(video))
        if size > MAX_PAGE_BYTES:
            return videos[:count]
    return videos


def _presign_picture(job: Job, context: ApiContext) -> str:
    name = job.invocation.file_name or job.source.key.rsplit("/", 1)[-1]
    link = context.uploads.presign_get(job.source, seconds=LINK_SECONDS, disposition=_attachment(name))
    if link is None:
        raise ResourceNotFound("source_missing", "The picture is not there yet, or no longer.", param="variant")
    return link


def _presign_output(job: Job, variant: str, context: ApiContext) -> str:
    file = job.copy if variant == "ready" else job.video if job.status is Status.COMPLETED else None
    if file is None:
        reason = "ended without this file." if job.status in FINAL else "has no such file yet. Ask again later."
        raise StateConflict("video_not_ready", f"The video is {job.status}; it {reason}", param="variant")
    name = f"{job.id}.{file.key.rpartition('.')[2]}"
    return context.outputs.presign_get(file.key, seconds=LINK_SECONDS, disposition=_attachment(name))


def _attachment(name: str) -> str:
    """Return a Content-Disposition with a file name in any alphabet."""
    # A link goes into a header, and one character may become twelve.
    name = name[:100]
    plain = "".join(character if character.isalnum() and character.isascii() else "_" for character in name)
    plain = name if name.isascii() and all(letter.isalnum() or letter in "._-" for letter in name) else plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _invalid(param: str, allowed: Iterable[str]) -> ParameterRejected:
    return ParameterRejected(f"invalid_{param}", f"{param} cannot be used. Allowed: {', '.join(allowed)}.", param=param)
