"""Whatever happens to a job, neither its prompt nor the server's key is written to a log."""

from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.domain.errors import SubmissionRefused
from sora_ready.domain.job import Status
from sora_ready.domain.job_id import make_job_id

from .canned_server import CannedResponse, scripted_server
from .function_modules import (
    JOB,
    Event,
    Load,
    copy_event,
    due_poll,
    ready_sample,
    submit_sample,
    upload_for,
    with_real_receipt,
)
from .log_capture import Heard
from .stack_fixtures import KEY, Stack, eventually, load_event, picture

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PROMPT = "zebra-7731 walks into the sea"


def assert_kept(text: str, *told: str) -> None:
    """The log told what it should, and nothing that it must not."""
    for words in told:
        assert words in text
    assert "zebra" not in text
    assert KEY not in text


def wake(stack: Stack, load: Load, name: str, event: Event) -> Event:
    answer: Event = load(name).handler(event, None)
    return answer


def test_a_job_from_picture_to_video_keeps_them(stack: Stack, load: Load, heard: Heard) -> None:
    event = load_event("normalize-sqs-object-created.json")
    (source,) = upload_for(stack, event, Metadata={"prompt": quote(PROMPT)})
    wake(stack, load, "normalize", event)
    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    assert job.request.prompt == PROMPT
    wake(stack, load, "submit", copy_event(job.copy.key))
    track = load("track")

    def look() -> object:
        track.handler(due_poll(stack, job.id), None)
        return stack.jobs.get_job(job.id)

    eventually(look, lambda job: job.status is Status.COMPLETED)  # type: ignore[attr-defined]
    assert_kept(heard(), '"message":"normalized"', '"message":"submitted"', '"message":"tracked"', "completed")


def test_a_rejected_wish_keeps_them(stack: Stack, load: Load, heard: Heard) -> None:
    event = load_event("normalize-sqs-object-created.json")
    upload_for(stack, event, Metadata={"prompt": quote(PROMPT), "mode": "sideways"})
    wake(stack, load, "normalize", event)
    assert_kept(heard(), "rejected", "invalid_mode")


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_server_that_repeats_the_prompt_and_the_key_is_not_repeated(
    stack: Stack, load: Load, heard: Heard, status: int
) -> None:
    ready_sample(stack, PROMPT)
    said = {"error": {"message": f"{PROMPT!r} with {KEY} is refused", "code": "unwanted"}}
    with scripted_server(CannedResponse.of_json(said, status)) as server:
        function = load("submit", VIDEO_API_BASE_URL=server.base_url)
        function.handler(with_real_receipt(stack, load_event("submit-sqs-ready-copy.json")), None)
        assert server.requests == ["POST /v1/videos"]
    assert_kept(heard(), JOB if status != 429 else "message failed")


def test_a_busy_server_whose_message_cannot_be_postponed_is_not_repeated(
    stack: Stack, load: Load, heard: Heard
) -> None:
    ready_sample(stack, PROMPT)
    with scripted_server(CannedResponse.of_json({"error": {"message": f"{PROMPT!r} has to wait"}}, 429)) as server:
        function = load("submit", VIDEO_API_BASE_URL=server.base_url)
        # The receipt of the sample is one that the queue does not know.
        function.handler(load_event("submit-sqs-ready-copy.json"), None)
    assert_kept(heard(), "message failed")


def test_a_broken_connection_keeps_them(stack: Stack, fake_server: FakeVideoServer, load: Load, heard: Heard) -> None:
    ready_sample(stack, PROMPT)
    fake_server.faults.plan(faults.accept_then_drop_connection())
    wake(stack, load, "submit", load_event("submit-sqs-ready-copy.json"))
    assert_kept(heard(), "unconfirmed")


def test_a_fault_of_aws_in_the_middle_keeps_them(stack: Stack, load: Load, heard: Heard) -> None:
    ready_sample(stack, PROMPT)
    stack.dynamodb.delete_table(TableName=stack.table)
    answer = wake(stack, load, "submit", load_event("submit-sqs-ready-copy.json"))
    assert len(answer["batchItemFailures"]) == 1
    assert_kept(heard(), "message failed", "ResourceNotFoundException")


def test_looking_at_a_job_keeps_them(stack: Stack, load: Load, heard: Heard) -> None:
    submit_sample(stack, load, prompt=PROMPT)
    said = {"id": "video_1", "status": "failed", "prompt": PROMPT, "error": {"code": "bad", "message": PROMPT}}
    with scripted_server(CannedResponse.of_json(said)) as server:
        load("track", VIDEO_API_BASE_URL=server.base_url).handler(load_event("track-sqs-poll.json"), None)
    assert_kept(heard(), '"message":"tracked"', "failed")


def test_a_backlog_keeps_them(stack: Stack, load: Load, heard: Heard) -> None:
    event = load_event("backfill-batch-schema-2.0.json")
    event["job"]["userArguments"]["prompt"] = PROMPT
    stack.upload("holiday/beach & sea.jpg", picture(80, 60))
    assert wake(stack, load, "backfill", event)["results"][0]["resultCode"] == "Succeeded"
    stack.dynamodb.delete_table(TableName=stack.table)
    assert wake(stack, load, "backfill", event)["results"][0]["resultCode"] == "TemporaryFailure"
    assert_kept(heard(), "task answered", "a task could not be taken up", "ResourceNotFoundException")


def test_direct_calls_keep_them_and_the_token_of_who_waits(stack: Stack, load: Load, heard: Heard) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    place = {"bucket": source.bucket, "key": source.key}
    job = load("normalize").handler(place | {"prompt": PROMPT}, None)
    assert job["request"]["prompt"] == PROMPT
    job = load("submit").handler({"job_id": job["job_id"], "task_token": "zebra-token"}, None)
    assert job["status"] == "queued"
    assert_kept(heard(), "called", "the server took the job")


def test_a_refusal_of_a_direct_call_keeps_them(stack: Stack, load: Load, heard: Heard) -> None:
    ready_sample(stack, PROMPT)
    said = {"error": {"message": f"{PROMPT!r} with {KEY} is refused", "code": "unwanted"}}
    with scripted_server(CannedResponse.of_json(said, 400)) as server:
        function = load("submit", VIDEO_API_BASE_URL=server.base_url)
        # Lambda logs what leaves the function.
        with pytest.raises(SubmissionRefused) as refusal:
            function.handler({"job_id": JOB}, None)
    assert_kept(heard() + "".join(traceback.format_exception(refusal.value)), "SubmissionRefused", "unwanted", JOB)
