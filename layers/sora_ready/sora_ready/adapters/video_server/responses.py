"""What a video server's answers mean.

Servers leave fields out or fill them in their own way, and the SDK lets them: nothing here is taken for granted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx2
import openai

from sora_ready.domain.errors import (
    SubmissionNotAcceptedError,
    SubmissionRefused,
    SubmissionUnconfirmed,
    VideoListUnsupported,
    VideoNotFound,
    VideoServerError,
    VideoServerUnavailableError,
)
from sora_ready.domain.job import ServerVideo
from sora_ready.domain.reconciliation import ListedVideo

# A server's words are kept in the record up to this many characters.
MAX_WORDS = 2000

KEY_HINT = "Put the right key into the secret that the output VideoApiKeySecret names."
_HINTS = {
    401: f"The server does not accept the API key. {KEY_HINT}",
    402: "The account at the server has no credit left: top it up and upload the picture again.",
    403: "The server does not allow this key to make such a video: check the account's rights and model access.",
    404: "The server has no such route or model: check VideoApiBaseUrl (it usually ends in /v1) and the model's name.",
    413: "The server takes no picture of this many bytes.",
}
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CODE_HINTS = {
    "moderation_blocked": "The server's moderation refused the picture or the prompt: change them and upload again.",
    "insufficient_quota": "The account at the server has no credit left: top it up and upload the picture again.",
}
_HINT = (
    "Compare model, size and seconds with what the server takes (parameter VideoModels), then upload the picture again."
)
# 408 and 409 say that the server may have begun; 429 says that it has not.
_MAYBE_TAKEN = {408, 409}


def read_answer(video: Any, headers: Mapping[str, str]) -> ServerVideo:
    """Return what the server's answer about one video says."""
    error = getattr(video, "error", None)
    return ServerVideo(
        id=str(getattr(video, "id", None) or ""),
        status=str(getattr(video, "status", None) or "unknown"),
        progress=_whole_number(getattr(video, "progress", None)),
        error_code=_text(getattr(error, "code", None)),
        error_message=_text(error) or _text(getattr(error, "message", None)),
        expires_at=_whole_number(getattr(video, "expires_at", None)),
        poll_after_ms=_count(headers.get("openai-poll-after-ms")),
    )


def read_page(page: Any, limit: int) -> tuple[list[ListedVideo], bool]:
    """Return the videos of one page of a list, and whether there is more; `limit` is how many were asked for.

    Raises `VideoListUnsupported` where it is no page.
    """
    entries = page.get("data") if isinstance(page, Mapping) else None
    if not isinstance(entries, list):
        raise VideoListUnsupported("no_list", "What the server answers for its list is none.")
    listed = [_read_listed(entry) for entry in entries if isinstance(entry, Mapping)]
    # A full page of a server that does not say whether there is more may not be the last.
    return [video for video in listed if video.id], bool(page.get("has_more", len(entries) >= limit))


def is_past(videos: Sequence[ListedVideo], since: datetime) -> bool:
    """Tell whether a page reaches beyond `since`, newest first: then nothing that matters comes after it.

    A server that lists in another order than it was asked for is read to its end.
    """
    made = [video.created_at for video in videos if video.created_at is not None]
    return bool(made) and made == sorted(made, reverse=True) and made[-1] < since.timestamp()


def _read_listed(entry: Mapping[str, Any]) -> ListedVideo:
    words = {name: entry.get(name) for name in ("model", "size", "seconds", "prompt")}
    return ListedVideo(
        id=str(entry.get("id") or ""),
        created_at=_whole_number(entry.get("created_at")),
        **{name: str(word) if isinstance(word, str | int) else None for name, word in words.items()},
    )


def read_refusal(error: openai.APIStatusError) -> VideoServerError:
    """Return what it means that a submission was answered with an HTTP status other than 2xx."""
    status, code, said = error.status_code, _error_code(error), _server_words(error)
    if status == 429 and code != "insufficient_quota":
        wait = _count(error.response.headers.get("retry-after"))
        return SubmissionNotAcceptedError(code, f"The server asks to wait: {said}", retry_after_seconds=wait)
    if status >= 500 or status < 400 or status in _MAYBE_TAKEN:
        return SubmissionUnconfirmed(f"The server answered {status}: {said}")
    return SubmissionRefused(code, said, hint=_CODE_HINTS.get(code) or _HINTS.get(status, _HINT), http_status=status)


def _error_code(error: openai.APIStatusError) -> str:
    """Return the server's code for its refusal where it gave a word, else the HTTP status as one."""
    # A tuple: what a server puts there may be of any kind, lists among them.
    if "insufficient_quota" in (error.code, error.type):
        return "insufficient_quota"
    code = error.code if isinstance(error.code, str) else ""
    return code if _CODE.fullmatch(code) else f"http_{error.status_code}"


def read_broken_connection(error: openai.APIConnectionError) -> VideoServerError:
    """Return what it means that a submission was not answered."""
    # Only a connection that was never made proves that the request was not taken.
    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return SubmissionNotAcceptedError(
            "server_unreachable",
            "No connection to the video server could be made.",
            hint="Check VideoApiBaseUrl and that the server is up.",
        )
    return SubmissionUnconfirmed("The connection broke before the server answered")


def gone(what: str) -> VideoNotFound:
    """Return the error for a video that the server has no longer; `what` says so."""
    return VideoNotFound("expired_on_server", what, hint="Upload the picture again to have the video made anew.")


def unavailable(error: Exception) -> VideoServerUnavailableError:
    """Return the error for a look that was not answered as it should be."""
    status = getattr(error, "status_code", None)
    return VideoServerUnavailableError(
        f"http_{status}" if status else "server_unreachable",
        f"The video server answered {status}." if status else "The video server could not be reached.",
        hint=_HINTS.get(status) if status in {401, 403} else None,
    )


def _server_words(error: openai.APIStatusError) -> str:
    """Return the server's own sentence: `error.message` of OpenAI's JSON, or what another server put in its place."""
    body = error.body
    if isinstance(body, Mapping):
        said = next((body[name] for name in ("message", "detail", "error") if body.get(name)), None)
        if isinstance(said, list):
            # FastAPI's way of saying what is wrong with which field.
            said = "; ".join(str(part.get("msg", part)) if isinstance(part, Mapping) else str(part) for part in said)
        if said:
            return str(said)[:MAX_WORDS]
    if isinstance(body, str) and body.strip():
        return body.strip()[:MAX_WORDS]
    return (error.response.text.strip() or f"HTTP {error.status_code}")[:MAX_WORDS]


def _whole_number(value: object) -> int | None:
    # What is no number, or none that anything here counts to, is as good as left out.
    return int(value) if isinstance(value, int | float) and abs(value) < 10**15 else None


def _count(header: str | None) -> int | None:
    # Ten digits are more than anybody waits for, and less than trips over a conversion.
    return int(header[:10]) if header and header.isascii() and header.isdecimal() else None


def _text(value: object) -> str | None:
    return value[:MAX_WORDS] if isinstance(value, str) and value else None
