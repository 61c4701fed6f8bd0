"""The upload bucket: pictures are read from it, and the API's pictures are written to it.

Two buckets, uploads and outputs, so that the pipeline can never feed itself.
"""

from __future__ import annotations

import email.errors
import email.header
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from sora_ready.adapters.aws_errors import error_code, translate_aws_errors
from sora_ready.domain.errors import SourceForbidden, SourceRejected
from sora_ready.domain.job import SourceObject, whole_seconds
from sora_ready.domain.request import decode_metadata

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

POST_TTL = timedelta(minutes=15)

_FORBIDDEN = {"AccessDenied", "403"}
_INVALID = {"BadRequest", "InvalidArgument", "400"}
_REPLACED = {"PreconditionFailed", "412"}
# Another request is writing the same key now: of two equal pictures, either may win.
_EXISTS = _REPLACED | {"409", "ConditionalRequestConflict"}

_ARCHIVED = ("source_archived", "The object is archived. Restore it, then try again.")
_UNREADABLE = (
    "source_unreadable",
    "S3 cannot show this object: the version id is invalid, or a key encrypts it that this stack may not use "
    "(SSE-C, or a KMS key). Give the right version, or copy the object without that key.",
)
# Code and message of the rejection for each of S3's codes.
_REJECTIONS: Mapping[str, tuple[str, str]] = {
    "InvalidObjectState": _ARCHIVED,
    **dict.fromkeys(
        # A version that marks a deletion returns 405.
        ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "MethodNotAllowed", "404", "405"),
        (
            "source_missing",
            "There is no object under this key, or not in this version. If it was deleted before it was read, upload "
            "it again; otherwise check the key (a manifest has its keys percent-encoded) and the version.",
        ),
    ),
    **dict.fromkeys(
        _REPLACED,
        (
            "source_replaced",
            "Another object was uploaded to the same key before this one was read. The newer one has its own job. A "
            "bucket with versioning keeps both.",
        ),
    ),
}


@dataclass(frozen=True)
class Upload:
    """An uploaded object, open and unread: its length in bytes, its metadata decoded, its number of tags."""

    body: BinaryIO
    length: int
    metadata: dict[str, str]
    tag_count: int


