"""An attempt that ended, though not well, is tried again and never counted as a death of its decoder."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sora_ready.domain.job import Job, SourceObject, Status

from .crashing_decoder import AWAY_SECONDS, DELIVERIES, Decoder, Failing, Unsaved, die, found
from .run_steps import normalize, path_of
from .stack_fixtures import Stack, picture


@pytest.mark.parametrize(
    "trouble", [RuntimeError("a fault of ours"), ConnectionError("the line was cut"), MemoryError()], ids=repr
)
def test_a_decode_that_raised_is_tried_again_and_never_counted(
    stack: Stack, decoder: Decoder, source: SourceObject, trouble: Exception
) -> None:
    # when
    for _ in range(DELIVERIES):
        decoder.ends = [trouble]
        with pytest.raises(type(trouble)) as raised:
            normalize(stack, source)
        assert raised.value is trouble
        assert found(stack, source).submission == {"decodes": []}
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then
    assert normalize(stack, source).status is Status.READY


def test_a_copy_that_cannot_be_saved_does_not_become_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    for _ in range(DELIVERIES):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            normalize(stack, source, outputs=Unsaved(stack))
        assert stack.calls.names()[-2:] == ["s3.PutObject", "dynamodb.UpdateItem"]
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then
    job = normalize(stack, source)
    assert (job.status, path_of(job), decoder.decodes) == (Status.READY, ["received", "ready"], DELIVERIES + 1)


@pytest.mark.parametrize("data", [picture(80, 60), b"no picture"], ids=["ready", "rejected"])
def test_an_outcome_that_cannot_be_recorded_does_not_become_a_crash(stack: Stack, data: bytes) -> None:
    # given a table that takes the announcement and refuses the outcome
    source = stack.upload("beach.jpg", data)
    jobs = Failing(stack, lambda job: job.status is not Status.RECEIVED)

    # when
    for _ in range(DELIVERIES):
        with pytest.raises(ClientError, match="ThrottlingException"):
            normalize(stack, source, jobs=jobs)
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then
    job = normalize(stack, source)
    assert (job.status, job.error.code) in {(Status.READY, None), (Status.REJECTED, "not_an_image")}


def test_a_table_that_takes_nothing_does_not_become_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    for _ in range(DELIVERIES):
        with pytest.raises(ClientError, match="ThrottlingException"):
            normalize(stack, source, jobs=Failing(stack, lambda _: True))
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then nothing was decoded that could not be put on record
    assert decoder.decodes == 0
    assert normalize(stack, source).status is Status.READY


def test_trouble_with_taking_an_attempt_off_does_not_hide_why_it_ended(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given a table that has had enough after the announcement
    announced: list[Job] = []
    jobs = Failing(stack, lambda job: bool(announced) or announced.append(job))  # type: ignore[func-returns-value]
    decoder.ends = [RuntimeError("a fault of ours")]

    # when
    with pytest.raises(RuntimeError, match="a fault of ours"):
        normalize(stack, source, jobs=jobs)

    # then
    assert len(found(stack, source).decoding.started_at) == 1


def test_an_attempt_that_ended_takes_off_only_itself(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    # given one that died, and one that dies while the copy of another is not saved
    first = die(stack, decoder, source).decoding.started_at

    # when
    with pytest.raises(ClientError, match="NoSuchBucket"):
        normalize(stack, source, outputs=Unsaved(stack, lambda: die_later(stack, decoder, source)))

    # then
    left = found(stack, source).decoding.started_at
    assert (left[:-1], len(left)) == (first, 2)
    assert left[-1] == "2026-11-12T08:06:05.000Z"


def die_later(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    stack.clock.advance(seconds=5)
    die(stack, decoder, source, away=0)


def test_an_attempt_that_ended_after_the_job_was_made_leaves_the_job_alone(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    with pytest.raises(ClientError, match="NoSuchBucket"):
        normalize(stack, source, outputs=Unsaved(stack, lambda: normalize(stack, source)))

    # then
    assert path_of(found(stack, source)) == ["received", "ready"]
