"""State machines that wait for a job are answered when it has ended: with the job, or by its error's name."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from sora_ready.adapters.event_bus import EventBus
from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.task_tokens import TaskTokens
from sora_ready.domain.job import Job, Status
from sora_ready.pipeline.publish import answer_tasks, publish_status_changes

from .function_modules import Load
from .stack_fixtures import Stack, make_job

Record = dict[str, Any]
VIDEO = {"bucket": "out", "key": "videos/v.mp4", "bytes": 9, "sha256": "00"}
ERROR = {"code": "moderation_blocked", "message": "Your request was blocked."}


class Machines(TaskTokens):
    """Keeps the answers; those to the tokens that it is told to cannot be given."""

    def __init__(self, *unreachable: str) -> None:
        self.unreachable = unreachable
        self.answers: list[tuple[str, str, Any]] = []

    def succeed(self, token: str, output: Any) -> None:
        self._answer(token, "succeeded", output)

    def fail(self, token: str, name: str, cause: Any) -> None:
        self._answer(token, name, cause)

    def _answer(self, *answer: Any) -> None:
        if answer[0] in self.unreachable:
            raise refusal("ThrottlingException")
        self.answers.append(answer)


class DeafBus(EventBus):
    def __init__(self) -> None: ...

    def put_events(self, events: Any) -> list[int]:
        return [0]


class DeniedBus(DeafBus):
    def put_events(self, events: Any) -> list[int]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "PutEvents")


def publish(records: list[Record], bus: EventBus, tasks: TaskTokens) -> str | None:
    return publish_status_changes(records, bus, tasks, stack="films")


def refusal(code: str, status: int = 400) -> ClientError:
    told = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "SendTaskSuccess")  # type: ignore[arg-type]


def job(status: Status, *tokens: str, job_id: str = "video_1") -> Job:
    parts: dict[str, Any] = {"video": VIDEO} if status is Status.COMPLETED else {"error": ERROR}
    caller = {"caller": {"task_tokens": list(tokens)}} if tokens else {}
    return Job.from_record(make_job(job_id=job_id, status=status).to_record() | parts | caller)


def change(after: Job, before: Job | None = None, number: int = 1) -> Record:
    images = {"NewImage": write_item(after.to_record()), "SequenceNumber": str(number)}
    if before:
        images["OldImage"] = write_item(before.to_record())
    return {"eventName": "MODIFY", "dynamodb": images}


def names(machines: Machines) -> list[tuple[str, str]]:
    return [(token, name) for token, name, _ in machines.answers]


def test_everybody_who_waits_gets_the_job_when_it_is_completed() -> None:
    machines = Machines()
    answer_tasks([change(job(Status.COMPLETED, "a", "b"), job(Status.IN_PROGRESS, "a", "b"))], machines)
    assert names(machines) == [("a", "succeeded"), ("b", "succeeded")]
    _, _, told = machines.answers[0]
    assert (told["job_id"], told["status"], told["video"]) == ("video_1", "completed", VIDEO)
    assert {"caller", "history", "due_at"}.isdisjoint(told)
    assert "prompt" not in told["request"]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (Status.FAILED, "SubmissionRefused"),
        (Status.REJECTED, "ImageRejected"),
        (Status.CANCELED, "JobCanceled"),
    ],
)
def test_an_end_without_a_video_fails_the_task_by_name(status: Status, name: str) -> None:
    machines = Machines()
    answer_tasks([change(job(status, "a"), job(Status.READY, "a"))], machines)
    ((_, told, cause),) = machines.answers
    assert told == cause["errorType"] == name
    assert cause["errorMessage"] == ERROR["message"]
    assert cause["error"] == ERROR | {"job_id": "video_1"}


@pytest.mark.parametrize("status", [Status.HELD, Status.UNCONFIRMED, Status.QUEUED, Status.IN_PROGRESS])
def test_a_job_that_goes_on_is_waited_for(status: Status) -> None:
    machines = Machines()
    answer_tasks([change(job(status, "a"), job(Status.READY, "a"))], machines)
    assert machines.answers == []


def test_whoever_begins_to_wait_for_a_job_that_has_ended_is_answered_at_once_and_nobody_else() -> None:
    machines = Machines()
    answer_tasks([change(job(Status.COMPLETED, "a", "late"), job(Status.COMPLETED, "a"))], machines)
    assert names(machines) == [("late", "succeeded")]


def test_a_record_that_is_removed_or_has_nobody_waiting_is_passed_over() -> None:
    machines = Machines()
    removed = {"dynamodb": {"OldImage": write_item(job(Status.COMPLETED, "a").to_record()), "SequenceNumber": "1"}}
    assert answer_tasks([removed, change(job(Status.COMPLETED))], machines) is None
    assert machines.answers == []


def test_who_cannot_be_told_just_now_is_told_when_the_stream_comes_again() -> None:
    machines = Machines("b")
    records = [change(job(Status.COMPLETED, token), number=number) for number, token in enumerate("abc")]
    assert answer_tasks(records, machines) == "1"
    assert names(machines) == [("a", "succeeded"), ("c", "succeeded")]


def test_the_stream_begins_again_where_either_an_event_or_an_answer_failed_first() -> None:
    records = [change(job(Status.COMPLETED, "a"), number=1), change(job(Status.READY), number=2)]
    assert publish(records, DeafBus(), Machines("a")) == "1"
    assert publish(list(reversed(records)), DeafBus(), Machines("a")) == "2"
    assert publish(records[:1], DeafBus(), Machines()) == "1"


def test_a_bus_that_may_not_be_used_keeps_no_state_machine_waiting() -> None:
    machines = Machines()
    records = [change(job(Status.READY), number=1), change(job(Status.COMPLETED, "a"), number=2)]
    assert publish(records, DeniedBus(), machines) == "1"
    assert names(machines) == [("a", "succeeded")]


def test_a_token_that_gave_way_to_others_is_failed_by_name_and_the_others_wait() -> None:
    machines = Machines()
    answer_tasks([change(job(Status.QUEUED, "b", "c"), job(Status.QUEUED, "a", "b"))], machines)
    ((token, name, cause),) = machines.answers
    assert (token, name) == ("a", "TaskTokenEvictedError")
    assert cause["error"]["job_id"] == "video_1"


def test_tokens_that_were_answered_give_way_unnoticed() -> None:
    machines = Machines()
    answer_tasks([change(job(Status.COMPLETED, "late"), job(Status.COMPLETED, "a", "b"))], machines)
    assert names(machines) == [("late", "succeeded")]


def test_who_waits_for_a_job_that_was_deleted_is_told_that_there_is_none() -> None:
    machines = Machines()
    answer_tasks([change(job(Status.DELETED, "a"), job(Status.DELETED))], machines)
    assert names(machines) == [("a", "JobNotFound")]
    machines = Machines()
    answer_tasks([change(job(Status.DELETED), job(Status.COMPLETED, "a"))], machines)
    assert machines.answers == []


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken", "AccessDeniedException"])
def test_an_execution_that_is_over_is_no_error(code: str) -> None:
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        stubber.add_client_error("send_task_success", code, http_status_code=400)
        stubber.add_client_error("send_task_failure", code, http_status_code=400)
        TaskTokens(client).succeed("t", {})
        TaskTokens(client).fail("t", "ImageRejected", {})
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalError", 500)])
def test_what_may_go_well_the_next_time_is_raised(code: str, status: int) -> None:
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        stubber.add_client_error("send_task_success", code, http_status_code=status)
        with pytest.raises(ClientError):
            TaskTokens(client).succeed("t", {})


def test_a_cause_is_cut_to_what_step_functions_takes() -> None:
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        stubber.add_response(
            "send_task_failure", {}, {"taskToken": "t", "error": "E", "cause": '{"a": "' + "海" * (32_768 - 7)}
        )
        TaskTokens(client).fail("t", "E", {"a": "海" * 40_000})


def test_the_function_answers_and_neither_event_nor_log_holds_the_token(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    machines = Machines()
    monkeypatch.setattr(TaskTokens, "succeed", lambda _, *given: machines.succeed(*given))
    done = change(job(Status.COMPLETED, "a-secret-token"), job(Status.IN_PROGRESS, "a-secret-token"))

    assert load("publish").handler({"Records": [done]}, None) == {"batchItemFailures": []}

    assert names(machines) == [("a-secret-token", "succeeded")]
    (call,) = stack.calls.sent("events.PutEvents")
    assert "a-secret-token" not in json.dumps(call) + "".join(capfd.readouterr())
