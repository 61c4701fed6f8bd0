"""The two buckets: uploads are read, copies and videos are written. Two, so the pipeline can never feed itself."""

from __future__ import annotations

import email.errors
import email.header
import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from sora_ready.domain.errors import SourceRejected
from sora_ready.domain.job import SourceObject, whole_seconds
from sora_ready.domain.request import decode_metadata
from sora_ready.entrypoints.s3_events import read_version

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from sora_ready.domain.imaging.normalize import ReadyImage

READY_PREFIX = "ready/"
VIDEO_PREFIX = "videos/"

_READY_KEY = re.compile(re.escape(READY_PREFIX) + r"(video_[0-9a-f]{32})-[0-9a-f]{12}\.\w+")
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
# A version that marks a deletion answers 405. A HEAD has no body, so its errors are known by their number alone.
_GONE = {"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "MethodNotAllowed", "404", "405"}
_READS = {"HeadObject", "GetObject", "GetObjectTagging"}


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded object, opened and not yet read: its length in bytes, its metadata decoded, its number of tags."""

    body: BinaryIO
    length: int
    metadata: dict[str, str]
    tag_count: int


class UploadBucket:
    """Reads what was dropped, in whichever bucket the event names."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def open_upload(self, source: SourceObject) -> Upload:
        """Open exactly the announced object. Raises `SourceRejected` (`source_missing`, `source_replaced`)."""
        # With no version to ask for, the ETag makes sure that this is the upload the event spoke of.
        exactly: dict[str, Any] = {"IfMatch": source.etag} if source.etag else {}
        if source.version_id:
            exactly = {"VersionId": source.version_id}
        try:
            answer = self._client.get_object(Bucket=source.bucket, Key=source.key, **exactly)
        except ClientError as error:
            raise _source_rejected(error, source) from error
        return Upload(
            body=answer["Body"],  # type: ignore[arg-type]
            length=answer["ContentLength"],
            metadata={name: _decode(value) for name, value in answer["Metadata"].items()},
            tag_count=answer.get("TagCount", 0),
        )

    def find_upload(self, bucket: str, key: str, version_id: str | None = None) -> SourceObject:
        """Return what lies under a key (in this version), less the sequencer that only its upload's event knows.

        Raises `SourceRejected` (`source_missing`, `source_archived`, `source_unreadable`).
        """
        exactly: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        try:
            found = self._client.head_object(Bucket=bucket, Key=key, **exactly)
        except ClientError as error:
            raise _not_found(error, key) from error
        if is_archived(found):
            raise SourceRejected(
                "source_archived", "The object is archived. Restore it, then ask for it again.", key=key
            )
        version = read_version(found.get("VersionId"))
        # A version names its upload by itself.
        modified = None if version else whole_seconds(found["LastModified"])
        return SourceObject(bucket, key, found["ETag"].strip('"'), version, modified=modified)

    def read_tags(self, source: SourceObject) -> dict[str, str]:
        """Return the object's tags. Raises `SourceRejected` where the object has gone meanwhile."""
        exactly: dict[str, Any] = {"VersionId": source.version_id} if source.version_id else {}
        try:
            answer = self._client.get_object_tagging(Bucket=source.bucket, Key=source.key, **exactly)
        except ClientError as error:
            raise _source_rejected(error, source) from error
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


class OutputBucket:
    """Holds the ready copies (`ready/<job>-<hash>.jpg`) and the videos (`videos/<job>.mp4`) of a stack."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self.name = name

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> dict[str, Any]:
        """Save the frame and return where it lies and what it is, as the job record holds it.

        The key names the content: two deliveries of one event that saw different tags do not overwrite each other, and
        only the copy that the record names is ever sent.
        """
        digest = hashlib.sha256(ready.data).hexdigest()
        key = f"{READY_PREFIX}{job_id}-{digest[:12]}.{_SUFFIXES[ready.content_type]}"
        self._client.put_object(Bucket=self.name, Key=key, Body=ready.data, ContentType=ready.content_type)
        return {
            "bucket": self.name,
            "key": key,
            "content_type": ready.content_type,
            "width": ready.size.width,
            "height": ready.size.height,
            "mode": str(ready.mode),
            "background": str(ready.background),
            "region": list(ready.region),
            "bytes": len(ready.data),
            "sha256": digest,
        }

    def read_ready_copy(self, key: str) -> bytes:
        """Return the bytes of a ready copy."""
        return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put_video(self, job_id: str, file: BinaryIO) -> dict[str, str]:
        """Store a checked MP4 under its final name, in parts where it is large; return where it lies."""
        key = f"{VIDEO_PREFIX}{job_id}.mp4"
        self._client.upload_fileobj(file, self.name, key, ExtraArgs={"ContentType": "video/mp4"})
        return {"bucket": self.name, "key": key}

    def delete_files(self, job_id: str, video: Mapping[str, Any]) -> None:
        """Delete a job's video and every ready copy that was made for it, on record or not."""
        found = self._client.list_objects_v2(Bucket=self.name, Prefix=f"{READY_PREFIX}{job_id}-")
        keys = [item["Key"] for item in found.get("Contents", [])] + ([video["key"]] if video else [])
        for key in keys:
            self._client.delete_object(Bucket=self.name, Key=key)

    def presign_get(self, place: Mapping[str, Any], *, seconds: int, disposition: str) -> str:
        """Return a link by which anybody can read a file that a job record names, for so many seconds."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": place["bucket"], "Key": place["key"], "ResponseContentDisposition": disposition},
            ExpiresIn=seconds,
        )


def job_of_ready_key(key: str) -> str | None:
    """Return the id of the job whose ready copy has this key, None where the key is no ready copy's."""
    match = _READY_KEY.fullmatch(key)
    return match[1] if match else None


def forbids_reading(error: ClientError) -> bool:
    """Tell whether an error says that an object may not be read by this function's role."""
    return error.operation_name in _READS and error.response["Error"]["Code"] in {"AccessDenied", "403"}


def _not_found(error: ClientError, key: str) -> Exception:
    code = error.response["Error"]["Code"]
    if code in _GONE:
        return SourceRejected(
            "source_missing",
            "There is no object under this key, or not in this version. Look at both; a manifest has its keys encoded.",
            key=key,
        )
    if code in {"BadRequest", "InvalidArgument", "400"}:
        return SourceRejected(
            "source_unreadable",
            "S3 cannot show this object: its version id is none, or it is encrypted with a key that only its owner "
            "has (SSE-C). Give the right version, or copy the object without that key.",
            key=key,
        )
    return error


def is_archived(found: Mapping[str, Any]) -> bool:
    """Tell of S3's answer to a HEAD whether the object must be restored before it can be read."""
    archived = found.get("StorageClass") in {"GLACIER", "DEEP_ARCHIVE"} or "ArchiveStatus" in found
    return archived and 'ongoing-request="false"' not in found.get("Restore", "")


def _source_rejected(error: ClientError, source: SourceObject) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "InvalidObjectState":
        return SourceRejected(
            "source_archived", "The uploaded object is archived. Restore it, then copy it onto itself.", key=source.key
        )
    if code in _GONE:
        return SourceRejected(
            "source_missing", "The uploaded object was deleted before it was read. Upload it again.", key=source.key
        )
    if code in {"PreconditionFailed", "412"}:
        return SourceRejected(
            "source_replaced",
            "Another object was uploaded under the same key before this one was read. The newer one is a job of its "
            "own; a bucket that keeps versions loses neither.",
            key=source.key,
        )
    return error


def _decode(value: str) -> str:
    """Return metadata as text: S3 hands non-ASCII back as RFC 2047 words, clients send it percent-encoded."""
    if "=?" in value:
        # Text that only looks like such a word stays as it is.
        with suppress(email.errors.HeaderParseError, LookupError, ValueError):
            value = str(email.header.make_header(email.header.decode_header(value)))
    return decode_metadata(value)
