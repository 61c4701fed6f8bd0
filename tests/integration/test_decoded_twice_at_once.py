"""Deliveries that decode one picture at once count crashes, but neither each other nor themselves."""

from __future__ import annotations

from typing import Any

import pytest

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import TransitionRefused
from sora_ready.domain.imaging import ReadyImage
from sora_ready.domain.job import Decoding, Job, SourceObject, Status
from sora_ready.pipeline import normalize as step

from .crashing_decoder import DECODE_TIMEOUT_SECONDS, Decoder, InterruptedTable, crash, job_of, real_decode
from .run_steps import normalize, path_of
from .stack_fixtures import Stack


@pytest.mark.parametrize(("age", "counts"), [(DECODE_TIMEOUT_SECONDS, False), (DECODE_TIMEOUT_SECONDS + 0.001, True)])
def test_an_attempt_counts_as_a_crash_only_when_its_function_cannot_run_any_more(
    stack: Stack, decoder: Decoder, source: SourceObject, age: float, counts: bool
) -> None:
    # given one attempt that crashed and one of this age
    crash(stack, decoder, source)
    crash(stack, decoder, source, wait=age)

    # when
    job = normalize(stack, source)

    # then
    assert job.status is (Status.REJECTED if counts else Status.READY)
    assert decoder.decodes == (2 if counts else 3)


def test_deliveries_at_once_do_not_count_each_other(
    stack: Stack, source: SourceObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given three deliveries, each of which starts while the one before it decodes
    depth, jobs = 0, []

    def decode(*arguments: Any, **options: Any) -> ReadyImage:
        nonlocal depth
        depth += 1
        if depth < 3:
            jobs.append(normalize(stack, source))
        return real_decode(*arguments, **options)

    monkeypatch.setattr(step, "make_ready_image", decode)

    # when
    jobs.append(normalize(stack, source))

    # then
    assert jobs == [job_of(stack, source)] * 3
    assert path_of(jobs[0]) == ["received", "ready"]
    assert stack.output_keys() == [jobs[0].copy.key]


@pytest.mark.parametrize("crashes", [0, 1])
def test_of_two_deliveries_at_once_neither_erases_the_others_attempt(
    stack: Stack, decoder: Decoder, source: SourceObject, crashes: int
) -> None:
    # given as many crashes as are allowed
    for _ in range(crashes):
        crash(stack, decoder, source)

    # when both read the same record, then write one after the other, and crash
    jobs = InterruptedTable(stack, lambda: crash(stack, decoder, source, wait=1))
    received = crash(stack, decoder, source, jobs=jobs)

    # then
    assert len(received.decoding.started_at) == crashes + 2
    assert received.created_at == "2026-11-12T08:00:00.000Z"
    assert path_of(received) == ["received"]
    assert normalize(stack, source).error.code == "decoder_crashed"
    assert decoder.decodes == crashes + 2


def test_the_job_keeps_the_time_of_creation_that_was_recorded_first(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given a delivery that read no record, and another that starts later and writes first
    def overtake() -> None:
        stack.clock.advance(seconds=5)
        crash(stack, decoder, source, wait=1)

    # when
    job = normalize(stack, source, jobs=InterruptedTable(stack, overtake))

    # then
    assert (job.status, path_of(job)) == (Status.READY, ["received", "ready"])
    assert job.created_at == job.history[0].at == "2026-11-12T08:00:05.000Z"


@pytest.mark.parametrize("crashes", [0, 1])
def test_a_delivery_that_another_one_overtook_does_not_decode(
    stack: Stack, decoder: Decoder, source: SourceObject, crashes: int
) -> None:
    # given
    for _ in range(crashes):
        crash(stack, decoder, source)
    fast: list[Job] = []

    # when
    slow = normalize(stack, source, jobs=InterruptedTable(stack, lambda: fast.append(normalize(stack, source))))

    # then
    assert [slow] == fast == [job_of(stack, source)]
    assert slow.status is Status.READY
    assert decoder.decodes == crashes + 1


def test_a_record_that_changes_all_the_time_fails_the_message(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    class ChangingTable(JobTable):
        def update_job(self, job: Job, **parts: Any) -> Job:
            stack.clock.advance(seconds=1)
            super().update_job(job, decoding=Decoding((*job.decoding.started_at, "2026-11-12T09:00:00.000Z")))
            return super().update_job(job, **parts)

    crash(stack, decoder, source)

    # when
    with pytest.raises(TransitionRefused):
        normalize(stack, source, jobs=ChangingTable(stack.dynamodb, stack.table, now=stack.clock))

    # then
    assert (job_of(stack, source).status, decoder.decodes) == (Status.RECEIVED, 1)
