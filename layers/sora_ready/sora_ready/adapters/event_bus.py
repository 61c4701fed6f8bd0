"""Events for whoever listens: on the account's default bus, or on one of the user's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "sora-ready"


@dataclass(frozen=True, slots=True)
class BusEvent:
    """An event's kind (`detail-type`) and what it tells, as JSON-able values."""

    detail_type: str
    detail: dict[str, Any]


class EventBus:
    """Publishes events. `batch_size` is how many of them one call takes."""

    batch_size = 10

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def put_events(self, events: Sequence[BusEvent]) -> list[int]:
        """Publish up to `batch_size` events; return the places of those that the bus did not take."""
        answer = self._client.put_events(
            Entries=[
                {
                    "Source": SOURCE,
                    "DetailType": event.detail_type,
                    "Detail": json.dumps(event.detail, ensure_ascii=False),
                    "EventBusName": self._name,
                }
                for event in events
            ]
        )
        return [place for place, entry in enumerate(answer["Entries"]) if entry.get("ErrorCode")]
