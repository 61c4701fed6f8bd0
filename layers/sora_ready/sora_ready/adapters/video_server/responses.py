"""Reads the video server's responses: videos, pages of its list, refusals, broken connections.

Servers leave fields out or fill them with other types, and the SDK lets them. Every field is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx2
import openai

from sora_ready.adapters.video_server.messages import ServerResponse
from sora_ready.domain.errors import (
    SubmissionNotAcceptedError,
    SubmissionRefused,
    SubmissionUnconfirmed,
    VideoListUnsupported,
    VideoServerError,
    VideoServerUnavailableError,
)
from sora_ready.domain.job import ServerVideo
from sora_ready.domain.reconciliation import ListedVideo

# The record keeps this many characters of a server's message.
MAX_MESSAGE_LENGTH = 2000

KEY_HINT = "Put the right key into the secret that the output VideoApiKeySecret names."
_CREDIT_HINT = "The account at the server has no credit left: top it up and upload the picture again."
_STATUS_HINTS = {
    401: f"The server does not accept the API key. {KEY_HINT}",
    402: _CREDIT_HINT,
    403: "The server does not allow this key to make such a video: check the account's rights and model access.",
    404: "The server has no such route or model: check VideoApiBaseUrl (it usually ends in /v1) and the model's name.",
    413: "The picture has more bytes than the server accepts.",
}
_CODE_HINTS = {
    "moderation_blocked": "The server's moderation refused the picture or the prompt: change them and upload again.",
    "insufficient_quota": _CREDIT_HINT,
}
_DEFAULT_HINT = (
    "Compare model, size and seconds with what the server takes (parameter VideoModels), then upload the picture again."
)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
# A timeout and a conflict: the server may have started the video all the same.
_UNCONFIRMED_STATUSES = {408, 409}


def read_response(video: object, headers: Mapping[str, str]) -> ServerResponse:
    """Read a response about one video; `video` is what the SDK made of its body."""
    error = getattr(video, "error", None)
    return ServerResponse(
        ServerVideo(
            id=str(getattr(video, "id", None) or ""),
            status=str(getattr(video, "status", None) or "unknown"),
            progress=_whole_number(getattr(video, "progress", None)),
            expires_at=_whole_number(getattr(video, "expires_at", None)),
        ),
        error_code=_text(getattr(error, "code", None)),
        error_message=_text(error) or _text(getattr(error, "message", None)),
        poll_after_ms=_header_number(headers.get("openai-poll-after-ms")),
    )


def read_page(page: object, limit: int) -> tuple[list[ListedVideo], bool]:
    """Return the videos of one page of a list, and whether there are more; `limit` is how many were requested.

    Raises `VideoListUnsupported` if `page` isn't a page of videos.
    """
    entries = page.get("data") if isinstance(page, Mapping) else None
    if not isinstance(page, Mapping) or not isinstance(entries, list):
        raise VideoListUnsupported("no_list", "The server's response to a request for its list is not a list.")
    listed = [
        ListedVideo(
            id=str(entry.get("id") or ""),
            created_at=_whole_number(entry.get("created_at")),
            **{name: _word(entry.get(name)) for name in ("model", "size", "seconds", "prompt")},
        )
        for entry in entries
        if isinstance(entry, Mapping)
    ]
    # Without `has_more`, a full page may not be the last.
    return [video for video in listed if video.id], bool(page.get("has_more", len(entries) >= limit))


def reaches_back_to(videos: Sequence[ListedVideo], since: datetime) -> bool:
    """Tell whether a page, newest first, reaches back beyond `since`, so that later pages hold older videos only.

    A server that ignores the requested order is read to its end.
    """
    times = [video.created_at for video in videos if video.created_at is not None]
    return bool(times) and times == sorted(times, reverse=True) and times[-1] < since.timestamp()


def refusal_error(error: openai.APIStatusError) -> VideoServerError:
    """Return what a response other than 2xx means for a submission."""
    status, code, message = error.status_code, _error_code(error), _server_message(error)
    if status == 429 and code != "insufficient_quota":
        wait = _header_number(error.response.headers.get("retry-after"))
        return SubmissionNotAcceptedError(code, f"The server asks to wait: {message}", retry_after_seconds=wait)
    if status >= 500 or status < 400 or status in _UNCONFIRMED_STATUSES:
        return SubmissionUnconfirmed(f"The server answered {status}: {message}")
    hint = _CODE_HINTS.get(code) or _STATUS_HINTS.get(status, _DEFAULT_HINT)
    return SubmissionRefused(code, message, hint=hint, http_status=status)


def _error_code(error: openai.APIStatusError) -> str:
    """Return the server's error code if it is a word, else the HTTP status as one."""
    # A tuple, because a list or an object, which some servers put there, has no hash.
    if "insufficient_quota" in (error.code, error.type):
        return "insufficient_quota"
    code = error.code if isinstance(error.code, str) else ""
    return code if _CODE.fullmatch(code) else f"http_{error.status_code}"


def connection_error(error: openai.APIConnectionError) -> VideoServerError:
    """Return what it means for a submission that it got no response."""
    # Only a connection that was never made proves that the server did not receive the request.
    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return SubmissionNotAcceptedError(
            "server_unreachable",
            "No connection to the video server could be made.",
            hint="Check VideoApiBaseUrl and that the server is up.",
        )
    return SubmissionUnconfirmed("The connection broke before the server answered")


def unavailable_error(error: Exception) -> VideoServerUnavailableError:
    """Return the error for a poll, list or download that failed."""
    status = getattr(error, "status_code", None)
    return VideoServerUnavailableError(
        f"http_{status}" if status else "server_unreachable",
        f"The video server answered {status}." if status else "The video server could not be reached.",
        hint=_STATUS_HINTS.get(status) if status in {401, 403} else None,
    )


def _server_message(error: openai.APIStatusError) -> str:
    """Return the server's own sentence: `error.message` of OpenAI's JSON, or what another server has in its place."""
    body = error.body
    if isinstance(body, Mapping):
        message = next((body[name] for name in ("message", "detail", "error") if body.get(name)), None)
        if isinstance(message, list):
            # FastAPI lists each invalid field.
            parts = (part.get("msg", part) if isinstance(part, Mapping) else part for part in message)
            message = "; ".join(map(str, parts))
        if message:
            return str(message)[:MAX_MESSAGE_LENGTH]
    if isinstance(body, str) and body.strip():
        return body.strip()[:MAX_MESSAGE_LENGTH]
    return (error.response.text.strip() or f"HTTP {error.status_code}")[:MAX_MESSAGE_LENGTH]


def _whole_number(value: object) -> int | None:
    # NaN, infinity and numbers too large for the table count as left out.
    return int(value) if isinstance(value, int | float) and abs(value) < 10**15 else None


def _header_number(header: str | None) -> int | None:
    # The first ten digits are enough: int() refuses a text of thousands.
    return int(header[:10]) if header and header.isascii() and header.isdecimal() else None


def _text(value: object) -> str | None:
    return value[:MAX_MESSAGE_LENGTH] if isinstance(value, str) and value else None


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) else None
