"""The one table of routes. The function, the OpenAPI document and a test of the template read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """One operation. `path` is written as in the template; `request` and `response` name schemas of the document.

    `errors` are its error statuses beside 401, 429 and 500, which any request may get. `own` marks an operation that
    OpenAI's API lacks.
    """

    method: str
    path: str
    operation: str
    summary: str
    response: str
    request: str = ""
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    own: bool = False


ROUTES = (
    Route(
        "POST",
        "/videos",
        "create_video",
        "Create a video from a picture of any size and format",
        "Video",
        request="CreateVideo",
        headers=("Idempotency-Key",),
        errors=(400, 409, 413),
    ),
    Route(
        "GET",
        "/videos",
        "list_videos",
        "List videos, the newest first",
        "VideoList",
        query=("after", "limit", "order", "status"),
        errors=(400,),
    ),
    Route("GET", "/videos/{video_id}", "get_video", "Get a video", "Video", errors=(404,)),
    Route(
        "DELETE",
        "/videos/{video_id}",
        "delete_video",
        "Cancel a video that was not sent, or delete one that has ended, with its files",
        "DeletedVideo",
        errors=(404, 409),
    ),
    Route(
        "GET",
        "/videos/{video_id}/content",
        "get_content",
        "Redirect to a link to the video, the ready copy or the picture, valid for five minutes",
        "",
        query=("variant",),
        errors=(400, 404, 409),
    ),
    Route(
        "POST",
        "/videos/{video_id}/resolve",
        "resolve_video",
        "Decide about an unconfirmed video: nobody knows whether the server made it",
        "Video",
        request="Resolve",
        errors=(400, 404, 409, 413),
        own=True,
    ),
    Route("GET", "/models", "list_models", "List the models", "ModelList"),
    Route("GET", "/models/{model}", "get_model", "Get a model's sizes, lengths and prices", "Model", errors=(404,)),
    Route(
        "POST",
        "/uploads",
        "create_upload",
        "Create a video whose picture is then posted to S3 with a presigned form",
        "Upload",
        request="CreateUpload",
        headers=("Idempotency-Key",),
        errors=(400, 409, 413),
        own=True,
    ),
)
