"""EventBridge: the account's default bus, or one of the user's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sora_ready.adapters.aws_errors import translate_aws_errors
from sora_ready.domain.codec import JsonObject

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "sora-ready"


class EventBus:
    """Publishes events. `batch_size` is how many of them one call takes."""

    batch_size = 10

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def put_events(self, detail_type: str, details: Sequence[JsonObject]) -> list[int]:
        """Publish up to `batch_size` events of one type; return the indexes of those that the bus refused.

        Raises `AwsServiceError`; nobody knows then which of them were published.
        """
        with translate_aws_errors("PutEvents"):
            response = self._client.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": detail_type,
                        "Detail": json.dumps(detail, ensure_ascii=False),
                        "EventBusName": self._name,
                    }
                    for detail in details
                ]
            )
        return [index for index, entry in enumerate(response["Entries"]) if entry.get("ErrorCode")]
