"""A message that submit failed to process is retried soon, then later and later, and the log says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.domain.job import Status, Submission, timestamp

from .function_modules import CONTEXT, JOB, Event, Load, copy_event, ready_sample, with_real_receipt
from .run_steps import recorded
from .stack_fixtures import DAY, KEY, PATHS, PRICE, Stack, move_along

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

RETRY_DELAYS = [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 960), (20, 960)]


def fail(load: Load, event: Event) -> None:
    """Have submit fail to process the message."""
    response = load("submit").handler(event, CONTEXT)
    assert response == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def postponements(stack: Stack) -> list[int]:
    return [call["VisibilityTimeout"] for call in stack.calls.sent("sqs.ChangeMessageVisibility")]


# A record follows its copy within a moment, so the first delay is short.
@pytest.mark.parametrize(("receives", "seconds"), [(1, 2), (2, 4), (3, 8), (6, 64), (7, 64), (20, 64)])
def test_a_copy_whose_job_is_not_recorded_yet_is_retried_with_growing_delays(
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
    ("retry_after", "seconds"), [("200", 200), ("3600", 3600), ("3601", 3600), ("86400", 3600), ("9" * 30, 3600)]
)
def test_a_copy_that_a_busy_server_refused_is_retried_when_the_server_asks(
    stack: Stack, fake_server: FakeVideoServer, load: Load, retry_after: str, seconds: int, receives: int
) -> None:
    job = ready_sample(stack)
    fake_server.faults.plan(faults.status(429, headers={"retry-after": retry_after}))
    fail(load, with_real_receipt(stack, copy_event(receives=receives)))
    assert postponements(stack) == [seconds]
    assert recorded(stack, job).status is Status.READY


# A server that asks for one second each time must not use up the message's receives within a minute.
@pytest.mark.parametrize("retry_after", ["Wed, 25 Nov 2026 07:28:00 GMT", "0", "1", "-7", "7.5", ""])
def test_a_busy_server_that_asks_for_no_real_delay_is_retried_with_growing_delays(
    stack: Stack, fake_server: FakeVideoServer, load: Load, retry_after: str
) -> None:
    ready_sample(stack)
    for receives, _ in RETRY_DELAYS[:2]:
        fake_server.faults.plan(faults.status(429, headers={"retry-after": retry_after}))
        fail(load, with_real_receipt(stack, copy_event(receives=receives)))
        (seconds,) = postponements(stack)
        assert seconds == dict(RETRY_DELAYS)[receives]


def test_the_message_of_a_leased_job_is_retried_when_the_lease_has_expired(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    job = ready_sample(stack)
    now = datetime.now(UTC)
    submission = Submission("attempt-1", timestamp(now), timestamp(now + timedelta(seconds=1000)), PRICE, DAY)
    stack.jobs.move_job(job.id, Status.SUBMITTING, submission=submission)
    fail(load, with_real_receipt(stack, copy_event()))
    (seconds,) = postponements(stack)
    assert 900 < seconds <= 1001
    assert fake_server.request_log.entries() == []


@pytest.mark.parametrize(("receives", "seconds"), RETRY_DELAYS[:2])
def test_a_message_that_an_error_of_aws_failed_is_postponed_too(
    stack: Stack, fake_server: FakeVideoServer, load: Load, receives: int, seconds: int
) -> None:
    job = ready_sample(stack)
    stack.s3.delete_object(Bucket=stack.outputs.name, Key=job.copy.key)
    fail(load, with_real_receipt(stack, copy_event(receives=receives)))
    assert postponements(stack) == [seconds]
    assert (recorded(stack, job), fake_server.request_log.entries()) == (job, [])


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-one\nsk-two", "sk-\u200bcopied", "sk-tab\tbed"])
def test_a_key_that_no_header_can_hold_is_refused_before_anything_is_sent(
    stack: Stack, fake_server: FakeVideoServer, load: Load, aws: Event, key: str
) -> None:
    job = ready_sample(stack)
    function = load("submit")
    aws["secretsmanager"].update_secret(SecretId="video-api-key", SecretString=key)
    event = with_real_receipt(stack, copy_event())
    response = function.handler(event, CONTEXT)
    assert len(response["batchItemFailures"]) == 1
    assert postponements(stack) == [30]
    assert (recorded(stack, job), fake_server.request_log.entries()) == (job, [])

    aws["secretsmanager"].update_secret(SecretId="video-api-key", SecretString=KEY)
    response = function.handler(with_real_receipt(stack, copy_event(receives=2)), CONTEXT)
    assert response == {"batchItemFailures": []}
    assert recorded(stack, job).status is Status.QUEUED


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ReceiptHandleIsInvalid", "Message": "no"}}, "ChangeMessageVisibility"),
        EndpointConnectionError(endpoint_url="https://sqs.example.com"),
    ],
    ids=["refused", "unreachable"],
)
def test_a_message_that_cannot_be_postponed_fails_with_its_own_error(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    call: Callable[..., Any] = vars(BaseClient)["_make_api_call"]

    def fail_to_postpone(client: BaseClient, operation: str, *arguments: Any) -> Any:
        if operation == "ChangeMessageVisibility":
            raise error
        return call(client, operation, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", fail_to_postpone)
    failed: list[BaseException] = []
    function = load("submit")
    process = function.process

    def process_and_record_error(record: Any) -> None:
        try:
            process(record)
        except BaseException as own:
            failed.append(own)
            raise

    monkeypatch.setattr(function, "process", process_and_record_error)
    assert len(function.handler(copy_event(), CONTEXT)["batchItemFailures"]) == 1
    assert [getattr(own, "code", None) for own in failed] == ["job_not_ready"]


def test_a_redelivered_message_schedules_the_poll_that_was_not_scheduled(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    move_along(stack.jobs, ready_sample(stack), PATHS[Status.QUEUED][1:], "video_1")
    for receives, polls in ((1, 0), (2, 1)):
        response = load("submit").handler(copy_event(receives=receives), CONTEXT)
        assert response == {"batchItemFailures": []}
        assert stack.polls() == [({"job_id": JOB, "polls": 0}, 10)] * polls
    assert fake_server.request_log.entries() == []
