"""S3 under the simulated clock: an object's LastModified is the simulated time of its upload."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sora_ready.domain.job import whole_seconds


class ClockedS3:
    """An S3 client whose `head_object` returns the time at which `note_call` was given the object's upload."""

    def __init__(self, client: Any, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._last_modified: dict[tuple[str, str], datetime] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def note_call(self, operation: str, params: Mapping[str, Any]) -> None:
        """Record the time if the call is an upload."""
        if operation == "PutObject":
            self._last_modified[params["bucket"], params["key"]] = self._clock()

    def last_modified(self, bucket: str, key: str) -> str:
        """Return when an object was uploaded, as its job's source states it."""
        return whole_seconds(self._last_modified[bucket, key])

    def head_object(self, **request: Any) -> Any:
        response = self._client.head_object(**request)
        return {**response, "LastModified": self._last_modified[request["Bucket"], request["Key"]]}
