"""The object that an S3 event is about, and the job that a ready copy belongs to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sora_ready.adapters.output_bucket import job_id_of_ready_key
from sora_ready.domain.job import SourceObject
from sora_ready.entrypoints.sqs import parse_object_created

JOB = "video_0123456789abcdef0123456789abcdef"
HASH = "2cf24dba5fb0"


def event(**changes: Any) -> dict[str, Any]:
    """An "Object Created" event as EventBridge delivers it. `changes` are fields of its object; None removes one."""
    created = {"key": "photo.jpg", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "v1"}
    created |= {"sequencer": "00617F08299329D189"} | {name.replace("_", "-"): value for name, value in changes.items()}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-12T00:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::uploads"],
        "detail": {
            "version": "0",
            "bucket": {"name": "uploads"},
            "object": {name: value for name, value in created.items() if value is not None},
            "reason": "PutObject",
        },
    }


def test_an_event_names_one_version_of_an_object() -> None:
    assert parse_object_created(json.dumps(event())) == SourceObject(
        bucket="uploads",
        key="photo.jpg",
        etag="b1946ac92492d2347c6235b4d2611184",
        version_id="v1",
        sequencer="00617F08299329D189",
    )


@pytest.mark.parametrize(
    "key", ["a+b %20 中.jpg", "a b.jpg", "100%.jpg", "%E4%B8%AD.jpg", "folder/😀.png", 'quote".jpg', "plus+plus.jpg"]
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_key_is_not_decoded(key: str, *, ascii_only: bool) -> None:
    body = json.dumps(event(key=key), ensure_ascii=ascii_only)

    assert parse_object_created(body).key == key


def test_an_event_of_a_bucket_without_versions_has_no_version_id() -> None:
    source = parse_object_created(json.dumps(event(version_id=None)))

    assert source.version_id is None
    assert source.sequencer == "00617F08299329D189"


def test_an_event_without_a_sequencer_is_accepted() -> None:
    assert parse_object_created(json.dumps(event(sequencer=None))).sequencer is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "null",
        "[]",
        '"Object Created"',
        "{}",
        json.dumps({"Event": "s3:TestEvent", "Bucket": "uploads"}),
        json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "photo.jpg"}}}]}),
        json.dumps(event() | {"detail-type": "Object Deleted"}),
        json.dumps(event() | {"detail": {}}),
        json.dumps(event() | {"detail": None}),
        json.dumps(event(key=None)),
        json.dumps(event(etag=None)),
    ],
)
def test_any_other_message_is_refused(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - only the class is promised
        parse_object_created(body)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_key_of_a_ready_copy_contains_its_job_id(suffix: str) -> None:
    assert job_id_of_ready_key(f"ready/{JOB}-{HASH}.{suffix}") == JOB


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ready/",
        f"{JOB}-{HASH}.jpg",
        f"videos/{JOB}.mp4",
        f"videos/{JOB}-{HASH}.mp4",
        f"ready/{JOB}.jpg",
        f"ready/{JOB}-{HASH}",
        f"ready/{JOB}-.jpg",
        f"ready/{JOB}-{HASH[:-1]}.jpg",
        f"ready/{JOB}-{HASH}0.jpg",
        f"ready/{JOB}-{HASH.upper()}.jpg",
        f"ready/{JOB}_{HASH}.jpg",
        f"ready/{JOB}-{HASH}.jpg.bak",
        f"ready/{JOB[:-1]}-{HASH}.jpg",
        f"ready/{JOB}0-{HASH}.jpg",
        f"ready/{JOB.upper()}-{HASH}.jpg",
        f"other/ready/{JOB}-{HASH}.jpg",
        f"ready/sub/{JOB}-{HASH}.jpg",
        "ready/photo.jpg",
        f"ready/{JOB}-{HASH}.jpg\n",
    ],
)
def test_any_other_key_has_no_job_id(key: str) -> None:
    assert job_id_of_ready_key(key) is None
