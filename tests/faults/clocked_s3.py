"""S3 by the clock of a stack: what is uploaded there was last modified when that clock says, whatever S3's own says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sora_ready.domain.job import whole_seconds


class DatedS3:
    """A client of S3 whose HEADs tell when `hear` heard of the object."""

    def __init__(self, client: Any, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._modified: dict[tuple[str, str], datetime] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def hear(self, operation: str, params: Mapping[str, Any]) -> None:
        """Note when an object was put."""
        if operation == "PutObject":
            self._modified[params["bucket"], params["key"]] = self._clock()

    def modified(self, bucket: str, key: str) -> str:
        """Return when an object was put, as its job's source says it."""
        return whole_seconds(self._modified[bucket, key])

    def head_object(self, **call: Any) -> Any:
        found = self._client.head_object(**call)
        return {**found, "LastModified": self._modified[call["Bucket"], call["Key"]]}
