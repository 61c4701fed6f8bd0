"""A client of the video server, through the official SDK.

By default the SDK repeats a POST on a timeout, a reset, 408, 409, 429 and 5xx, and follows a redirect to another host
with the picture. Each of those could pay twice, so both are off. `responses` decides what a response means.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, cast

import boto3
import httpx2
import openai

from sora_ready.adapters.video_server.messages import Frame, ServerResponse, VideoServerConnection
from sora_ready.adapters.video_server.responses import (
    KEY_HINT,
    connection_error,
    reaches_back_to,
    read_page,
    read_response,
    refusal_error,
    unavailable_error,
)
from sora_ready.domain.errors import (
    ServerVideoNotFound,
    SettingsError,
    SubmissionUnconfirmed,
    VideoCorruptError,
    VideoListUnsupported,
    VideoTooLargeError,
)
from sora_ready.domain.job import JobRequest
from sora_ready.domain.reconciliation import ListedVideo

if TYPE_CHECKING:
    from openai.types import VideoSeconds, VideoSize

KEY_LIFETIME_SECONDS = 300
# Far more videos than one account submits within minutes.
LIST_LIMIT = 100
LIST_PAGES = 20

# The SDK deprecated its video methods when OpenAI closed its own endpoint. Other servers still speak the protocol.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="sora_ready.adapters.video_server.client")

_CHUNK_BYTES = 1 << 20


class VideoServerClient:
    """One video server. `submit_video` spends money; the other methods don't."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def submit_video(self, job_id: str, request: JobRequest, frame: Frame) -> ServerResponse:
        """Submit a job, once.

        Raises `SubmissionRefused` (it will never be made), `SubmissionNotAcceptedError` (nothing was started; it may be
        sent again) or `SubmissionUnconfirmed` (it may have been started).
        """
        try:
            response = self._client.videos.with_raw_response.create(
                prompt=request.prompt,
                model=request.model,
                # The SDK's types know OpenAI's own sizes and lengths only.
                size=cast("VideoSize", request.size),
                seconds=cast("VideoSeconds", str(request.seconds)),
                input_reference=(frame.file_name, frame.data, frame.content_type),
                extra_headers={"Idempotency-Key": job_id},
            )
            submitted = read_response(response.parse(), response.headers)
        except openai.APIStatusError as error:
            raise refusal_error(error) from error
        except openai.APIConnectionError as error:
            raise connection_error(error) from error
        except Exception as error:
            raise SubmissionUnconfirmed("The server's response could not be read") from error
        if not submitted.video.id:
            raise SubmissionUnconfirmed("The server accepted the request and returned no id")
        return submitted

    def list_videos(self, since: datetime) -> list[ListedVideo]:
        """Return the server's videos created at or after `since`, and those without a creation time.

        Raises `VideoListUnsupported` if there is no list or it can't be read to its end, and
        `VideoServerUnavailableError`.
        """
        found: dict[str, ListedVideo] = {}
        after: str | None = None
        for _ in range(LIST_PAGES):
            videos, has_more = self._read_page(after)
            new = {video.id: video for video in videos if video.id not in found}
            found |= new
            if has_more and not new:
                # The server ignores `after`, so the rest of its list can't be read.
                break
            if not has_more or reaches_back_to(videos, since):
                start = since.timestamp()
                return [video for video in found.values() if video.created_at is None or video.created_at >= start]
            after = videos[-1].id
        raise VideoListUnsupported("list_too_long", "The server's list is too long to be read to its end.")

    def _read_page(self, after: str | None) -> tuple[list[ListedVideo], bool]:
        try:
            response = self._client.videos.with_raw_response.list(
                limit=LIST_LIMIT, order="desc", after=after or openai.omit
            )
            return read_page(response.http_response.json(), LIST_LIMIT)
        except openai.APIStatusError as error:
            if error.status_code in {404, 405, 501}:
                raise VideoListUnsupported("no_list", "The server offers no list of its videos.") from error
            raise unavailable_error(error) from error
        except (openai.OpenAIError, ValueError) as error:
            raise unavailable_error(error) from error

    def read_video(self, video_id: str) -> ServerResponse:
        """Return the video's state. Raises `ServerVideoNotFound` or `VideoServerUnavailableError`."""
        with _translated_errors("The server no longer has the video: it expired or was deleted there."):
            raw = self._client.videos.with_raw_response.retrieve(video_id)
            response = read_response(raw.parse(), raw.headers)
        # Some servers leave the id out of this response.
        return replace(response, video=replace(response.video, id=video_id))

    def download_video(self, video_id: str, file: BinaryIO, *, max_bytes: int) -> None:
        """Write the MP4 to `file`.

        Raises `VideoCorruptError` (cut short), `VideoTooLargeError`, `ServerVideoNotFound` and
        `VideoServerUnavailableError`.
        """
        with (
            _translated_errors("The server no longer has the video's file."),
            self._client.videos.with_streaming_response.download_content(video_id) as response,
        ):
            length = response.headers.get("content-length", "")
            received = _copy(response.iter_bytes(_CHUNK_BYTES), file, max_bytes)
        if length.isdecimal() and int(length) != received:
            raise VideoCorruptError("video_cut_short", "The server sent only a part of the MP4.", bytes=received)


def open_video_server(base_url: str, api_key: str, *, timeout_seconds: float = 60) -> VideoServerClient:
    """Return a client of the server at `base_url`, without the SDK's retries and redirects.

    Raises `SettingsError` if the key can't be sent in a header.
    """
    if not (api_key.isascii() and api_key.isprintable()):
        raise SettingsError(
            "invalid_api_key", f"The server's API key has characters that can't be sent in a header. {KEY_HINT}"
        )
    client = openai.OpenAI(
        base_url=base_url,
        # The SDK requires a key, even for a server that has none.
        api_key=api_key or "none",
        max_retries=0,
        timeout=httpx2.Timeout(timeout_seconds, connect=10),
        http_client=openai.DefaultHttpxClient(follow_redirects=False),
    )
    return VideoServerClient(client)


def connect_video_server(connection: VideoServerConnection) -> VideoServerClient:
    """Return a client of the stack's server. Its key is read from the secret again every five minutes."""
    return _connect(connection, int(time.monotonic() // KEY_LIFETIME_SECONDS))


@lru_cache(maxsize=1)
def _connect(connection: VideoServerConnection, _period: int) -> VideoServerClient:
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=connection.key_secret)
    return open_video_server(
        connection.base_url, secret["SecretString"].strip(), timeout_seconds=connection.timeout_seconds
    )


@contextmanager
def _translated_errors(not_found: str) -> Iterator[None]:
    """Raise the SDK's errors as `ServerVideoNotFound`, with this message, or `VideoServerUnavailableError`."""
    try:
        yield
    except openai.NotFoundError as error:
        hint = "Upload the picture again to make the video again."
        raise ServerVideoNotFound("expired_on_server", not_found, hint=hint) from error
    except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
        raise unavailable_error(error) from error


def _copy(chunks: Iterator[bytes], file: BinaryIO, max_bytes: int) -> int:
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
