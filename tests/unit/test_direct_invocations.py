"""What a direct invocation of a function may contain, and what its errors say in the log."""

from __future__ import annotations

from typing import Any

import pytest

from sora_ready.domain.errors import (
    ImageRejected,
    InvocationRejected,
    RequestRejected,
    SoraReadyError,
    SubmissionNotAcceptedError,
    SubmissionRefused,
)
from sora_ready.domain.job import Invocation, Job, SourceObject, Status
from sora_ready.entrypoints.invocations import (
    is_direct,
    parse_normalize_invocation,
    parse_submit_invocation,
    run_invocation,
)

OBJECT = {"bucket": "b", "key": "a b+c.jpg"}
NOW = "2026-11-12T08:00:00.000Z"


def failing(error: SoraReadyError) -> Any:
    def step(_invocation: object) -> Job:
        try:
            raise ConnectionError("the prompt is a zebra")
        except ConnectionError:
            raise error from None

    return step


def test_a_batch_of_messages_is_not_a_direct_invocation() -> None:
    assert not is_direct({"Records": []})
    assert is_direct(OBJECT)
    assert is_direct({})


def test_an_invocation_of_normalize_names_an_object_and_its_options() -> None:
    invocation = parse_normalize_invocation(
        OBJECT | {"version_id": "v1", "size": "auto", "seconds": 8, "crop_bounds": {}}
    )
    assert (invocation.bucket, invocation.key, invocation.version_id, invocation.submit) == (
        "b",
        "a b+c.jpg",
        "v1",
        True,
    )
    assert invocation.options == {"size": "auto", "seconds": 8, "crop_bounds": {}}
    assert parse_normalize_invocation(OBJECT | {"submit": False}).submit is False


def test_null_counts_as_left_out() -> None:
    assert parse_normalize_invocation(
        OBJECT | {"version_id": None, "mode": None, "submit": None}
    ) == parse_normalize_invocation(OBJECT)


def test_an_invocation_of_submit_names_a_job_and_a_task_token() -> None:
    invocation = parse_submit_invocation({"job_id": "video_1", "task_token": "t"})
    assert (invocation.job_id, invocation.task_token) == ("video_1", "t")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({}, ["bucket", "key"]),
        ({"bucket": "b"}, ["key"]),
        ({"job_id": ""}, ["job_id"]),
        (OBJECT | {"promt": "a misspelled option is not paid for"}, ["promt"]),
        (OBJECT | {"task_token": "t"}, ["task_token"]),
        ({"job_id": "j", "mode": "pad", "key": "k"}, ["key", "mode"]),
        (OBJECT | {"submit": "false"}, ["submit"]),
        (OBJECT | {"key": 7}, ["key"]),
    ],
)
def test_an_invalid_invocation_of_normalize_is_rejected(event: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvocationRejected) as rejected:
        parse_normalize_invocation(event)
    assert rejected.value.facts["fields"] == fields


@pytest.mark.parametrize("event", [OBJECT | {"mode": "pad"}, {"job_id": "j", "submit": False}, {"job_id": ["j"]}])
def test_an_invalid_invocation_of_submit_is_rejected(event: dict[str, Any]) -> None:
    with pytest.raises(InvocationRejected):
        parse_submit_invocation(event)


def test_the_response_is_the_job_without_its_task_tokens() -> None:
    waiting = Invocation(task_tokens=("secret",))
    job = Job("video_1", Status.READY, SourceObject("b", "k"), NOW, NOW, invocation=waiting)
    response = run_invocation(lambda _: job, parse_submit_invocation({"job_id": "video_1"}))
    assert response | {"invocation": {"task_tokens": ["secret"]}} == job.to_record()
    assert "invocation" not in response


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ImageRejected("corrupt", "The picture is damaged.", job_id="video_1"),
            "The picture is damaged. (corrupt, video_1)",
        ),
        (SubmissionRefused("blocked", "'a zebra' is blocked"), "message is in the job's record. (blocked)"),
        (SubmissionNotAcceptedError("busy", "'a zebra' has to wait"), "message is in the job's record. (busy)"),
        (RequestRejected("prompt", "a zebra", "body", ["text"]), "The prompt cannot be used. (invalid_prompt)"),
    ],
)
def test_an_error_is_raised_by_name_with_a_message_that_may_be_logged(error: SoraReadyError, message: str) -> None:
    with pytest.raises(type(error)) as raised:
        run_invocation(failing(error), parse_submit_invocation({"job_id": "video_1"}))
    assert type(raised.value) is type(error)
    assert str(raised.value).endswith(message)
    assert "zebra" not in str(raised.value)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
