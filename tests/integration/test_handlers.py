"""Each function, resumed by the samples in events/: what it does with a batch, and what it says in its log."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import pytest

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.video_server import client
from sora_ready.domain.job import Status
from sora_ready.domain.job_id import make_job_id

from .function_modules import COPY_KEY, FUNCTIONS, JOB, Event, Load, due_poll, ready_sample, submit_sample, upload_for
from .stack_fixtures import EVENTS, Clock, Stack, eventually, load_event, move_along, picture

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SAMPLES = sorted(path.name for path in EVENTS.iterdir() if path.name.split("-")[0] in FUNCTIONS)


def status_of(stack: Stack, job_id: str) -> Status | None:
    job = stack.jobs.get_job(job_id)
    return job.status if job else None


def failures(answer: Event) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_dealt_with_by_the_function_it_is_named_for(stack: Stack, load: Load, sample: str) -> None:
    name = sample.split("-", maxsplit=1)[0]
    event = load_event(sample)
    if sample == "normalize-direct-invocation.json":
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
    answer = function.handler(event, None)
    assert answer.get("batchItemFailures", []) == []
    assert {result["resultCode"] for result in answer.get("results", [])} <= {"Succeeded"}
    assert stack.calls.names() != []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_a_sample(name: str) -> None:
    assert [sample for sample in SAMPLES if sample.startswith(f"{name}-")] != []


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if "-sqs-" in sample])
def test_every_message_is_shaped_as_aws_shapes_it(sample: str) -> None:
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
    assert failures(load("normalize").handler(event, None)) == []
    for source in sources:
        job = stack.jobs.get_job(make_job_id(source))
        assert job is not None
        assert (job.status, job.source.key) == (Status.READY, source.key)
    assert len(stack.output_keys("ready/")) == 2


def test_submit_sends_the_copy_and_asks_for_the_first_look(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    ready_sample(stack)
    load("submit").handler(load_event("submit-sqs-ready-copy.json"), None)
    assert status_of(stack, JOB) is Status.QUEUED
    assert [entry.idempotency_key for entry in fake_server.request_log.accepted()] == [JOB]
    assert stack.polls() == [({"job_id": JOB, "polls": 0}, 7)]


def test_track_brings_the_video_home(stack: Stack, load: Load) -> None:
    submit_sample(stack, load)
    function = load("track")

    def look() -> Status | None:
        assert failures(function.handler(due_poll(stack), None)) == []
        return status_of(stack, JOB)

    eventually(look, lambda status: status is Status.COMPLETED)
    assert stack.output_keys("videos/") == [f"videos/{JOB}.mp4"]


@pytest.mark.parametrize(
    "body",
    ["", "not json", "null", "[]", "{}", '{"detail-type": "Object Created", "detail": {}}', '{"detail-type": "Other"}'],
)
@pytest.mark.parametrize("name", ["normalize", "submit", "track"])
def test_a_message_that_cannot_be_read_comes_back(
    stack: Stack, fake_server: FakeVideoServer, load: Load, name: str, body: str
) -> None:
    event = load_event(next(sample for sample in SAMPLES if sample.startswith(f"{name}-sqs-")))
    event["Records"][0]["body"] = body
    assert failures(load(name).handler(event, None)) == [event["Records"][0]["messageId"]]
    assert (stack.calls.names(), fake_server.request_log.entries()) == ([], [])


def test_one_bad_message_of_two_comes_back_alone(stack: Stack, load: Load) -> None:
    event = load_event("normalize-sqs-two-uploads.json")
    (good,) = upload_for(stack, {"Records": event["Records"][1:]})
    event["Records"][0]["body"] = "not json"
    assert failures(load("normalize").handler(event, None)) == [event["Records"][0]["messageId"]]
    assert status_of(stack, make_job_id(good)) is Status.READY


def test_a_rejected_upload_does_not_come_back(stack: Stack, load: Load) -> None:
    event = load_event("normalize-sqs-object-created.json")
    (source,) = upload_for(stack, event)
    stack.s3.delete_object(Bucket=source.bucket, Key=source.key, VersionId=source.version_id)
    assert failures(load("normalize").handler(event, None)) == []
    assert status_of(stack, make_job_id(source)) is Status.REJECTED


@pytest.mark.parametrize("key", [f"ready/{JOB}.jpg", "ready/holiday-2cf24dba5fb0.jpg", f"ready/{JOB}-.jpg"])
def test_an_object_that_is_no_ready_copy_is_ignored(
    stack: Stack, fake_server: FakeVideoServer, load: Load, key: str
) -> None:
    event = load_event("submit-sqs-ready-copy.json")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(COPY_KEY, key)
    assert failures(load("submit").handler(event, None)) == []
    assert (stack.calls.names(), fake_server.request_log.entries()) == ([], [])


def test_the_key_is_read_from_its_secret_once_in_five_minutes(
    stack: Stack, fake_server: FakeVideoServer, load: Load, aws: Event, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_sample(stack, load)
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=clock.unix))
    function = load("track")

    def look() -> None:
        function.handler(due_poll(stack), None)

    look()
    aws["secretsmanager"].update_secret(SecretId="video-api-key", SecretString="sk-changed")
    clock.advance(seconds=299)
    look()
    assert stack.calls.names().count("secretsmanager.GetSecretValue") == 1
    clock.advance(seconds=1)
    look()
    assert stack.calls.names().count("secretsmanager.GetSecretValue") == 2
