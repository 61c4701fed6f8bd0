"""The API's own corner of the upload bucket: under `api/`, one picture for each job, under a key that names the job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sora_ready.adapters.buckets import is_archived
from sora_ready.domain.errors import ParameterRejected
from sora_ready.domain.job import SourceObject, api_object_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FORM_VALID = timedelta(minutes=15)
_GONE = {"404", "NoSuchKey", "NoSuchVersion"}
# What S3 says of objects that the API may not read, or whose names it does not take: HEAD has no words for more.
_UNREADABLE = {"403", "AccessDenied", "400"}
# Another request is writing the same key at this moment: of two pictures alike, either may win.
_THERE_ALREADY = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form that one picture can be posted with: each of `fields` as it stands, then the picture as `file`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Inbox:
    """Puts pictures where their jobs' names say. Sizes are in bytes.

    `bucket` is the upload bucket, of which only what is below `prefix` is the stack's affair.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self.bucket = bucket
        self.prefix = prefix

    def place(self, job_id: str) -> SourceObject:
        """Return where the picture of a job belongs."""
        return SourceObject(self.bucket, api_object_key(job_id, self.prefix))

    def put_picture(self, job_id: str, data: bytes) -> None:
        """Save a job's picture, unless one is there: the first is the one that the job is made of."""
        try:
            self._client.put_object(Bucket=self.bucket, Key=self.place(job_id).key, Body=data, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE_ALREADY:
                raise

    def check_picture(self, key: str, max_bytes: int) -> None:
        """Raise `ParameterRejected` where `key` has no picture, an empty one, or one of more than `max_bytes`."""
        try:
            told = self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNREADABLE:
                raise ParameterRejected(
                    "source_unreadable",
                    "The object cannot be read: its key, or the key that encrypts it, is not one for this stack.",
                    param="input_reference",
                ) from error
            if error.response["Error"]["Code"] not in _GONE:
                raise
            raise ParameterRejected(
                "source_missing",
                "The upload bucket has no such object. Look at its key, or upload it first.",
                param="input_reference",
            ) from error
        if is_archived(told):
            raise ParameterRejected(
                "source_archived", "The object is archived. Restore it first.", param="input_reference"
            )
        length = told["ContentLength"]
        if not 0 < length <= max_bytes:
            raise ParameterRejected(
                "source_size",
                f"The object has {length:,} bytes; 1 to {max_bytes:,} are accepted.",
                param="input_reference",
                bytes=length,
            )

    def copy_picture(self, job_id: str, key: str) -> None:
        """Copy an object of the upload bucket to the job's key, unless one is there; its metadata and tags stay."""
        try:
            self._client.copy_object(
                Bucket=self.bucket,
                Key=self.place(job_id).key,
                CopySource={"Bucket": self.bucket, "Key": key},
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE_ALREADY:
                raise

    def presign_post(
        self, job_id: str, *, content_type: str, least: int, most: int, request_hash: str, now: datetime
    ) -> UploadForm:
        """Return a form for the job's picture, of `least` to `most` bytes. Nothing in it can be changed."""
        fields = {"Content-Type": content_type, "x-amz-meta-request": request_hash}
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        form = self._client.generate_presigned_post(
            self.bucket,
            self.place(job_id).key,
            Fields=dict(fields),
            Conditions=[*conditions, ["content-length-range", least, most]],
            ExpiresIn=int(FORM_VALID.total_seconds()),
        )
        return UploadForm(form["url"], form["fields"], now + FORM_VALID)

    def delete_picture(self, job_id: str, source: SourceObject) -> None:
        """Delete a job's picture, in all its versions, if it came by the API: what people dropped is theirs."""
        if (source.bucket, source.key) == (self.bucket, self.place(job_id).key):
            self._delete_versions(source.key)

    def presign_get(self, source: SourceObject, *, seconds: int, disposition: str) -> str | None:
        """Return a link to the picture that a job was made of, None where it is not there or may not be read."""
        place: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key}
        place |= {"VersionId": source.version_id} if source.version_id else {}
        try:
            self._client.head_object(**place)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE | _UNREADABLE:
                raise
            return None
        return self._client.generate_presigned_url(
            "get_object", Params=place | {"ResponseContentDisposition": disposition}, ExpiresIn=seconds
        )

    def _delete_versions(self, key: str) -> None:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
        for page in pages:
            for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if found["Key"] == key:
                    self._client.delete_object(Bucket=self.bucket, Key=key, VersionId=found["VersionId"])
