"""Reads S3's "Object Created" events as EventBridge puts them into a queue."""

from __future__ import annotations

import json

from sora_ready.domain.job import SourceObject

# What an upload that is announced again says of where it comes from.
OUR_SOURCE = "sora-ready.sweep"


def read_object_created(body: str) -> SourceObject:
    """Return the object that a queue message speaks of.

    Through EventBridge the key is raw: it must not be URL-decoded, or `a+b.jpg` becomes `a b.jpg`. Raises `ValueError`
    where the message is no such event; it then ends in the dead-letter queue, where it can be looked at.
    """
    try:
        event = json.loads(body)
        if event["detail-type"] != "Object Created":
            raise ValueError(f"a message about {event['detail-type']!r}, not about a created object")
        detail = event["detail"]
        ours = event.get("source") == OUR_SOURCE
        # Sweep may publish a picture that it knows the key of and no more.
        unknown = {"etag": ""} if ours else {}
        return SourceObject(
            bucket=detail["bucket"]["name"],
            key=detail["object"]["key"],
            etag=(unknown | detail["object"])["etag"],
            version_id=read_version(detail["object"].get("version-id")),
            sequencer=detail["object"].get("sequencer"),
            modified=detail["object"].get("modified") if ours else None,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the message is not an S3 event from EventBridge: {type(error).__name__} {error}") from error


def read_version(version_id: str | None) -> str | None:
    """Return the version that tells an upload apart, None where there is none."""
    # A bucket that stopped keeping versions calls each new upload to a key "null": that tells no two apart.
    return None if version_id in {None, "", "null"} else version_id
