"""The video server, through the official SDK: any server that speaks OpenAI's Videos API.

The SDK by itself repeats a POST on a timeout, a reset, 408, 409, 429 and 5xx, and follows a redirect with the picture
to another host. Each of those could pay twice, so both are off here, and what an answer means is decided in one place.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, BinaryIO

import boto3
import httpx2
import openai

from sora_ready.adapters.settings import VideoApiSettings
from sora_ready.domain.errors import (
    SettingsError,
    SubmissionNotTaken,
    SubmissionRefused,
    SubmissionUnconfirmed,
    VideoApiError,
    VideoApiUnavailableError,
    VideoCorruptError,
    VideoNotFound,
    VideoTooLargeError,
)
from sora_ready.domain.job import ServerVideo

KEY_LIFETIME_SECONDS = 300
# A server's words are kept in the record up to this many characters.
MAX_WORDS = 2000

# The SDK marks its video methods deprecated since OpenAI's own endpoint closed; the protocol lives on elsewhere.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="sora_ready.adapters.video_api")

_CHUNK = 1 << 20
_KEY_HINT = "Put the right key into the secret that the output VideoApiKeySecret names."
_HINTS = {
    401: f"The server does not accept the API key. {_KEY_HINT}",
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


class VideoApi:
    """One video server. `submit_video` spends money; the others do not."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def submit_video(self, job_id: str, request: Mapping[str, Any], frame: tuple[str, bytes, str]) -> ServerVideo:
        """Ask for a video, once. `frame` is a file name, the bytes and their media type: a nameless part is refused.

        Raises `SubmissionRefused` (it will never be made), `SubmissionNotTaken` (provably not begun, may be sent again)
        or `SubmissionUnconfirmed` (it may have begun).
        """
        try:
            response = self._client.videos.with_raw_response.create(
                prompt=request["prompt"],
                model=request["model"],
                size=request["size"],
                seconds=str(request["seconds"]),  # type: ignore[arg-type]
                input_reference=frame,
                extra_headers={"Idempotency-Key": job_id},
            )
            video = _read_video(response.parse(), response.headers)
        except openai.APIStatusError as error:
            raise _read_refusal(error) from error
        except openai.APIConnectionError as error:
            raise _read_broken_connection(error) from error
        except Exception as error:
            raise SubmissionUnconfirmed("The server's answer could not be read") from error
        if not video.id:
            raise SubmissionUnconfirmed("The server accepted the request without giving an id")
        return video

    def read_video(self, video_id: str) -> ServerVideo:
        """Return how a video is. Raises `VideoNotFound` or `VideoApiUnavailableError`."""
        try:
            response = self._client.videos.with_raw_response.retrieve(video_id)
            # Some servers leave the id out of this answer; it is the one that was asked for.
            return replace(_read_video(response.parse(), response.headers), id=video_id)
        except openai.NotFoundError as error:
            raise _gone("The server no longer knows the video: it expired or was deleted there.") from error
        except (openai.OpenAIError, ValueError) as error:
            raise _unavailable(error) from error

    def download_video(self, video_id: str, file: BinaryIO, *, max_bytes: int) -> None:
        """Write the MP4 to `file`.

        Raises `VideoCorruptError` (cut short), `VideoTooLargeError`, `VideoNotFound` or `VideoApiUnavailableError`.
        """
        try:
            with self._client.videos.with_streaming_response.download_content(video_id) as response:
                promised = response.headers.get("content-length", "")
                received = _copy(response.iter_bytes(_CHUNK), file, max_bytes)
        except openai.NotFoundError as error:
            raise _gone("The server no longer has the video's file.") from error
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise _unavailable(error) from error
        if promised.isdecimal() and int(promised) != received:
            raise VideoCorruptError("video_cut_short", "The server sent only a part of the MP4.", bytes=received)


def open_video_api(base_url: str, api_key: str, *, timeout_seconds: float = 60) -> VideoApi:
    """Return the server at `base_url`, with the SDK's repeats and redirects off and no wait without an end.

    Raises `SettingsError` where the key cannot be sent.
    """
    if not (api_key.isascii() and api_key.isprintable()):
        raise SettingsError("invalid_api_key", f"The server's API key holds characters that no key holds. {_KEY_HINT}")
    client = openai.OpenAI(
        base_url=base_url,
        # Servers without keys take any; the SDK insists on one.
        api_key=api_key or "none",
        max_retries=0,
        timeout=httpx2.Timeout(timeout_seconds, connect=10),
        http_client=openai.DefaultHttpxClient(follow_redirects=False),
    )
    return VideoApi(client)


def connect_video_api(settings: VideoApiSettings) -> VideoApi:
    """Return the stack's server, with the key from its secret, read anew every five minutes: keys change."""
    return _connect(settings, int(time.monotonic() // KEY_LIFETIME_SECONDS))


@lru_cache(maxsize=1)
def _connect(settings: VideoApiSettings, _period: int) -> VideoApi:
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=settings.video_api_key_secret)
    return open_video_api(
        settings.video_api_base_url,
        secret["SecretString"].strip(),
        timeout_seconds=settings.video_api_timeout_seconds,
    )


def _read_video(video: Any, headers: Mapping[str, str]) -> ServerVideo:
    # Servers leave fields out or fill them in their own way, and the SDK lets them: nothing here is taken for granted.
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


def _read_refusal(error: openai.APIStatusError) -> VideoApiError:
    status, code, said = error.status_code, _error_code(error), _server_words(error)
    if status == 429 and code != "insufficient_quota":
        wait = _count(error.response.headers.get("retry-after"))
        return SubmissionNotTaken(code, f"The server asks to wait: {said}", retry_after_seconds=wait)
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


def _read_broken_connection(error: openai.APIConnectionError) -> VideoApiError:
    # Only a connection that was never made proves that the request was not taken.
    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return SubmissionNotTaken(
            "server_unreachable",
            "No connection to the video server could be made.",
            hint="Check VideoApiBaseUrl and that the server is up.",
        )
    return SubmissionUnconfirmed("The connection broke before the server answered")


def _gone(what: str) -> VideoNotFound:
    return VideoNotFound("expired_on_server", what, hint="Upload the picture again to have the video made anew.")


def _unavailable(error: Exception) -> VideoApiUnavailableError:
    status = getattr(error, "status_code", None)
    return VideoApiUnavailableError(
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


def _copy(chunks: Any, file: BinaryIO, max_bytes: int) -> int:
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > max_bytes:
            raise VideoTooLargeError(
                "video_too_large",
                f"The video has more than the {max_bytes:,} bytes that this stack stores.",
                hint="Fetch it from the server, or upload the picture again for fewer seconds or a smaller size.",
                max_bytes=max_bytes,
            )
        file.write(chunk)
    return received


def _whole_number(value: object) -> int | None:
    # What is no number, or none that anything here counts to, is as good as left out.
    return int(value) if isinstance(value, int | float) and abs(value) < 10**15 else None


def _count(header: str | None) -> int | None:
    # Ten digits are more than anybody waits for, and less than trips over a conversion.
    return int(header[:10]) if header and header.isascii() and header.isdecimal() else None


def _text(value: object) -> str | None:
    return value[:MAX_WORDS] if isinstance(value, str) and value else None
