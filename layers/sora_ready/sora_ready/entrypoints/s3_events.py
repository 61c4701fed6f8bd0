"""S3's "Object Created" events, as EventBridge puts them into a queue."""

from __future__ import annotations

import json

from sora_ready.adapters.queues import SWEEP_SOURCE
from sora_ready.adapters.upload_bucket import version_or_none
from sora_ready.domain.job import SourceObject


def parse_object_created(body: str) -> SourceObject:
    """Return the object that a queue message is about.

    Through EventBridge the key is raw: URL-decoding it would make `a+b.jpg` `a b.jpg`. Raises `ValueError` if the
    message is no such event; it goes to the dead-letter queue then.
    """
    try:
        event = json.loads(body)
        if event["detail-type"] != "Object Created":
            raise ValueError(f"a message about {event['detail-type']!r}, not about a created object")
        detail, resent = event["detail"], event.get("source") == SWEEP_SOURCE
        created = detail["object"]
        return SourceObject(
            bucket=detail["bucket"]["name"],
            key=created["key"],
            # The sweep may know the key of a picture and nothing else.
            etag=created.get("etag", "") if resent else created["etag"],
            version_id=version_or_none(created.get("version-id")),
            sequencer=created.get("sequencer"),
            modified=created.get("modified") if resent else None,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the message is not an S3 event from EventBridge: {type(error).__name__} {error}") from error
