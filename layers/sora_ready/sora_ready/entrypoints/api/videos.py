"""The operations on videos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sora_ready.domain.errors import JobConflict, ParameterRejected, ResourceNotFound
from sora_ready.domain.job import FINAL, Job, Status, is_job_id
from sora_ready.entrypoints.api.bodies import read_create_body, read_json
from sora_ready.entrypoints.api.context import ApiContext, hash_body
from sora_ready.entrypoints.api.http import Request, Response
from sora_ready.entrypoints.api.video_object import find_statuses
from sora_ready.pipeline.create_job import NewJob, create_api_job
from sora_ready.pipeline.delete import cancel_or_delete_job
from sora_ready.pipeline.reconcile import resolve_job

LINK_SECONDS = 300
# Lambda answers with 6 MB at most; one video is far from it.
MAX_PAGE_BYTES = 5_000_000
MAX_LIMIT, DEFAULT_LIMIT = 100, 20
VARIANTS = ("video", "ready", "source")
DECISIONS = ("send_again", "give_up", "adopt")


def create_video(call: Request, context: ApiContext) -> Response:
    """Put a job on record and its picture where the pipeline takes it up."""
    body = read_create_body(call, f"s3://{context.inbox.bucket}/{context.inbox.prefix}")
    picture = body.picture
    assert picture is not None
    request = context.validate_options(body.fields)
    told = hash_body("video", request, picture.told())
    order = NewJob(context.job_id_for(call, told), request, told, file_name=picture.file_name)
    # A call that comes again is answered whatever became of the object meanwhile.
    if picture.key and context.jobs.get_job(order.job_id) is None:
        context.inbox.check_picture(picture.key, context.max_source_bytes)
    job = create_api_job(order, context.inbox.place(order.job_id), context.jobs)
    # The call that made the record may have died before it saved the picture.
    if job.status is Status.RECEIVED:
        if picture.key:
            context.inbox.copy_picture(job.id, picture.key)
        else:
            context.inbox.put_picture(job.id, picture.data)
    return Response(200, context.describe(job))


def list_videos(call: Request, context: ApiContext) -> Response:
    """Return a page of the list."""
    limit, order, status = (call.query.get(name, "") for name in ("limit", "order", "status"))
    if limit and not (limit.isascii() and limit.isdecimal() and len(limit) < 5 and 1 <= int(limit) <= MAX_LIMIT):
        raise _unusable("limit", [f"whole numbers from 1 to {MAX_LIMIT}"])
    if order not in {"", "asc", "desc"}:
        raise _unusable("order", ["asc", "desc"])
    statuses = find_statuses(status) if status else frozenset()
    if status and not statuses:
        raise _unusable("status", sorted({*map(str, Status)} - {str(Status.DELETED)}))
    cursor = call.query.get("after", "")
    after = context.jobs.get_job(cursor) if is_job_id(cursor) else None
    if cursor and after is None:
        raise _unusable("after", ["the id of a video"])
    page = context.job_list.read_page(
        limit=int(limit or DEFAULT_LIMIT), after=after, newest_first=order != "asc", statuses=statuses
    )
    videos = _take_what_fits([context.describe(job) for job in page.jobs])
    cut = len(videos) < len(page.jobs)
    last = videos[-1]["id"] if cut else page.last_id
    first = videos[0]["id"] if videos else None
    return Response(
        200,
        {"object": "list", "data": videos, "first_id": first, "last_id": last, "has_more": cut or page.has_more},
    )


def _take_what_fits(videos: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first of these, as many as Lambda answers with: prompts may be long."""
    size = 0
    for number, video in enumerate(videos):
        size += len(json.dumps(video))
        if size > MAX_PAGE_BYTES:
            return videos[:number]
    return videos


def get_video(call: Request, context: ApiContext) -> Response:
    """Return one video."""
    return Response(200, context.describe(context.find_job(call)))


def delete_video(call: Request, context: ApiContext) -> Response:
    """Cancel a video, or delete it with its files."""
    job = cancel_or_delete_job(
        context.find_job(call).id,
        repeated=call.repeated,
        jobs=context.jobs,
        outputs=context.outputs,
        inbox=context.inbox,
    )
    deleted = job.status is Status.DELETED
    return Response(
        200, {"id": job.id, "object": "video.deleted", "deleted": deleted, "job": {"status": str(job.status)}}
    )


def get_content(call: Request, context: ApiContext) -> Response:
    """Redirect to a link to one of a video's files."""
    variant = call.query.get("variant") or "video"
    if variant not in VARIANTS:
        raise _unusable("variant", VARIANTS)
    job = context.find_job(call)
    link = _presign_file(job, variant, context)
    return Response(302, headers={"Location": link, "Cache-Control": "no-store"})


def resolve_video(call: Request, context: ApiContext) -> Response:
    """Carry out what a person decided about a video in doubt."""
    told = read_json(call, frozenset({"decision", "video_id"}))
    decision, video_id = told.get("decision"), told.get("video_id") or ""
    if decision not in DECISIONS:
        raise _unusable("decision", DECISIONS)
    if not isinstance(video_id, str) or (decision == "adopt" and not video_id.strip()):
        raise _unusable("video_id", ["the id of the server's video, with the decision adopt"])
    job = context.find_job(call)
    if job.status is not Status.UNCONFIRMED:
        raise JobConflict(
            "video_not_in_doubt", f"The video is {job.status}; there is nothing to decide.", param="video_id"
        )
    submit_queue, track_queue = context.open_queues()
    try:
        job = resolve_job(
            job.id,
            str(decision),
            video_id=video_id,
            jobs=context.jobs,
            ledger=context.ledger,
            submit_queue=submit_queue,
            track_queue=track_queue,
        )
    except ValueError as error:
        raise ParameterRejected("invalid_video_id", f"{error}.", param="video_id") from error
    return Response(200, context.describe(job))


def _presign_file(job: Job, variant: str, context: ApiContext) -> str:
    if variant == "source":
        name = str(job.caller.get("file_name") or job.source.key.rsplit("/", 1)[-1])
        link = context.inbox.presign_get(job.source, seconds=LINK_SECONDS, disposition=_attach(name))
        if link is None:
            raise ResourceNotFound("source_missing", "The picture is not there, or not any more.", param="variant")
        return link
    place: Mapping[str, Any] = job.video if variant == "video" else job.copy
    if not place or (variant == "video" and job.status is not Status.COMPLETED):
        raise JobConflict(
            "video_not_ready",
            f"The video is {job.status}; it "
            + ("ended without this file." if job.status in FINAL else "has no such file yet. Ask again later."),
            param="variant",
        )
    suffix = str(place["key"]).rpartition(".")[2]
    return context.outputs.presign_get(place, seconds=LINK_SECONDS, disposition=_attach(f"{job.id}.{suffix}"))


def _attach(name: str) -> str:
    """Return a Content-Disposition that names a file, in whatever alphabet its name is."""
    # A link goes in a header, and one character may become twelve.
    name = name[:100]
    plain = "".join(character if character.isalnum() and character.isascii() else "_" for character in name)
    plain = name if name.isascii() and all(letter.isalnum() or letter in "._-" for letter in name) else plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _unusable(param: str, allowed: Any) -> ParameterRejected:
    return ParameterRejected(f"invalid_{param}", f"{param} cannot be used. Allowed: {', '.join(allowed)}.", param=param)
