"""The one table of routes. The function, the OpenAPI document and a test of the template read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. `path` is written as in the template; `request` and `response` name schemas of the document.

    `errors` are its error statuses beside 401, 429 and 500, which any request may get. `own` marks an operation that
    OpenAI's API lacks.
    """

    method: str
    path: str
    operation: str
    summary: str
    response: str = ""
    request: str = ""
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    own: bool = False


ROUTES = (
    Route(
        method="POST",
        path="/videos",
        operation="create_video",
        summary="Create a video from a picture of any size and format",
        request="CreateVideo",
        response="Video",
        headers=("Idempotency-Key",),
        errors=(400, 409, 413),
    ),
    Route(
        method="GET",
        path="/videos",
        operation="list_videos",
        summary="List videos, the newest first",
        response="VideoList",
        query=("after", "limit", "order", "status"),
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/videos/{video_id}",
        operation="get_video",
        summary="Get a video",
        response="Video",
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path="/videos/{video_id}",
        operation="delete_video",
        summary="Cancel a video that was not sent, or delete one that has ended, with its files",
        response="DeletedVideo",
        errors=(404, 409),
    ),
    Route(
        method="GET",
        path="/videos/{video_id}/content",
        operation="get_content",
        summary="Redirect to a link to the video, the ready copy or the picture, valid for five minutes",
        query=("variant",),
        errors=(400, 404, 409),
    ),
    Route(
        method="POST",
        path="/videos/{video_id}/resolve",
        operation="resolve_video",
        summary="Decide about an unconfirmed video: nobody knows whether the server made it",
        request="Resolve",
        response="Video",
        errors=(400, 404, 409, 413),
        own=True,
    ),
    Route(method="GET", path="/models", operation="list_models", summary="List the models", response="ModelList"),
    Route(
        method="GET",
        path="/models/{model}",
        operation="get_model",
        summary="Get a model's sizes, lengths and prices",
        response="Model",
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/uploads",
        operation="create_upload",
        summary="Create a video whose picture is then posted to S3 with a presigned form",
        request="CreateUpload",
        response="Upload",
        headers=("Idempotency-Key",),
        errors=(400, 409, 413),
        own=True,
    ),
)
