"""Which job an upload is: the same however often S3 sends its event, and another for a new upload to the same key."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from sora_ready.domain.codec import JsonValue
from sora_ready.domain.job import SourceObject

_JOB_ID = re.compile(r"video_[0-9a-f]{32}")
_API_OBJECT_KEY = re.compile(r"(?:.*/)?api/(video_[0-9a-f]{32})/picture", re.DOTALL)


@dataclass(frozen=True)
class ApiUploads:
    """Where the API's pictures are: one object for each job, in the upload bucket under `prefix`."""

    bucket: str
    prefix: str = ""

    def object_for(self, job_id: str) -> SourceObject:
        """Return the object for a job's picture."""
        return SourceObject(self.bucket, api_object_key(job_id, self.prefix))


def make_job_id(source: SourceObject) -> str:
    """Return the id of the job for this upload.

    An upload is identified by bucket, key and version id; in a bucket without versions by its ETag and LastModified, or
    its event's sequencer where the object is gone before anyone read it. So two identical uploads to one key within one
    second are one job. A key of `api_object_key` contains its job id.
    """
    if match := _API_OBJECT_KEY.fullmatch(source.key):
        return match[1]
    unversioned = [source.etag, source.modified or source.sequencer or ""]
    return hash_job_id(source.bucket, source.key, [source.version_id] if source.version_id else unversioned)


def hash_job_id(*identity: JsonValue) -> str:
    """Return the job id for these values: `video_` and 32 hex digits."""
    return "video_" + hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]


def is_job_id(text: str) -> bool:
    """Return whether `text` has the form of a job id."""
    return bool(_JOB_ID.fullmatch(text))


def api_object_key(job_id: str, prefix: str = "") -> str:
    """Return the key in the upload bucket for the picture of a job that the API created."""
    return f"{prefix}api/{job_id}/picture"


def is_api_object_key(key: str) -> bool:
    """Return whether `api_object_key` made this key."""
    return bool(_API_OBJECT_KEY.fullmatch(key))


def has_stable_id(source: SourceObject) -> bool:
    """Return whether the job id can be computed without a HEAD of the object."""
    return bool(source.version_id or source.modified or is_api_object_key(source.key))
