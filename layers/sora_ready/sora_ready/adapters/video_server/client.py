"""The video server, through the official SDK: any server that speaks OpenAI's Videos API.

The SDK by itself repeats a POST on a timeout, a reset, 408, 409, 429 and 5xx, and follows a redirect with the picture
to another host. Each of those could pay twice, so both are off here; `video_answers` decides what an answer means.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, BinaryIO

import boto3
import httpx2
import openai

from sora_ready.adapters.video_server.responses import (
    KEY_HINT,
    gone,
    is_past,
    read_answer,
    read_broken_connection,
    read_page,
    read_refusal,
    unavailable,
)
from sora_ready.domain.errors import (
    SettingsError,
    SubmissionUnconfirmed,
    VideoCorruptError,
    VideoListUnsupported,
    VideoTooLargeError,
)
from sora_ready.domain.job import ServerVideo
from sora_ready.domain.reconciliation import ListedVideo
from sora_ready.entrypoints.settings import VideoServerSettings

KEY_LIFETIME_SECONDS = 300
# Far beyond what one account begins within minutes.
LIST_LIMIT = 100
LIST_PAGES = 20

# The SDK marks its video methods deprecated since OpenAI's own endpoint closed; the protocol lives on elsewhere.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="sora_ready.adapters.video_server.client")

_CHUNK = 1 << 20


class VideoServerClient:
    """One video server. `submit_video` spends money; the others do not."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def submit_video(self, job_id: str, request: Mapping[str, Any], frame: tuple[str, bytes, str]) -> ServerVideo:
        """Ask for a video, once. `frame` is a file name, the bytes and their media type: a nameless part is refused.

        Raises `SubmissionRefused` (it will never be made), `SubmissionNotAcceptedError` (provably not begun, may be sent again)
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
            video = read_answer(response.parse(), response.headers)
        except openai.APIStatusError as error:
            raise read_refusal(error) from error
        except openai.APIConnectionError as error:
            raise read_broken_connection(error) from error
        except Exception as error:
            raise SubmissionUnconfirmed("The server's answer could not be read") from error
        if not video.id:
            raise SubmissionUnconfirmed("The server accepted the request without giving an id")
        return video

    def list_videos(self, since: datetime) -> list[ListedVideo]:
        """Return the server's videos that were begun at or after `since`, and those of which it does not say when.

        Raises `VideoListUnsupported` where there is no list or no end to it, and `VideoServerUnavailableError`.
        """
        found: dict[str, ListedVideo] = {}
        after: str | None = None
        for _ in range(LIST_PAGES):
            videos, more = self._read_page(after)
            fresh = {video.id: video for video in videos if video.id not in found}
            found |= fresh
            if more and not fresh:
                # It heeds no `after`: what it has beyond this page cannot be known.
                break
            if not more or is_past(videos, since):
                wanted = since.timestamp()
                return [video for video in found.values() if video.created_at is None or video.created_at >= wanted]
            after = videos[-1].id
        raise VideoListUnsupported("list_too_long", "The server's list is too long to be read to its end.")

    def _read_page(self, after: str | None) -> tuple[list[ListedVideo], bool]:
        options: Any = {"limit": LIST_LIMIT, "order": "desc"} | ({"after": after} if after else {})
        try:
            response = self._client.videos.with_raw_response.list(**options)
            return read_page(response.http_response.json(), LIST_LIMIT)
        except openai.APIStatusError as error:
            if error.status_code in {404, 405, 501}:
                raise VideoListUnsupported("no_list", "The server offers no list of its videos.") from error
            raise unavailable(error) from error
        except (openai.OpenAIError, ValueError) as error:
            raise unavailable(error) from error

    def read_video(self, video_id: str) -> ServerVideo:
        """Return how a video is. Raises `VideoNotFound` or `VideoServerUnavailableError`."""
        try:
            response = self._client.videos.with_raw_response.retrieve(video_id)
            # Some servers leave the id out of this answer; it is the one that was asked for.
            return replace(read_answer(response.parse(), response.headers), id=video_id)
        except openai.NotFoundError as error:
            raise gone("The server no longer knows the video: it expired or was deleted there.") from error
        except (openai.OpenAIError, ValueError) as error:
            raise unavailable(error) from error

    def download_video(self, video_id: str, file: BinaryIO, *, max_bytes: int) -> None:
        """Write the MP4 to `file`.

        Raises `VideoCorruptError` (cut short), `VideoTooLargeError`, `VideoNotFound` or `VideoServerUnavailableError`.
        """
        try:
            with self._client.videos.with_streaming_response.download_content(video_id) as response:
                promised = response.headers.get("content-length", "")
                received = _copy(response.iter_bytes(_CHUNK), file, max_bytes)
        except openai.NotFoundError as error:
            raise gone("The server no longer has the video's file.") from error
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise unavailable(error) from error
        if promised.isdecimal() and int(promised) != received:
            raise VideoCorruptError("video_cut_short", "The server sent only a part of the MP4.", bytes=received)


def open_video_server(base_url: str, api_key: str, *, timeout_seconds: float = 60) -> VideoServerClient:
    """Return the server at `base_url`, with the SDK's repeats and redirects off and no wait without an end.

    Raises `SettingsError` where the key cannot be sent.
    """
    if not (api_key.isascii() and api_key.isprintable()):
        raise SettingsError("invalid_api_key", f"The server's API key holds characters that no key holds. {KEY_HINT}")
    client = openai.OpenAI(
        base_url=base_url,
        # Servers without keys take any; the SDK insists on one.
        api_key=api_key or "none",
        max_retries=0,
        timeout=httpx2.Timeout(timeout_seconds, connect=10),
        http_client=openai.DefaultHttpxClient(follow_redirects=False),
    )
    return VideoServerClient(client)


def connect_video_server(settings: VideoServerSettings) -> VideoServerClient:
    """Return the stack's server, with the key from its secret, read anew every five minutes: keys change."""
    return _connect(settings, int(time.monotonic() // KEY_LIFETIME_SECONDS))


@lru_cache(maxsize=1)
def _connect(settings: VideoServerSettings, _period: int) -> VideoServerClient:
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=settings.video_api_key_secret)
    return open_video_server(
        settings.video_api_base_url,
        secret["SecretString"].strip(),
        timeout_seconds=settings.video_api_timeout_seconds,
    )


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
