"""What a function may be called with directly, and in what words its errors leave it."""

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
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.entrypoints.invocations import (
    is_direct,
    parse_normalize_invocation,
    parse_submit_invocation,
    run_invocation,
)

PLACE = {"bucket": "b", "key": "a b+c.jpg"}
NOW = "2026-11-12T08:00:00.000Z"


def failing(error: SoraReadyError) -> Any:
    def step(_call: object) -> Job:
        try:
            raise ConnectionError("the prompt is a zebra")
        except ConnectionError:
            raise error from None

    return step


def test_a_batch_of_messages_is_no_direct_call() -> None:
    assert not is_direct({"Records": []})
    assert is_direct(PLACE)
    assert is_direct({})


def test_a_call_of_normalize_says_where_the_picture_lies_and_what_is_asked_of_it() -> None:
    call = parse_normalize_invocation(PLACE | {"version_id": "v1", "size": "auto", "seconds": 8, "crop_bounds": {}})
    assert (call.bucket, call.key, call.version_id, call.submit) == ("b", "a b+c.jpg", "v1", True)
    assert call.options == {"size": "auto", "seconds": 8, "crop_bounds": {}}
    assert parse_normalize_invocation(PLACE | {"submit": False}).submit is False


def test_what_is_null_counts_as_not_given() -> None:
    assert parse_normalize_invocation(
        PLACE | {"version_id": None, "mode": None, "submit": None}
    ) == parse_normalize_invocation(PLACE)


def test_a_call_of_submit_names_a_job_and_who_waits() -> None:
    call = parse_submit_invocation({"job_id": "video_1", "task_token": "t"})
    assert (call.job_id, call.task_token) == ("video_1", "t")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({}, ["bucket", "key"]),
        ({"bucket": "b"}, ["key"]),
        ({"job_id": ""}, ["job_id"]),
        (PLACE | {"promt": "a misspelled option is not paid for"}, ["promt"]),
        (PLACE | {"task_token": "t"}, ["task_token"]),
        ({"job_id": "j", "mode": "pad", "key": "k"}, ["key", "mode"]),
        (PLACE | {"submit": "false"}, ["submit"]),
        (PLACE | {"key": 7}, ["key"]),
    ],
)
def test_a_call_of_normalize_that_cannot_be_meant_is_refused(event: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvocationRejected) as refusal:
        parse_normalize_invocation(event)
    assert refusal.value.facts["fields"] == fields


@pytest.mark.parametrize("event", [PLACE | {"mode": "pad"}, {"job_id": "j", "submit": False}, {"job_id": ["j"]}])
def test_a_call_of_submit_that_cannot_be_meant_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvocationRejected):
        parse_submit_invocation(event)


def test_the_answer_is_the_job_without_what_its_door_remembers() -> None:
    job = Job("video_1", Status.READY, SourceObject("b", "k"), NOW, NOW, caller={"task_tokens": ["secret"]})
    told = run_invocation(lambda _: job, parse_submit_invocation({"job_id": "video_1"}))
    assert told | {"caller": job.invocation} == job.to_record()
    assert "caller" not in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ImageRejected("corrupt", "The picture is damaged.", job_id="video_1"),
            "The picture is damaged. (corrupt, video_1)",
        ),
        (SubmissionRefused("blocked", "'a zebra' is blocked"), "words are in the job's record. (blocked)"),
        (SubmissionNotAcceptedError("busy", "'a zebra' has to wait"), "words are in the job's record. (busy)"),
        (RequestRejected("prompt", "a zebra", "body", ["text"]), "The prompt cannot be used. (invalid_prompt)"),
    ],
)
def test_an_error_leaves_by_its_name_in_words_that_may_fake_server_a_log(error: SoraReadyError, told: str) -> None:
    with pytest.raises(type(error)) as raised:
        run_invocation(failing(error), parse_submit_invocation({"job_id": "video_1"}))
    assert type(raised.value) is type(error)
    assert str(raised.value).endswith(told)
    assert "zebra" not in str(raised.value)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
