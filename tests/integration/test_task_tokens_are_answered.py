"""State machines that wait for a job are answered when it has ended: with the job, or with its error by name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.domain.codec import encode
from sora_ready.domain.errors import AwsServiceError, JobError
from sora_ready.domain.job import Invocation, Job, Status, StoredVideo
from sora_ready.entrypoints.table_stream import read_changes

from .function_modules import CONTEXT, Load
from .publish_fakes import FakeBus, FakeTaskTokens, StreamRecord, publish_step, stream_record
from .stack_fixtures import Stack, make_job

VIDEO = StoredVideo("out", "videos/v.mp4", "video/mp4", 9, "00")
ERROR = JobError("moderation_blocked", "Your request was blocked.")


class RefusingBus(FakeBus):
    """Refuses the first event of each call."""

    def put_events(self, detail_type: str, details: Any) -> list[int]:
        return [0]


class DeniedBus(FakeBus):
    """Fails every call."""

    def put_events(self, detail_type: str, details: Any) -> list[int]:
        raise AwsServiceError("PutEvents", "AccessDeniedException")


def publish(records: list[StreamRecord], bus: EventBus, task_tokens: TaskTokens) -> str | None:
    return publish_step(bus, task_tokens)(read_changes({"Records": records})[0])


def answer_task_tokens(records: list[StreamRecord], task_tokens: TaskTokens) -> str | None:
    return publish_step(FakeBus(), task_tokens).answer_task_tokens(read_changes({"Records": records})[0])


def job(status: Status, *tokens: str, job_id: str = "video_1") -> Job:
    job = replace(make_job(job_id=job_id, status=status), invocation=Invocation(task_tokens=tokens))
    return replace(job, video=VIDEO) if status is Status.COMPLETED else replace(job, error=ERROR)


def test_a_completed_job_succeeds_every_task_that_waits_for_it() -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(Status.COMPLETED, "a", "b"), job(Status.IN_PROGRESS, "a", "b"))], task_tokens)
    assert task_tokens.names() == [("a", "succeeded"), ("b", "succeeded")]
    _, _, output = task_tokens.results[0]
    assert (output["job_id"], output["status"], output["video"]) == ("video_1", "completed", encode(VIDEO))
    assert {"invocation", "history", "due_at"}.isdisjoint(output)
    assert "prompt" not in output["request"]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (Status.FAILED, "SubmissionRefused"),
        (Status.REJECTED, "ImageRejected"),
        (Status.CANCELED, "JobCanceled"),
    ],
)
def test_a_job_that_ends_without_a_video_fails_the_task_by_name(status: Status, name: str) -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(status, "a"), job(Status.READY, "a"))], task_tokens)
    ((_, error_name, cause),) = task_tokens.results
    assert error_name == cause["errorType"] == name
    assert cause["errorMessage"] == ERROR.message
    assert cause["error"] == ERROR.to_record() | {"job_id": "video_1"}


@pytest.mark.parametrize("status", [Status.HELD, Status.UNCONFIRMED, Status.QUEUED, Status.IN_PROGRESS])
def test_a_job_that_has_not_ended_answers_no_task(status: Status) -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(status, "a"), job(Status.READY, "a"))], task_tokens)
    assert task_tokens.results == []


def test_a_token_added_to_a_job_that_has_ended_is_answered_at_once_and_alone() -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(Status.COMPLETED, "a", "late"), job(Status.COMPLETED, "a"))], task_tokens)
    assert task_tokens.names() == [("late", "succeeded")]


def test_a_removed_record_and_one_without_tokens_answer_no_task() -> None:
    task_tokens = FakeTaskTokens()
    removed = stream_record(None, job(Status.COMPLETED, "a"))
    assert answer_task_tokens([removed, stream_record(job(Status.COMPLETED))], task_tokens) is None
    assert task_tokens.results == []


def test_a_task_that_could_not_be_answered_makes_the_stream_start_again_there() -> None:
    task_tokens = FakeTaskTokens("b")
    records = [stream_record(job(Status.COMPLETED, token), number=number) for number, token in enumerate("abc")]
    assert answer_task_tokens(records, task_tokens) == "1"
    assert task_tokens.names() == [("a", "succeeded"), ("c", "succeeded")]


def test_the_stream_starts_again_where_either_an_event_or_an_answer_failed_first() -> None:
    records = [stream_record(job(Status.COMPLETED, "a"), number=1), stream_record(job(Status.READY), number=2)]
    assert publish(records, RefusingBus(), FakeTaskTokens("a")) == "1"
    assert publish(list(reversed(records)), RefusingBus(), FakeTaskTokens("a")) == "2"
    assert publish(records[:1], RefusingBus(), FakeTaskTokens()) == "1"


def test_tasks_are_answered_although_the_bus_fails() -> None:
    task_tokens = FakeTaskTokens()
    records = [stream_record(job(Status.READY), number=1), stream_record(job(Status.COMPLETED, "a"), number=2)]
    assert publish(records, DeniedBus(), task_tokens) == "1"
    assert task_tokens.names() == [("a", "succeeded")]


def test_an_evicted_token_is_failed_by_name_and_the_others_wait() -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(Status.QUEUED, "b", "c"), job(Status.QUEUED, "a", "b"))], task_tokens)
    ((token, name, cause),) = task_tokens.results
    assert (token, name) == ("a", "TaskTokenEvictedError")
    assert cause["error"]["job_id"] == "video_1"


def test_tokens_that_were_answered_are_evicted_without_another_answer() -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(Status.COMPLETED, "late"), job(Status.COMPLETED, "a", "b"))], task_tokens)
    assert task_tokens.names() == [("late", "succeeded")]


def test_a_task_that_waits_for_a_deleted_job_fails_as_job_not_found() -> None:
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(Status.DELETED, "a"), job(Status.DELETED))], task_tokens)
    assert task_tokens.names() == [("a", "JobNotFound")]
    task_tokens = FakeTaskTokens()
    answer_task_tokens([stream_record(job(Status.DELETED), job(Status.COMPLETED, "a"))], task_tokens)
    assert task_tokens.results == []


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken", "AccessDeniedException"])
def test_an_execution_that_has_ended_raises_nothing(code: str) -> None:
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        stubber.add_client_error("send_task_success", code, http_status_code=400)
        stubber.add_client_error("send_task_failure", code, http_status_code=400)
        TaskTokens(client).succeed("t", {})
        TaskTokens(client).fail("t", "ImageRejected", {})
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalError", 500)])
def test_an_answer_that_may_succeed_later_raises(code: str, status: int) -> None:
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        stubber.add_client_error("send_task_success", code, http_status_code=status)
        with pytest.raises(AwsServiceError) as raised:
            TaskTokens(client).succeed("t", {})
    assert (raised.value.code, raised.value.facts) == (code, {"operation": "SendTaskSuccess"})


def test_a_cause_is_cut_to_the_length_that_step_functions_accepts() -> None:
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        stubber.add_response(
            "send_task_failure", {}, {"taskToken": "t", "error": "E", "cause": '{"a": "' + "海" * (32_768 - 7)}
        )
        TaskTokens(client).fail("t", "E", {"a": "海" * 40_000})


def test_neither_event_nor_log_of_the_function_holds_the_token(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    task_tokens = FakeTaskTokens()
    monkeypatch.setattr(TaskTokens, "succeed", lambda _, *arguments: task_tokens.succeed(*arguments))
    done = stream_record(job(Status.COMPLETED, "a-secret-token"), job(Status.IN_PROGRESS, "a-secret-token"))

    assert load("publish").handler({"Records": [done]}, CONTEXT) == {"batchItemFailures": []}

    assert task_tokens.names() == [("a-secret-token", "succeeded")]
    (call,) = stack.calls.sent("events.PutEvents")
    assert "a-secret-token" not in json.dumps(call) + "".join(capfd.readouterr())
