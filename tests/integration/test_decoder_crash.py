"""A picture that kills its decoder takes no other picture with it and does not come back for ever."""

from __future__ import annotations

import io
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sora_ready.adapters.buckets import Upload, UploadBucket

from sora_ready.domain.imaging.normalize import ReadyImage
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.pipeline import decode_attempts
from sora_ready.pipeline import normalize as step

from .crashing_decoder import (
    AWAY_SECONDS,
    DECODE_TIMEOUT_SECONDS,
    DELIVERIES,
    Decoder,
    Killed,
    decode_truly,
    die,
    found,
)
from .crashing_process import die_as_process
from .function_modules import Load, uploaded
from .run_steps import normalize, path_of, recorded
from .stack_fixtures import TEMPLATE, Clock, Stack, bring_to, load_event, make_job

# ---------------------------------------------------------------- what is on record while a picture is decoded


def test_a_job_is_on_record_before_its_picture_is_decoded(
    stack: Stack, source: SourceObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    seen: list[Job] = []

    def look(*given: Any, **options: Any) -> ReadyImage:
        seen.append(found(stack, source))
        stack.clock.advance(seconds=3)
        return decode_truly(*given, **options)

    monkeypatch.setattr(step, "normalize_image", look)

    # when
    ready = normalize(stack, source)

    # then
    (received,) = seen
    assert (received.status, path_of(received)) == (Status.RECEIVED, ["received"])
    assert received.submission == {"decodes": ["2026-11-12T08:00:00.000Z"]}
    assert (received.request.size, received.option_sources["size"]) == ("64x48", "tag")
    assert (ready.status, path_of(ready), ready.submission) == (Status.READY, ["received", "ready"], {})
    assert (ready.created_at, received.updated_at) == ("2026-11-12T08:00:00.000Z",) * 2
    assert ready.updated_at == ready.history[-1].at == "2026-11-12T08:00:03.000Z"


def test_a_received_job_without_an_attempt_is_decoded(stack: Stack, decoder: Decoder) -> None:
    # given the record that the test's own helper writes, and an object that is not there
    job = bring_to(stack.jobs, Status.RECEIVED)

    # when
    ended = normalize(stack, job.source)

    # then it came as far as the object
    assert (ended.error.code, path_of(ended)) == ("source_missing", ["received", "rejected"])


def test_an_attempt_joins_a_record_that_has_none(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    # given
    stack.jobs.put_job(make_job(source, status=Status.RECEIVED))

    # when
    received = die(stack, decoder, source)

    # then
    assert received.submission == {"decodes": ["2026-11-12T08:00:00.000Z"]}


# ---------------------------------------------------------------- attempts that died


def test_a_picture_whose_decoder_died_once_is_decoded_again(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    received = die(stack, decoder, source)
    assert (received.status, received.decoding.started_at) == (Status.RECEIVED, ["2026-11-12T08:00:00.000Z"])

    # when
    job = normalize(stack, source)

    # then
    assert job == recorded(stack, job)
    assert (job.status, path_of(job), job.submission) == (Status.READY, ["received", "ready"], {})
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:06:00.000Z")
    assert decoder.decodes == 2
    assert stack.output_keys() == [job.copy.key]


def test_after_the_second_death_the_picture_is_rejected_and_neither_read_nor_decoded(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    class Unreadable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    class Watched(UploadBucket):
        def open_upload(self, source: SourceObject) -> Upload:
            return replace(super().open_upload(source), body=Unreadable())

    die(stack, decoder, source)
    die(stack, decoder, source)

    # when
    job = normalize(stack, source, uploads=Watched(stack.s3))

    # then
    assert decoder.decodes == 2
    assert job == recorded(stack, job)
    assert (job.status, path_of(job)) == (Status.REJECTED, ["received", "rejected"])
    assert (job.error.code, job.error.facts["attempts"]) == ("decoder_crashed", 2)
    assert "2 times" in job.error.message
    assert "Export it again as a plain JPEG" in job.error.message
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:12:00.000Z")
    assert (job.request.size, job.option_sources["size"]) == ("64x48", "tag")
    assert stack.output_keys() == []


def test_what_was_rejected_for_its_decoder_is_left_alone(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    # given
    die(stack, decoder, source)
    die(stack, decoder, source)
    job = normalize(stack, source)

    # when
    again = normalize(stack, source)

    # then
    assert again == job
    assert stack.calls.names() == ["dynamodb.GetItem"]


def test_the_message_comes_often_and_late_enough_for_the_verdict() -> None:
    # given the function's own time, at whose end an attempt is over
    runs = TEMPLATE["Resources"]["Normalize"]["Properties"]["Timeout"]

    # then
    assert runs < DECODE_TIMEOUT_SECONDS < AWAY_SECONDS
    assert decode_attempts.MAX_DEAD < DELIVERIES


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_a_process_that_really_dies_leaves_its_attempt_on_record(
    stack: Stack, decoder: Decoder, source: SourceObject, ending: signal.Signals
) -> None:
    # given two functions that died as processes do
    for minute in ("00", "06"):
        assert die_as_process(stack, source, ending) == -ending
        assert found(stack, source).decoding.started_at[-1] == f"2026-11-12T08:{minute}:00.000Z"
        stack.clock.advance(seconds=AWAY_SECONDS)

    # when
    job = normalize(stack, source)

    # then
    assert (job.status, job.error.code) == (Status.REJECTED, "decoder_crashed")
    assert (decoder.decodes, stack.output_keys()) == (0, [])


# ---------------------------------------------------------------- other pictures


def test_other_pictures_do_not_suffer(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    # given two uploads, the first of which kills every decoder
    event = load_event("normalize-sqs-two-uploads.json")
    first, good = uploaded(stack, event)
    bad = stack.upload(first.key, b"poison")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(str(first.version_id), str(bad.version_id))

    def decode(data: bytes, **options: Any) -> ReadyImage:
        if data == b"poison":
            raise Killed
        return decode_truly(data, **options)

    monkeypatch.setattr(step, "normalize_image", decode)
    function = load("normalize")
    clock = Clock()
    function.wire()["jobs"].now = clock

    # when each message comes by itself, as the template has it, and comes back until it is dealt with
    assert TEMPLATE["Resources"]["Normalize"]["Properties"]["Events"]["Uploads"]["Properties"]["BatchSize"] == 1
    came = {0: 0, 1: 0}
    for _ in range(DELIVERIES):
        for number in list(came):
            came[number] += 1
            with suppress(Killed):
                assert function.handler({"Records": [event["Records"][number]]}, None) == {"batchItemFailures": []}
                came.pop(number)
        clock.advance(seconds=AWAY_SECONDS)

    # then
    assert came == {}
    assert found(stack, good).status is Status.READY
    assert path_of(found(stack, good)) == ["received", "ready"]
    assert found(stack, bad).error.code == "decoder_crashed"
