"""Of deliveries that decode one picture at once, each counts the dead, and neither the other nor itself."""

from __future__ import annotations

from typing import Any

import pytest

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import TransitionRefused
from sora_ready.domain.imaging.normalize import ReadyImage
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.pipeline import normalize as step

from .crashing_decoder import DECODE_TIMEOUT_SECONDS, Decoder, Interrupted, decode_truly, die, found
from .run_steps import normalize, path_of
from .stack_fixtures import Stack


@pytest.mark.parametrize(("age", "counts"), [(DECODE_TIMEOUT_SECONDS, False), (DECODE_TIMEOUT_SECONDS + 0.001, True)])
def test_an_attempt_counts_only_once_its_function_cannot_be_running(
    stack: Stack, decoder: Decoder, source: SourceObject, age: float, counts: bool
) -> None:
    # given one that is dead and one of this age
    die(stack, decoder, source)
    die(stack, decoder, source, away=age)

    # when
    job = normalize(stack, source)

    # then
    assert job.status is (Status.REJECTED if counts else Status.READY)
    assert decoder.decodes == (2 if counts else 3)


def test_two_deliveries_at_once_do_not_count_each_other(
    stack: Stack, source: SourceObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given three deliveries, each begun while the one before it decodes
    depth, answers = 0, []

    def decode(*given: Any, **options: Any) -> ReadyImage:
        nonlocal depth
        depth += 1
        if depth < 3:
            answers.append(normalize(stack, source))
        return decode_truly(*given, **options)

    monkeypatch.setattr(step, "normalize_image", decode)

    # when
    answers.append(normalize(stack, source))

    # then
    assert answers == [found(stack, source)] * 3
    assert path_of(answers[0]) == ["received", "ready"]
    assert stack.output_keys() == [answers[0].copy.key]


@pytest.mark.parametrize("dead", [0, 1])
def test_of_two_deliveries_at_once_neither_erases_the_others_attempt(
    stack: Stack, decoder: Decoder, source: SourceObject, dead: int
) -> None:
    # given as many dead as there may be
    for _ in range(dead):
        die(stack, decoder, source)

    # when both read the same record, and then write one after the other, and die
    jobs = Interrupted(stack, lambda: die(stack, decoder, source, away=1))
    received = die(stack, decoder, source, jobs=jobs)

    # then
    assert len(received.decoding.started_at) == dead + 2
    assert received.created_at == "2026-11-12T08:00:00.000Z"
    assert path_of(received) == ["received"]
    assert normalize(stack, source).error.code == "decoder_crashed"
    assert decoder.decodes == dead + 2


def test_the_job_keeps_the_beginning_that_was_recorded_first(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given one that read no record, and wrote after another that had come later
    def overtake() -> None:
        stack.clock.advance(seconds=5)
        die(stack, decoder, source, away=1)

    # when
    job = normalize(stack, source, jobs=Interrupted(stack, overtake))

    # then
    assert (job.status, path_of(job)) == (Status.READY, ["received", "ready"])
    assert job.created_at == job.history[0].at == "2026-11-12T08:00:05.000Z"


@pytest.mark.parametrize("dead", [0, 1])
def test_a_delivery_that_finds_the_job_made_meanwhile_does_not_decode(
    stack: Stack, decoder: Decoder, source: SourceObject, dead: int
) -> None:
    # given
    for _ in range(dead):
        die(stack, decoder, source)
    quick: list[Job] = []

    # when
    slow = normalize(stack, source, jobs=Interrupted(stack, lambda: quick.append(normalize(stack, source))))

    # then
    assert [slow] == quick == [found(stack, source)]
    assert slow.status is Status.READY
    assert decoder.decodes == dead + 1


def test_a_record_that_changes_all_the_time_sends_the_message_back(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    class Restless(JobTable):
        def update_job(self, job: Job, **parts: Any) -> Job:
            stack.clock.advance(seconds=1)
            super().update_job(job, attempt={"decodes": [*job.decoding.started_at, "2026-11-12T09:00:00.000Z"]})
            return super().update_job(job, **parts)

    die(stack, decoder, source)

    # when
    with pytest.raises(TransitionRefused):
        normalize(stack, source, jobs=Restless(stack.dynamodb, stack.table, now=stack.clock))

    # then
    assert (found(stack, source).status, decoder.decodes) == (Status.RECEIVED, 1)
