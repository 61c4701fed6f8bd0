"""A message that submit could not bring to its end comes back soon, then ever later, and says why it failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.domain.job import Job, Status

from .function_modules import JOB, Event, Load, copy_event, ready_sample, with_real_receipt
from .run_steps import recorded
from .stack_fixtures import KEY, Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

WAITS = [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 960), (20, 960)]


def fail(load: Load, event: Event) -> None:
    """Have submit deal with the message, which must come back."""
    answer = load("submit").handler(event, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def postponements(stack: Stack) -> list[int]:
    return [call["VisibilityTimeout"] for call in stack.calls.sent("sqs.ChangeMessageVisibility")]


# A record follows its copy within a moment, so the first wait is short.
@pytest.mark.parametrize(("receives", "seconds"), [(1, 2), (2, 4), (3, 8), (6, 64), (7, 64), (20, 64)])
def test_a_copy_whose_job_is_not_recorded_yet_comes_back_ever_later(
    stack: Stack, fake_server: FakeVideoServer, load: Load, receives: int, seconds: int
) -> None:
    event = with_real_receipt(stack, copy_event(receives=receives))
    fail(load, event)
    (postponed,) = stack.calls.sent("sqs.ChangeMessageVisibility")
    assert postponed["VisibilityTimeout"] == seconds
    assert postponed["ReceiptHandle"] == event["Records"][0]["receiptHandle"]
    assert postponed["QueueUrl"] == stack.submit_queue_url
    assert fake_server.request_log.creates() == []


@pytest.mark.parametrize("receives", [1, 3])
@pytest.mark.parametrize(
    ("asked", "seconds"), [("200", 200), ("3600", 3600), ("3601", 3600), ("86400", 3600), ("9" * 30, 3600)]
)
def test_a_copy_that_a_busy_server_did_not_take_comes_back_when_it_asked(
    stack: Stack, fake_server: FakeVideoServer, load: Load, asked: str, seconds: int, receives: int
) -> None:
    job = ready_sample(stack)
    fake_server.faults.plan(faults.status(429, headers={"retry-after": asked}))
    fail(load, with_real_receipt(stack, copy_event(receives=receives)))
    assert postponements(stack) == [seconds]
    assert recorded(stack, job).status is Status.READY


# One that asks for a second, again and again, must not use up the message's tries within a minute.
@pytest.mark.parametrize("asked", ["Wed, 25 Nov 2026 07:28:00 GMT", "0", "1", "-7", "7.5", ""])
def test_a_busy_server_that_names_no_seconds_is_asked_again_ever_later(
    stack: Stack, fake_server: FakeVideoServer, load: Load, asked: str
) -> None:
    ready_sample(stack)
    for receives, _ in WAITS[:2]:
        fake_server.faults.plan(faults.status(429, headers={"retry-after": asked}))
        fail(load, with_real_receipt(stack, copy_event(receives=receives)))
        (seconds,) = postponements(stack)
        assert seconds == dict(WAITS)[receives]


def test_a_job_in_hand_comes_back_when_its_lease_is_over(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    job = ready_sample(stack)
    now = datetime.now(UTC)
    lease = {"started_at": now.isoformat(), "lease_until": (now + timedelta(seconds=1000)).isoformat()}
    stack.jobs.move_job(job.id, Status.SUBMITTING, attempt={"id": "attempt-1"} | lease)
    fail(load, with_real_receipt(stack, copy_event()))
    (seconds,) = postponements(stack)
    assert 900 < seconds <= 1001
    assert fake_server.request_log.entries() == []


@pytest.mark.parametrize(("receives", "seconds"), WAITS[:2])
def test_a_fault_of_aws_is_postponed_too(
    stack: Stack, fake_server: FakeVideoServer, load: Load, receives: int, seconds: int
) -> None:
    job = ready_sample(stack)
    stack.s3.delete_object(Bucket=stack.outputs.name, Key=job.copy.key)
    fail(load, with_real_receipt(stack, copy_event(receives=receives)))
    assert postponements(stack) == [seconds]
    assert (recorded(stack, job), fake_server.request_log.entries()) == (job, [])


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-one\nsk-two", "sk-\u200bcopied", "sk-tab\tbed"])
def test_a_key_that_cannot_be_sent_is_said_before_anything_is_sent(
    stack: Stack, fake_server: FakeVideoServer, load: Load, aws: Event, key: str
) -> None:
    job = ready_sample(stack)
    function = load("submit")
    aws["secretsmanager"].update_secret(SecretId="video-api-key", SecretString=key)
    event = with_real_receipt(stack, copy_event())
    answer = function.handler(event, None)
    assert len(answer["batchItemFailures"]) == 1
    assert postponements(stack) == [30]
    assert (recorded(stack, job), fake_server.request_log.entries()) == (job, [])

    aws["secretsmanager"].update_secret(SecretId="video-api-key", SecretString=KEY)
    answer = function.handler(with_real_receipt(stack, copy_event(receives=2)), None)
    assert answer == {"batchItemFailures": []}
    assert recorded(stack, job).status is Status.QUEUED


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "ReceiptHandleIsInvalid", "Message": "no"}}, "ChangeMessageVisibility"),
        EndpointConnectionError(endpoint_url="https://sqs.example.com"),
    ],
    ids=["refused", "unreachable"],
)
def test_a_message_that_cannot_be_postponed_still_says_why_it_failed(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    call = BaseClient._make_api_call

    def all_but_postpone(client: BaseClient, operation: str, *given: Any) -> Any:
        if operation == "ChangeMessageVisibility":
            raise fault
        return call(client, operation, *given)

    monkeypatch.setattr(BaseClient, "_make_api_call", all_but_postpone)
    failed: list[BaseException] = []
    function = load("submit")
    deal_with = function.handle_record

    def watched(record: Any) -> None:
        try:
            deal_with(record)
        except BaseException as error:
            failed.append(error)
            raise

    monkeypatch.setattr(function, "handle_record", watched)
    assert len(function.handler(copy_event(), None)["batchItemFailures"]) == 1
    assert [getattr(error, "code", None) for error in failed] == ["job_not_ready"]


def test_a_message_that_came_before_asks_for_the_look_that_was_not_asked_for(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    job: Job = ready_sample(stack)
    stack.jobs.move_job(job.id, Status.SUBMITTING)
    stack.jobs.move_job(job.id, Status.QUEUED, server={"id": "video_1"})
    for receives, looks in ((1, 0), (2, 1)):
        answer = load("submit").handler(copy_event(receives=receives), None)
        assert answer == {"batchItemFailures": []}
        assert stack.polls() == [({"job_id": JOB, "polls": 0}, 10)] * looks
    assert fake_server.request_log.entries() == []
