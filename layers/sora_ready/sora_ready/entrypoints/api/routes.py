"""The one table of routes. The function, the OpenAPI document and a test of the template read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `path` is as the template writes it; `request` and `answer` name schemas of the document.

    `errors` are the statuses beside 401, 429 and 500, which any call may be answered with.
    """

    method: str
    path: str
    operation: str
    summary: str
    answer: str
    request: str = ""
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    own: bool = False
    """Whether OpenAI's API has no such operation."""


ROUTES = (
    Route(
        "POST",
        "/videos",
        "create_video",
        "Make a video of a picture of any size or kind",
        answer="Video",
        request="CreateVideo",
        headers=("Idempotency-Key",),
        errors=(400, 409, 413),
    ),
    Route(
        "GET",
        "/videos",
        "list_videos",
        "List videos, the newest first",
        answer="VideoList",
        query=("after", "limit", "order", "status"),
        errors=(400,),
    ),
    Route("GET", "/videos/{video_id}", "get_video", "Tell how a video is", answer="Video", errors=(404,)),
    Route(
        "DELETE",
        "/videos/{video_id}",
        "delete_video",
        "Cancel a video that was not sent, or delete one that has ended, files included",
        answer="DeletedVideo",
        errors=(404, 409),
    ),
    Route(
        "GET",
        "/videos/{video_id}/content",
        "get_content",
        "Redirect to a link, good for five minutes, to the video, the copy that was sent, or the picture",
        answer="",
        query=("variant",),
        errors=(400, 404, 409),
    ),
    Route(
        "POST",
        "/videos/{video_id}/resolve",
        "resolve_video",
        "Decide about a video of which nobody knows whether it was begun",
        answer="Video",
        request="Resolve",
        errors=(400, 404, 409, 413),
        own=True,
    ),
    Route("GET", "/models", "list_models", "List the models that can be asked for", answer="ModelList"),
    Route("GET", "/models/{model}", "get_model", "Tell what a model takes and costs", answer="Model", errors=(404,)),
    Route(
        "POST",
        "/uploads",
        "create_upload",
        "Ask for a video whose picture is posted to S3 afterwards, by a form",
        answer="Upload",
        request="CreateUpload",
        headers=("Idempotency-Key",),
        errors=(400, 409, 413),
        own=True,
    ),
)
