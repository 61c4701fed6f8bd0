"""A picture that crashes its decoder is rejected in the end, and no other picture fails with it."""

from __future__ import annotations

import io
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from sora_ready.adapters.upload_bucket import Upload, UploadBucket
from sora_ready.domain.imaging import ReadyImage
from sora_ready.domain.job import Decoding, Job, SourceObject, Status
from sora_ready.pipeline import decode_attempts
from sora_ready.pipeline import normalize as step

from .crashing_decoder import (
    DECODE_TIMEOUT_SECONDS,
    MAX_RECEIVES,
    VISIBILITY_SECONDS,
    Decoder,
    Killed,
    crash,
    job_of,
    real_decode,
)
from .crashing_process import crash_in_process
from .function_modules import CONTEXT, Load, upload_for
from .run_steps import normalize, path_of, recorded
from .stack_fixtures import TEMPLATE, Clock, Stack, bring_to, load_event, make_job

# ---------------------------------------------------------------- what is recorded while a picture is decoded


def test_a_job_is_recorded_before_its_picture_is_decoded(
    stack: Stack, source: SourceObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    before: list[Job] = []

    def decode(*arguments: Any, **options: Any) -> ReadyImage:
        before.append(job_of(stack, source))
        stack.clock.advance(seconds=3)
        return real_decode(*arguments, **options)

    monkeypatch.setattr(step, "make_ready_image", decode)

    # when
    ready = normalize(stack, source)

    # then
    (received,) = before
    assert (received.status, path_of(received)) == (Status.RECEIVED, ["received"])
    assert received.decoding == Decoding(("2026-11-12T08:00:00.000Z",))
    assert (received.options["size"], received.option_sources["size"]) == ("64x48", "tag")
    assert (ready.status, path_of(ready), ready.decoding) == (Status.READY, ["received", "ready"], Decoding())
    assert (ready.created_at, received.updated_at) == ("2026-11-12T08:00:00.000Z",) * 2
    assert ready.updated_at == ready.history[-1].at == "2026-11-12T08:00:03.000Z"


def test_a_received_job_without_an_attempt_is_normalized(stack: Stack, decoder: Decoder) -> None:
    # given a job without attempts, whose object is missing
    job = bring_to(stack.jobs, Status.RECEIVED)

    # when
    rejected = normalize(stack, job.source)

    # then the step got as far as the object
    assert (rejected.error.code, path_of(rejected)) == ("source_missing", ["received", "rejected"])


def test_the_first_attempt_is_added_to_a_record_without_any(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    stack.jobs.put_job(make_job(source, status=Status.RECEIVED))

    # when
    received = crash(stack, decoder, source)

    # then
    assert received.decoding == Decoding(("2026-11-12T08:00:00.000Z",))


# ---------------------------------------------------------------- attempts that crashed


def test_a_picture_that_crashed_its_decoder_once_is_decoded_again(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    received = crash(stack, decoder, source)
    assert (received.status, received.decoding.started_at) == (Status.RECEIVED, ("2026-11-12T08:00:00.000Z",))

    # when
    job = normalize(stack, source)

    # then
    assert job == recorded(stack, job)
    assert (job.status, path_of(job), job.decoding) == (Status.READY, ["received", "ready"], Decoding())
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:06:00.000Z")
    assert decoder.decodes == 2
    assert stack.output_keys() == [job.copy.key]


def test_after_the_second_crash_the_picture_is_rejected_and_neither_read_nor_decoded(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    class Unreadable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    class UnreadableBucket(UploadBucket):
        def open_upload(self, source: SourceObject) -> Upload:
            return replace(super().open_upload(source), body=Unreadable())

    crash(stack, decoder, source)
    crash(stack, decoder, source)

    # when
    job = normalize(stack, source, uploads=UnreadableBucket(stack.s3))

    # then
    assert decoder.decodes == 2
    assert job == recorded(stack, job)
    assert (job.status, path_of(job)) == (Status.REJECTED, ["received", "rejected"])
    assert (job.error.code, job.error.facts["attempts"]) == ("decoder_crashed", 2)
    assert "2 times" in job.error.message
    assert "Export it again as a plain JPEG" in job.error.message
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:12:00.000Z")
    assert (job.options["size"], job.option_sources["size"]) == ("64x48", "tag")
    assert stack.output_keys() == []


def test_a_picture_rejected_for_crashing_its_decoder_is_not_decoded_again(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    crash(stack, decoder, source)
    crash(stack, decoder, source)
    job = normalize(stack, source)

    # when
    again = normalize(stack, source)

    # then
    assert again == job
    assert stack.calls.names() == ["dynamodb.GetItem"]


def test_the_queue_delivers_the_message_often_and_late_enough_to_reject_the_picture() -> None:
    # given the function's timeout, after which an attempt is over
    timeout = TEMPLATE["Resources"]["Normalize"]["Properties"]["Timeout"]

    # then
    assert timeout < DECODE_TIMEOUT_SECONDS < VISIBILITY_SECONDS
    assert decode_attempts.MAX_CRASHES < MAX_RECEIVES


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_a_process_that_is_killed_leaves_its_attempt_on_record(
    stack: Stack, decoder: Decoder, source: SourceObject, signal_number: signal.Signals
) -> None:
    # given two functions whose process was killed
    for minute in ("00", "06"):
        assert crash_in_process(stack, source, signal_number) == -signal_number
        assert job_of(stack, source).decoding.started_at[-1] == f"2026-11-12T08:{minute}:00.000Z"
        stack.clock.advance(seconds=VISIBILITY_SECONDS)

    # when
    job = normalize(stack, source)

    # then
    assert (job.status, job.error.code) == (Status.REJECTED, "decoder_crashed")
    assert (decoder.decodes, stack.output_keys()) == (0, [])


# ---------------------------------------------------------------- other pictures


def test_a_picture_that_crashes_every_decoder_fails_no_other_picture(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given two uploads, the first of which crashes every decoder
    event = load_event("normalize-sqs-two-uploads.json")
    first, good = upload_for(stack, event)
    bad = stack.upload(first.key, b"poison")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(str(first.version_id), str(bad.version_id))

    def decode(data: bytes, *arguments: Any) -> ReadyImage:
        if data == b"poison":
            raise Killed
        return real_decode(data, *arguments)

    monkeypatch.setattr(step, "make_ready_image", decode)
    function = load("normalize")
    clock = Clock()
    function.build_step().jobs.now = clock

    # when each message is delivered by itself, as the template says, until it is processed
    assert TEMPLATE["Resources"]["Normalize"]["Properties"]["Events"]["Uploads"]["Properties"]["BatchSize"] == 1
    receives = {0: 0, 1: 0}
    for _ in range(MAX_RECEIVES):
        for number in list(receives):
            receives[number] += 1
            with suppress(Killed):
                assert function.handler({"Records": [event["Records"][number]]}, CONTEXT) == {"batchItemFailures": []}
                receives.pop(number)
        clock.advance(seconds=VISIBILITY_SECONDS)

    # then
    assert receives == {}
    assert job_of(stack, good).status is Status.READY
    assert path_of(job_of(stack, good)) == ["received", "ready"]
    assert job_of(stack, bad).error.code == "decoder_crashed"
