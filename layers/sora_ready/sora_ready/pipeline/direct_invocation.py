"""What a direct invocation of `normalize` or `submit` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sora_ready.domain.codec import JsonValue
from sora_ready.domain.job import SourceObject


@dataclass(frozen=True)
class DirectInvocation:
    """A job by its id, or an object by bucket and key, and its options as given.

    `submit` is False where only the ready copy is wanted. An execution of Step Functions waits for the job's end with
    its `task_token`.
    """

    job_id: str = ""
    bucket: str = ""
    key: str = ""
    version_id: str | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    submit: bool = True
    task_token: str = ""

    @property
    def source(self) -> SourceObject:
        """The object that the invocation names."""
        return SourceObject(self.bucket, self.key, version_id=self.version_id)
