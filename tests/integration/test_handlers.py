"""Each function, invoked by the sample events in events/: what it makes of a batch."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import pytest

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.video_server import client
from sora_ready.domain.job import Status
from sora_ready.domain.job_id import make_job_id

from .function_modules import (
    CONTEXT,
    COPY_KEY,
    FUNCTIONS,
    JOB,
    Event,
    Load,
    due_poll,
    ready_sample,
    submit_sample,
    upload_for,
)
from .stack_fixtures import EVENTS, Clock, Stack, eventually, load_event, move_along, picture

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SAMPLES = sorted(path.name for path in EVENTS.iterdir() if path.name.split("-")[0] in FUNCTIONS)


def status_of(stack: Stack, job_id: str) -> Status | None:
    job = stack.jobs.get_job(job_id)
    return job.status if job else None


def failures(response: Event) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_event_is_processed_by_the_function_in_its_name(stack: Stack, load: Load, sample: str) -> None:
    name = sample.split("-", maxsplit=1)[0]
    event = load_event(sample)
    if name == "normalize" and "Records" not in event:
        stack.upload(event["key"], picture(80, 60))
    elif name == "normalize":
        upload_for(stack, event)
    elif name == "backfill":
        stack.upload("holiday/beach & sea.jpg", picture(80, 60))
    elif name in {"submit", "sweep", "api"}:
        job = ready_sample(stack)
        if "resolve" in event:
            move_along(stack.jobs, job, [Status.SUBMITTING, Status.UNCONFIRMED])
    elif name == "track":
        submit_sample(stack, load)
    function = load(name)
    response = function.handler(event, CONTEXT)
    assert response.get("batchItemFailures", []) == []
    assert {result["resultCode"] for result in response.get("results", [])} <= {"Succeeded"}
    assert stack.calls.names() != []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_a_sample_event(name: str) -> None:
    assert [sample for sample in SAMPLES if sample.startswith(f"{name}-")] != []


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if "-sqs-" in sample])
def test_every_sample_message_has_the_shape_of_a_real_one(sample: str) -> None:
    for record in load_event(sample)["Records"]:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
        assert (
            record["eventSourceARN"]
            == f"arn:aws:sqs:{record['awsRegion']}:123456789012:sora-ready-" + (sample.split("-", maxsplit=1)[0])
        )
        body = json.loads(record["body"])
        if "detail" in body:
            assert (body["detail-type"], body["source"], body["account"]) == (
                "Object Created",
                "aws.s3",
                "123456789012",
            )
            assert body["resources"] == [f"arn:aws:s3:::{body['detail']['bucket']['name']}"]


def test_normalize_makes_a_ready_job_of_each_upload_in_a_batch(stack: Stack, load: Load) -> None:
    event = load_event("normalize-sqs-two-uploads.json")
    sources = upload_for(stack, event)
    assert [source.key for source in sources] == ["holiday/beach.jpg", "假日 2026/100%25 sun + sea/海滩.jpg"]
    assert failures(load("normalize").handler(event, CONTEXT)) == []
    for source in sources:
        job = stack.jobs.get_job(make_job_id(source))
        assert job is not None
        assert (job.status, job.source.key) == (Status.READY, source.key)
    assert len(stack.output_keys("ready/")) == 2


def test_submit_sends_the_copy_and_schedules_the_first_poll(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    ready_sample(stack)
    load("submit").handler(load_event("submit-sqs-ready-copy.json"), CONTEXT)
    assert status_of(stack, JOB) is Status.QUEUED
    assert [entry.idempotency_key for entry in fake_server.request_log.accepted()] == [JOB]
    assert stack.polls() == [({"job_id": JOB, "polls": 0}, 7)]


def test_track_stores_the_video(stack: Stack, load: Load) -> None:
    submit_sample(stack, load)
    function = load("track")

    def poll() -> Status | None:
        assert failures(function.handler(due_poll(stack), CONTEXT)) == []
        return status_of(stack, JOB)

    eventually(poll, lambda status: status is Status.COMPLETED)
    assert stack.output_keys("videos/") == [f"videos/{JOB}.mp4"]


@pytest.mark.parametrize(
    "body",
    ["", "not json", "null", "[]", "{}", '{"detail-type": "Object Created", "detail": {}}', '{"detail-type": "Other"}'],
)
@pytest.mark.parametrize("name", ["normalize", "submit", "track"])
def test_a_message_that_cannot_be_read_is_retried(
    stack: Stack, fake_server: FakeVideoServer, load: Load, name: str, body: str
) -> None:
    event = load_event(next(sample for sample in SAMPLES if sample.startswith(f"{name}-sqs-")))
    event["Records"][0]["body"] = body
    assert failures(load(name).handler(event, CONTEXT)) == [event["Records"][0]["messageId"]]
    assert (stack.calls.names(), fake_server.request_log.entries()) == ([], [])


def test_of_two_messages_only_the_bad_one_is_retried(stack: Stack, load: Load) -> None:
    event = load_event("normalize-sqs-two-uploads.json")
    (good,) = upload_for(stack, {"Records": event["Records"][1:]})
    event["Records"][0]["body"] = "not json"
    assert failures(load("normalize").handler(event, CONTEXT)) == [event["Records"][0]["messageId"]]
    assert status_of(stack, make_job_id(good)) is Status.READY


def test_the_message_of_a_rejected_upload_is_not_retried(stack: Stack, load: Load) -> None:
    event = load_event("normalize-sqs-object-created.json")
    (source,) = upload_for(stack, event)
    stack.s3.delete_object(Bucket=source.bucket, Key=source.key, VersionId=source.version_id)
    assert failures(load("normalize").handler(event, CONTEXT)) == []
    assert status_of(stack, make_job_id(source)) is Status.REJECTED


@pytest.mark.parametrize("key", [f"ready/{JOB}.jpg", "ready/holiday-2cf24dba5fb0.jpg", f"ready/{JOB}-.jpg"])
def test_an_object_that_is_not_a_ready_copy_is_ignored(
    stack: Stack, fake_server: FakeVideoServer, load: Load, key: str
) -> None:
    event = load_event("submit-sqs-ready-copy.json")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(COPY_KEY, key)
    assert failures(load("submit").handler(event, CONTEXT)) == []
    assert (stack.calls.names(), fake_server.request_log.entries()) == ([], [])


def test_the_key_is_read_from_its_secret_once_in_five_minutes(
    stack: Stack, fake_server: FakeVideoServer, load: Load, aws: Event, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_sample(stack, load)
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=clock.unix))
    function = load("track")

    def poll() -> None:
        function.handler(due_poll(stack), CONTEXT)

    poll()
    aws["secretsmanager"].update_secret(SecretId="video-api-key", SecretString="sk-changed")
    clock.advance(seconds=299)
    poll()
    assert stack.calls.names().count("secretsmanager.GetSecretValue") == 1
    clock.advance(seconds=1)
    poll()
    assert stack.calls.names().count("secretsmanager.GetSecretValue") == 2
