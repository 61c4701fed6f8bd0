"""An attempt that raised an error is repeated, and never counts as a crash of the decoder."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sora_ready.domain.job import Decoding, Job, SourceObject, Status

from .crashing_decoder import (
    MAX_RECEIVES,
    VISIBILITY_SECONDS,
    Decoder,
    MissingOutputBucket,
    ThrottledTable,
    crash,
    job_of,
)
from .run_steps import normalize, path_of
from .stack_fixtures import Stack, picture


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ConnectionError("connection lost"), MemoryError()], ids=repr)
def test_a_decode_that_raised_is_repeated_and_never_counts_as_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject, error: Exception
) -> None:
    # when
    for _ in range(MAX_RECEIVES):
        decoder.errors = [error]
        with pytest.raises(type(error)) as raised:
            normalize(stack, source)
        assert raised.value is error
        assert job_of(stack, source).decoding == Decoding()
        stack.clock.advance(seconds=VISIBILITY_SECONDS)

    # then
    assert normalize(stack, source).status is Status.READY


def test_a_copy_that_cannot_be_saved_does_not_become_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    for _ in range(MAX_RECEIVES):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            normalize(stack, source, outputs=MissingOutputBucket(stack))
        assert stack.calls.names()[-2:] == ["s3.PutObject", "dynamodb.UpdateItem"]
        stack.clock.advance(seconds=VISIBILITY_SECONDS)

    # then
    job = normalize(stack, source)
    assert (job.status, path_of(job), decoder.decodes) == (Status.READY, ["received", "ready"], MAX_RECEIVES + 1)


@pytest.mark.parametrize("data", [picture(80, 60), b"no picture"], ids=["ready", "rejected"])
def test_an_outcome_that_cannot_be_recorded_does_not_become_a_crash(stack: Stack, data: bytes) -> None:
    # given a table that records the attempt and refuses its outcome
    source = stack.upload("beach.jpg", data)
    jobs = ThrottledTable(stack, lambda job: job.status is not Status.RECEIVED)

    # when
    for _ in range(MAX_RECEIVES):
        with pytest.raises(ClientError, match="ThrottlingException"):
            normalize(stack, source, jobs=jobs)
        stack.clock.advance(seconds=VISIBILITY_SECONDS)

    # then
    job = normalize(stack, source)
    assert (job.status, job.error and job.error.code) in {(Status.READY, None), (Status.REJECTED, "not_an_image")}


def test_a_table_that_refuses_every_write_does_not_become_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    for _ in range(MAX_RECEIVES):
        with pytest.raises(ClientError, match="ThrottlingException"):
            normalize(stack, source, jobs=ThrottledTable(stack, lambda _: True))
        stack.clock.advance(seconds=VISIBILITY_SECONDS)

    # then no attempt was made that could not be recorded
    assert decoder.decodes == 0
    assert normalize(stack, source).status is Status.READY


def test_an_attempt_that_cannot_be_taken_off_the_record_does_not_hide_its_error(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given a table that throttles every write after the first
    written: list[Job] = []
    jobs = ThrottledTable(stack, lambda job: bool(written) or written.append(job))
    decoder.errors = [RuntimeError("a bug")]

    # when
    with pytest.raises(RuntimeError, match="a bug"):
        normalize(stack, source, jobs=jobs)

    # then
    assert len(job_of(stack, source).decoding.started_at) == 1


def test_an_attempt_that_raised_takes_only_itself_off_the_record(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given one attempt that crashed, and one that crashes while another fails to save its copy
    first = crash(stack, decoder, source).decoding.started_at

    # when
    with pytest.raises(ClientError, match="NoSuchBucket"):
        normalize(stack, source, outputs=MissingOutputBucket(stack, lambda: crash_later(stack, decoder, source)))

    # then
    left = job_of(stack, source).decoding.started_at
    assert (left[:-1], len(left)) == (first, 2)
    assert left[-1] == "2026-11-12T08:06:05.000Z"


def crash_later(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    stack.clock.advance(seconds=5)
    crash(stack, decoder, source, wait=0)


def test_an_attempt_that_raises_after_the_job_is_ready_does_not_change_the_job(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    with pytest.raises(ClientError, match="NoSuchBucket"):
        normalize(stack, source, outputs=MissingOutputBucket(stack, lambda: normalize(stack, source)))

    # then
    assert path_of(job_of(stack, source)) == ["received", "ready"]
