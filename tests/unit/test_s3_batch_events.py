"""An invocation by S3 Batch Operations, in both schemas, and the response to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sora_ready.domain.errors import SourceRejected
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.entrypoints.s3_batch import MAX_RESULT, parse_tasks, process_tasks
from sora_ready.pipeline.backfill import BatchTask

EVENTS = Path(__file__).resolve().parents[2] / "events"


def sample(schema: str, **task: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"backfill-batch-schema-{schema}.json").read_text(encoding="utf-8"))
    event["tasks"][0] |= task
    return event


def key_of(encoded: str) -> str:
    [task] = parse_tasks(sample("2.0", s3Key=encoded))
    return task.key


def test_both_schemas_describe_the_same_task() -> None:
    [old], [new] = parse_tasks(sample("1.0")), parse_tasks(sample("2.0"))

    assert (old.id, old.batch_job) == ("dGFza2lkZ29lc2hlcmUK", "f3cc4f60-61f6-4a2b-8a21-d07600c373ce")
    assert (old.bucket, old.key) == ("sora-ready-uploads-123456789012", "holiday/beach & sea.jpg")
    assert old == BatchTask(**{name: getattr(new, name) for name in ("id", "batch_job", "bucket", "key", "version_id")})


def test_only_the_second_schema_has_user_arguments() -> None:
    [old], [new] = parse_tasks(sample("1.0")), parse_tasks(sample("2.0"))

    assert old.arguments == {}
    assert new.arguments == {"size": "auto", "mode": "pad", "prompt": "The waves roll in, slowly"}


def test_an_invocation_of_the_second_schema_may_have_no_arguments() -> None:
    for job in ({"id": "1"}, {"id": "1", "userArguments": None}, {"id": "1", "userArguments": {}}):
        [task] = parse_tasks(sample("2.0") | {"job": job})
        assert task.arguments == {}


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a.jpg", "a.jpg"),
        ("a%20b.jpg", "a b.jpg"),
        ("a+b.jpg", "a b.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("a%2520b.jpg", "a%20b.jpg"),
        ("%E5%81%87%E6%97%A5/100%2525%20sun.jpg", "假日/100%25 sun.jpg"),
        ("a%2Cb%22c%0A.jpg", 'a,b"c\n.jpg'),
    ],
)
def test_a_key_is_decoded_once(encoded: str, key: str) -> None:
    assert key_of(encoded) == key


@pytest.mark.parametrize("version", [None, "", "null"])
def test_an_empty_version_is_none(version: str | None) -> None:
    [task] = parse_tasks(sample("1.0", s3VersionId=version))
    assert task.version_id is None


@pytest.mark.parametrize(
    "arn", ["arn:aws:s3:::photos", "arn:aws-cn:s3:::photos", "arn:aws:s3:us-east-1:123456789012:photos"]
)
def test_the_first_schema_names_the_bucket_by_its_arn(arn: str) -> None:
    [task] = parse_tasks(sample("1.0", s3BucketArn=arn))
    assert task.bucket == "photos"


def test_each_task_of_an_invocation_has_its_own_result() -> None:
    event = sample("2.0")
    event["tasks"].append(event["tasks"][0] | {"taskId": "second", "s3Key": "b.jpg"})

    def process(task: BatchTask) -> Job:
        if task.key == "b.jpg":
            raise ConnectionError("the network is down")
        return Job("video_1", Status.READY, SourceObject(task.bucket, task.key), "now", "now")

    response = process_tasks(event, process)

    assert response == {
        "invocationSchemaVersion": "2.0",
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event["invocationId"],
        "results": [
            {"taskId": "dGFza2lkZ29lc2hlcmUK", "resultCode": "Succeeded", "resultString": "video_1 is ready"},
            {
                "taskId": "second",
                "resultCode": "TemporaryFailure",
                "resultString": "ConnectionError; the log of backfill says more",
            },
        ],
    }
    # Lambda writes the response as JSON.
    assert json.loads(json.dumps(response)) == response


def test_a_result_is_cut_to_the_length_that_the_report_keeps() -> None:
    [task] = sample("1.0")["tasks"]
    response = process_tasks(sample("1.0"), rejecting("é" * 5000))

    assert response["results"] == [
        {
            "taskId": task["taskId"],
            "resultCode": "PermanentFailure",
            "resultString": ("source_missing: " + "é" * 5000)[:MAX_RESULT],
        }
    ]


def rejecting(message: str) -> Callable[[BatchTask], Job]:
    def process(_task: BatchTask) -> Job:
        raise SourceRejected("source_missing", message)

    return process


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"invocationSchemaVersion": "3.0"},
        {"Records": []},
        {"invocationSchemaVersion": "1.0", "invocationId": "1", "job": {"id": "1"}, "tasks": [{"taskId": "1"}]},
        {"invocationSchemaVersion": "2.0", "invocationId": "1", "job": None, "tasks": [{"taskId": "1"}]},
    ],
)
def test_any_other_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"invocation schema|not one of S3 Batch Operations"):
        process_tasks(event, rejecting(""))
