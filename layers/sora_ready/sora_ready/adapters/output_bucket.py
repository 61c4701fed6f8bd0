"""The output bucket: ready copies (`ready/<job>-<hash>.jpg`) and videos (`videos/<job>.mp4`)."""

from __future__ import annotations

import hashlib
import re
from io import BufferedRandom, BytesIO
from typing import TYPE_CHECKING

from sora_ready.domain.job import ReadyCopy, StoredVideo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from sora_ready.domain.imaging import ReadyImage

READY_PREFIX = "ready/"
VIDEO_PREFIX = "videos/"

_READY_KEY = re.compile(re.escape(READY_PREFIX) + r"(video_[0-9a-f]{32})-[0-9a-f]{12}\.\w+")
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class OutputBucket:
    """The output bucket of one stack."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self.name = name

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> ReadyCopy:
        """Save the frame and return what the job's record says of it.

        The key contains the content's hash: two deliveries of one event that saw different tags don't overwrite each
        other, and only the copy that the record names is ever sent.
        """
        digest = hashlib.sha256(ready.data).hexdigest()
        key = f"{READY_PREFIX}{job_id}-{digest[:12]}.{_SUFFIXES[ready.content_type]}"
        self._client.put_object(Bucket=self.name, Key=key, Body=ready.data, ContentType=ready.content_type)
        return ReadyCopy(
            bucket=self.name,
            key=key,
            content_type=ready.content_type,
            width=ready.size.width,
            height=ready.size.height,
            mode=str(ready.mode),
            background=str(ready.background),
            region=tuple(ready.region),
            bytes=len(ready.data),
            sha256=digest,
        )

    def read_ready_copy(self, key: str) -> bytes:
        """Return the bytes of a ready copy."""
        return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put_video(self, job_id: str, file: BufferedRandom | BytesIO, *, length: int) -> StoredVideo:
        """Store a checked MP4 of this length in bytes, in parts if it is large."""
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        key = f"{VIDEO_PREFIX}{job_id}.mp4"
        self._client.upload_fileobj(file, self.name, key, ExtraArgs={"ContentType": "video/mp4"})
        return StoredVideo(self.name, key, "video/mp4", length, digest)

    def delete_files(self, job_id: str, video: StoredVideo | None) -> None:
        """Delete a job's video and all its ready copies, on record or not."""
        listed = self._client.list_objects_v2(Bucket=self.name, Prefix=f"{READY_PREFIX}{job_id}-")
        keys = [entry["Key"] for entry in listed.get("Contents", [])] + ([video.key] if video else [])
        for key in keys:
            self._client.delete_object(Bucket=self.name, Key=key)

    def presign_get(self, key: str, *, seconds: int, disposition: str) -> str:
        """Return a link to a file, valid for so many seconds."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self.name, "Key": key, "ResponseContentDisposition": disposition},
            ExpiresIn=seconds,
        )


def job_id_of_ready_key(key: str) -> str | None:
    """Return the id of the job whose ready copy has this key, None for any other key."""
    match = _READY_KEY.fullmatch(key)
    return match[1] if match else None