@dataclass(frozen=True)
class PresignedPost:
    """A form that one picture can be posted with: all `fields` unchanged, then the picture as `file`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class UploadBucket:
    """Reads objects wherever their `SourceObject` says they are, and writes the API's. Lengths are in bytes."""

    def __init__(self, client: S3Client, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._now = now

    def open_upload(self, source: SourceObject) -> Upload:
        """Open exactly this object.

        Raises `SourceRejected` (`source_missing`, `source_replaced`, `source_archived`) and `SourceForbidden`.
        """
        # Without a version, the ETag makes sure that this is the upload of the event.
        exactly: dict[str, Any] = {"IfMatch": source.etag} if source.etag else {}
        if source.version_id:
            exactly = {"VersionId": source.version_id}
        with _translate_read_errors("GetObject", source):
            response = self._client.get_object(Bucket=source.bucket, Key=source.key, **exactly)
        return Upload(
            body=cast("BinaryIO", response["Body"]),
            length=response["ContentLength"],
            metadata={name: _decode(value) for name, value in response["Metadata"].items()},
            tag_count=response.get("TagCount", 0),
        )

    def find_upload(self, bucket: str, key: str, version_id: str | None = None) -> SourceObject:
        """Return the object under a key, in this version, without the sequencer that only its event has.

        Raises `SourceRejected` (`source_missing`, `source_archived`, `source_unreadable`) and `SourceForbidden`.
        """
        head = self._head_readable(SourceObject(bucket, key, version_id=version_id))
        version = version_or_none(head.get("VersionId"))
        # A version identifies its upload by itself.
        modified = None if version else whole_seconds(head["LastModified"])
        return SourceObject(bucket, key, head["ETag"].strip('"'), version, modified=modified)

    def read_tags(self, source: SourceObject) -> dict[str, str]:
        """Return the object's tags. Raises `SourceRejected` if the object is gone, and `SourceForbidden`."""
        with _translate_read_errors("GetObjectTagging", source):
            response = self._client.get_object_tagging(**_address(source))
        return {tag["Key"]: tag["Value"] for tag in response["TagSet"]}

    def check_picture(self, source: SourceObject, max_bytes: int) -> None:
        """Raise `SourceRejected` if the object is missing, unreadable, archived, empty or over `max_bytes`."""
        try:
            length = self._head_readable(source)["ContentLength"]
        except SourceForbidden as error:
            raise SourceRejected(*_UNREADABLE, key=source.key) from error
        if not 0 < length <= max_bytes:
            raise SourceRejected(
                "source_size", f"The object has {length:,} bytes; 1 to {max_bytes:,} are accepted.", bytes=length
            )

    def put_picture(self, target: SourceObject, data: bytes) -> None:
        """Save a picture, unless one is there: the job is made from the first."""
        with _ignore_existing_object():
            self._client.put_object(Bucket=target.bucket, Key=target.key, Body=data, IfNoneMatch="*")

    def copy_picture(self, source_key: str, target: SourceObject) -> None:
        """Copy an object of the bucket to `target`, unless one is there, without its metadata and tags."""
        with _ignore_existing_object():
            self._client.copy_object(
                Bucket=target.bucket,
                Key=target.key,
                CopySource={"Bucket": target.bucket, "Key": source_key},
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
                IfNoneMatch="*",
            )

    def presign_post(
        self, target: SourceObject, *, content_type: str, min_bytes: int, max_bytes: int, request_hash: str
    ) -> PresignedPost:
        """Return a form for one picture of this length. Nothing in it can be changed."""
        fields = {"Content-Type": content_type, "x-amz-meta-request": request_hash}
        form = self._client.generate_presigned_post(
            target.bucket,
            target.key,
            Fields=dict(fields),
            Conditions=[
                *({name: value} for name, value in fields.items()),
                ["content-length-range", min_bytes, max_bytes],
            ],
            ExpiresIn=int(POST_TTL.total_seconds()),
        )
        return PresignedPost(form["url"], form["fields"], self._now() + POST_TTL)

    def presign_get(self, source: SourceObject, *, seconds: int, disposition: str) -> str | None:
        """Return a link to a job's picture, None if it is gone or must not be read."""
        try:
            with _translate_read_errors("HeadObject", source):
                self._client.head_object(**_address(source))
        except (SourceRejected, SourceForbidden):
            return None
        return self._client.generate_presigned_url(
            "get_object",
            Params=_address(source) | {"ResponseContentDisposition": disposition},
            ExpiresIn=seconds,
        )

    def _head_readable(self, source: SourceObject) -> HeadObjectOutputTypeDef:
        with _translate_read_errors("HeadObject", source):
            head = self._client.head_object(**_address(source))
        archived = head.get("StorageClass") in {"GLACIER", "DEEP_ARCHIVE"} or "ArchiveStatus" in head
        if archived and 'ongoing-request="false"' not in head.get("Restore", ""):
            raise SourceRejected(*_ARCHIVED, key=source.key)
        return head

    def delete_versions(self, source: SourceObject) -> None:
        """Delete the object in all its versions."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=source.bucket, Prefix=source.key)
        for page in pages:
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if version["Key"] == source.key:
                    self._client.delete_object(Bucket=source.bucket, Key=source.key, VersionId=version["VersionId"])


def version_or_none(version_id: str | None) -> str | None:
    """Return the version id that identifies an upload, None where there is none."""
    # A bucket whose versioning is suspended calls each upload to a key "null", which identifies nothing.
    return None if version_id in {None, "", "null"} else version_id


def _address(source: SourceObject) -> dict[str, Any]:
    address = {"Bucket": source.bucket, "Key": source.key}
    return address | ({"VersionId": source.version_id} if source.version_id else {})


@contextmanager
def _translate_read_errors(operation: str, source: SourceObject) -> Iterator[None]:
    """Raise S3's refusals to read an object as `SourceRejected` or `SourceForbidden`."""
    with translate_aws_errors(operation):
        try:
            yield
        except ClientError as error:
            code = error_code(error)
            if code in _REJECTIONS:
                raise SourceRejected(*_REJECTIONS[code], key=source.key) from error
            if operation == "HeadObject" and code in _INVALID:
                raise SourceRejected(*_UNREADABLE, key=source.key) from error
            if code in _FORBIDDEN:
                raise SourceForbidden(source.bucket, source.key) from error
            raise


@contextmanager
def _ignore_existing_object() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error_code(error) not in _EXISTS:
            raise


def _decode(value: str) -> str:
    """Return metadata as text: S3 returns non-ASCII as RFC 2047 words, and clients percent-encode it."""
    if "=?" in value:
        # Text that only resembles such a word stays as it is.
        with suppress(email.errors.HeaderParseError, LookupError, ValueError):
            value = str(email.header.make_header(email.header.decode_header(value)))
    return decode_metadata(value)
