"""Neither a job's prompt nor the server's key is ever written to a log."""

from __future__ import annotations

import json
import traceback
from urllib.parse import quote

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.domain.errors import SubmissionRefused
from sora_ready.domain.job import Status
from sora_ready.domain.job_id import make_job_id

from .canned_server import CannedResponse, canned_server
from .function_modules import (
    CONTEXT,
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
from .log_capture import LogOutput
from .stack_fixtures import KEY, Stack, eventually, load_event, picture

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PROMPT = "zebra-7731 walks into the sea"


def assert_secret(log: str, *expected: str) -> None:
    """Assert that the log says what is expected, and neither the prompt nor the key."""
    for text in expected:
        assert text in log
    assert "zebra" not in log
    assert KEY not in log


def invoke(load: Load, name: str, event: Event) -> Event:
    response: Event = load(name).handler(event, CONTEXT)
    return response


def test_a_job_from_picture_to_video_logs_neither(stack: Stack, load: Load, log_output: LogOutput) -> None:
    event = load_event("normalize-sqs-object-created.json")
    (source,) = upload_for(stack, event, Metadata={"prompt": quote(PROMPT)})
    invoke(load, "normalize", event)
    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    assert job.request.prompt == PROMPT
    invoke(load, "submit", copy_event(job.copy.key))
    track = load("track")

    def poll() -> Status:
        track.handler(due_poll(stack, job.id), CONTEXT)
        return stack.jobs.get_job(job.id).status

    eventually(poll, lambda status: status is Status.COMPLETED)
    assert_secret(log_output(), '"message":"normalized"', '"message":"submitted"', '"message":"polled"', "completed")


def test_a_rejected_option_logs_neither(stack: Stack, load: Load, log_output: LogOutput) -> None:
    event = load_event("normalize-sqs-object-created.json")
    upload_for(stack, event, Metadata={"prompt": quote(PROMPT), "mode": "sideways"})
    invoke(load, "normalize", event)
    assert_secret(log_output(), "rejected", "invalid_mode")


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_server_error_that_repeats_the_prompt_and_the_key_is_not_logged(
    stack: Stack, load: Load, log_output: LogOutput, status: int
) -> None:
    ready_sample(stack, PROMPT)
    body = {"error": {"message": f"{PROMPT!r} with {KEY} is refused", "code": "unwanted"}}
    with canned_server(CannedResponse.of_json(body, status)) as server:
        function = load("submit", VIDEO_API_BASE_URL=server.base_url)
        function.handler(with_real_receipt(stack, load_event("submit-sqs-ready-copy.json")), CONTEXT)
        assert server.requests == ["POST /v1/videos"]
    assert_secret(log_output(), JOB if status != 429 else "message failed")


def test_the_error_of_a_message_that_cannot_be_postponed_is_not_logged(
    stack: Stack, load: Load, log_output: LogOutput
) -> None:
    ready_sample(stack, PROMPT)
    with canned_server(CannedResponse.of_json({"error": {"message": f"{PROMPT!r} has to wait"}}, 429)) as server:
        function = load("submit", VIDEO_API_BASE_URL=server.base_url)
        # The queue does not know the receipt handle of the sample event.
        function.handler(load_event("submit-sqs-ready-copy.json"), CONTEXT)
    assert_secret(log_output(), "message failed")


def test_a_broken_connection_logs_neither(
    stack: Stack, fake_server: FakeVideoServer, load: Load, log_output: LogOutput
) -> None:
    ready_sample(stack, PROMPT)
    fake_server.faults.plan(faults.accept_then_drop_connection())
    invoke(load, "submit", load_event("submit-sqs-ready-copy.json"))
    assert_secret(log_output(), "unconfirmed")


def test_an_error_of_aws_logs_neither(stack: Stack, load: Load, log_output: LogOutput) -> None:
    ready_sample(stack, PROMPT)
    stack.dynamodb.delete_table(TableName=stack.table)
    response = invoke(load, "submit", load_event("submit-sqs-ready-copy.json"))
    assert len(response["batchItemFailures"]) == 1
    assert_secret(log_output(), "message failed", "ResourceNotFoundException")


def test_a_poll_logs_neither(stack: Stack, load: Load, log_output: LogOutput) -> None:
    submit_sample(stack, load, prompt=PROMPT)
    body = {"id": "video_1", "status": "failed", "prompt": PROMPT, "error": {"code": "bad", "message": PROMPT}}
    with canned_server(CannedResponse.of_json(body)) as server:
        load("track", VIDEO_API_BASE_URL=server.base_url).handler(load_event("track-sqs-poll.json"), CONTEXT)
    assert_secret(log_output(), '"message":"polled"', "failed")


def test_a_backfill_logs_neither(stack: Stack, load: Load, log_output: LogOutput) -> None:
    event = load_event("backfill-batch-schema-2.0.json")
    event["job"]["userArguments"]["prompt"] = PROMPT
    stack.upload("holiday/beach & sea.jpg", picture(80, 60))
    assert invoke(load, "backfill", event)["results"][0]["resultCode"] == "Succeeded"
    stack.dynamodb.delete_table(TableName=stack.table)
    assert invoke(load, "backfill", event)["results"][0]["resultCode"] == "TemporaryFailure"
    assert_secret(log_output(), "task processed", "task failed", "ResourceNotFoundException")


def test_direct_invocations_log_neither_nor_the_task_token(stack: Stack, load: Load, log_output: LogOutput) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    uploaded = {"bucket": source.bucket, "key": source.key}
    job = load("normalize").handler(uploaded | {"prompt": PROMPT}, CONTEXT)
    assert job["request"]["prompt"] == PROMPT
    job = load("submit").handler({"job_id": job["job_id"], "task_token": "zebra-token"}, CONTEXT)
    assert job["status"] == "queued"
    assert_secret(log_output(), "invoked", "video accepted by the server")


def test_the_error_of_a_direct_invocation_logs_neither(stack: Stack, load: Load, log_output: LogOutput) -> None:
    ready_sample(stack, PROMPT)
    body = {"error": {"message": f"{PROMPT!r} with {KEY} is refused", "code": "unwanted"}}
    with canned_server(CannedResponse.of_json(body, 400)) as server:
        function = load("submit", VIDEO_API_BASE_URL=server.base_url)
        # Lambda logs an error that leaves the function.
        with pytest.raises(SubmissionRefused) as refusal:
            function.handler({"job_id": JOB}, CONTEXT)
    assert_secret(
        log_output() + "".join(traceback.format_exception(refusal.value)), "SubmissionRefused", "unwanted", JOB
    )


def test_every_log_line_has_its_request_function_and_stack(stack: Stack, load: Load, log_output: LogOutput) -> None:
    ready_sample(stack)
    invoke(load, "submit", load_event("submit-sqs-ready-copy.json"))
    lines = [json.loads(line) for line in log_output().splitlines() if line.startswith("{")]
    assert {"video accepted by the server", "submitted"} <= {line["message"] for line in lines}
    for line in lines:
        assert (line["request_id"], line["function_name"]) == (CONTEXT.aws_request_id, CONTEXT.function_name)
        assert (line["stack"], line["service"]) == ("sora-ready", "sora_ready")
