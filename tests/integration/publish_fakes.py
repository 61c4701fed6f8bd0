"""The step that publishes, over fakes of the event bus and of Step Functions, and records of the stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import AwsServiceError
from sora_ready.domain.job import Job
from sora_ready.pipeline.publish import Publish

StreamRecord = dict[str, Any]


class FakeBus(EventBus):
    """Keeps the events that it accepts, call by call. It refuses the events with these ids."""

    def __init__(self, *refused: str) -> None:
        self.refused = list(refused)
        self.calls: list[list[JsonObject]] = []
        self.detail_type = ""

    def put_events(self, detail_type: str, details: Sequence[JsonObject]) -> list[int]:
        self.detail_type = detail_type
        failed = [index for index, detail in enumerate(details) if detail["id"] in self.refused]
        self.calls.append([detail for index, detail in enumerate(details) if index not in failed])
        return failed

    def ids(self) -> list[str]:
        return [str(detail["id"]) for call in self.calls for detail in call]


class FakeTaskTokens(TaskTokens):
    """Keeps the results of tasks by token. The tokens of `unreachable` cannot be answered."""

    def __init__(self, *unreachable: str) -> None:
        self.unreachable = unreachable
        self.results: list[tuple[str, str, dict[str, Any]]] = []

    def succeed(self, token: str, output: JsonObject) -> None:
        self._answer(token, "succeeded", output)

    def fail(self, token: str, name: str, cause: JsonObject) -> None:
        self._answer(token, name, cause)

    def names(self) -> list[tuple[str, str]]:
        """Return each token that was answered, and `succeeded` or the name of its error."""
        return [(token, name) for token, name, _ in self.results]

    def _answer(self, token: str, name: str, body: JsonObject) -> None:
        if token in self.unreachable:
            raise AwsServiceError("SendTaskSuccess", "ThrottlingException")
        self.results.append((token, name, body))


def publish_step(bus: EventBus, task_tokens: TaskTokens | None = None) -> Publish:
    """Return the step over these fakes."""
    return Publish(bus, task_tokens or FakeTaskTokens(), stack="films")


def stream_record(after: Job | None, before: Job | None = None, number: int = 1) -> StreamRecord:
    """Return the stream's record of a change from `before` to `after`."""
    images: StreamRecord = {"SequenceNumber": str(number)}
    images |= {name: write_item(job) for name, job in (("OldImage", before), ("NewImage", after)) if job}
    name = "MODIFY" if before and after else "INSERT" if after else "REMOVE"
    return {"eventName": name, "dynamodb": images}
