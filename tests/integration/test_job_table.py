"""The jobs table: every write of a status is conditional on the table of transitions."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import JobError, TransitionRefused
from sora_ready.domain.job import (
    DUE_AFTER,
    Decoding,
    HistoryEntry,
    Job,
    JobConditions,
    ServerVideo,
    SourceObject,
    Status,
    StoredVideo,
    timestamp,
)

from .stack_fixtures import OUTPUT_BUCKET, PATHS, Clock, OneAtATime, bring_to, make_job, new_submission

# The design's transitions, written out, so that a change of the product's table fails here.
FOLLOWS = {
    "received": {"ready", "rejected", "canceled"},
    "ready": {"submitting", "held", "canceled"},
    "held": {"ready", "canceled"},
    "submitting": {"queued", "ready", "failed", "unconfirmed"},
    "unconfirmed": {"queued", "failed", "ready"},
    "queued": {"in_progress", "completed", "failed"},
    "in_progress": {"in_progress", "completed", "failed"},
    "completed": {"deleted"},
    "failed": {"deleted"},
    "rejected": {"deleted"},
    "canceled": {"deleted"},
    "deleted": set(),
}
PAIRS = [(before, after) for before, after in product(Status, Status)]
LEGAL = [pair for pair in PAIRS if pair[1] in FOLLOWS[pair[0]]]
ILLEGAL = [pair for pair in PAIRS if pair[1] not in FOLLOWS[pair[0]]]
TROUBLE = JobError("http_503", "The server is overloaded.")


def record_decoding(jobs: JobTable, job: Job, *started_at: str) -> Job:
    """Record attempts to decode the job's picture, if the record still holds those that `job` has."""
    return jobs.update_job(job, conditions=JobConditions(decoding=job.decoding), decoding=Decoding(started_at))


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.READY, Status.REJECTED])
def test_a_record_begins_as_received_ready_or_rejected(jobs: JobTable, status: Status) -> None:
    job = make_job(status=status)
    jobs.put_job(job)
    found = jobs.get_job(job.id)
    assert found is not None
    assert found.status is status
    assert found.history == (HistoryEntry(status, "2026-11-12T08:00:00.000Z"),)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RECEIVED, Status.READY, Status.REJECTED}))
def test_no_record_begins_with_a_later_status(jobs: JobTable, status: Status) -> None:
    with pytest.raises(ValueError, match=status):
        jobs.put_job(make_job(status=status))
    assert jobs.get_job(make_job().id) is None


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED])
def test_a_received_job_is_replaced_by_its_outcome(jobs: JobTable, clock: Clock, status: Status) -> None:
    received = bring_to(jobs, Status.RECEIVED)
    clock.advance(seconds=2)
    jobs.put_job(replace(received, status=status))
    found = jobs.get_job(received.id)
    assert found is not None
    assert found.status is status
    assert [entry.status for entry in found.history] == ["received", status]


@pytest.mark.parametrize("current", sorted(set(Status) - {Status.RECEIVED}))
@pytest.mark.parametrize("status", [Status.RECEIVED, Status.READY, Status.REJECTED])
def test_a_job_beyond_received_is_never_replaced(jobs: JobTable, current: Status, status: Status) -> None:
    before = bring_to(jobs, current)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.put_job(make_job(status=status))
    assert refusal.value.current == current
    assert jobs.get_job(before.id) == before


def test_a_received_job_is_not_received_again(jobs: JobTable) -> None:
    before = bring_to(jobs, Status.RECEIVED)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.put_job(make_job(status=Status.RECEIVED))
    assert refusal.value.current == "received"
    assert jobs.get_job(before.id) == before


def test_an_attempt_is_recorded_without_an_entry_in_the_history(jobs: JobTable, clock: Clock) -> None:
    job = bring_to(jobs, Status.RECEIVED)
    clock.advance(seconds=10)
    for started_at in (("a",), ("a", "b"), ()):
        written = record_decoding(jobs, job, *started_at)
        assert written == jobs.get_job(job.id)
        assert written == replace(
            job,
            decoding=Decoding(started_at),
            updated_at="2026-11-12T08:00:10.000Z",
            due_at="2026-11-12T08:30:10.000Z",
        )
        job = written


@pytest.mark.parametrize("stale", [(), ("a",), ("a", "b"), ("b", "a")])
def test_an_attempt_does_not_replace_one_that_its_writer_has_not_read(jobs: JobTable, stale: tuple[str, ...]) -> None:
    job = bring_to(jobs, Status.RECEIVED)
    current = record_decoding(jobs, job, "b")
    with pytest.raises(TransitionRefused) as refusal:
        record_decoding(jobs, replace(job, decoding=Decoding(stale)), "c")
    assert refusal.value.current == "received"
    assert jobs.get_job(job.id) == current


@pytest.mark.parametrize("after", [Status.READY, Status.REJECTED])
def test_an_attempt_at_a_job_that_moved_meanwhile_is_refused(jobs: JobTable, after: Status) -> None:
    job = bring_to(jobs, Status.RECEIVED)
    moved = jobs.put_job(replace(job, status=after))
    with pytest.raises(TransitionRefused) as refusal:
        record_decoding(jobs, job, "a")
    assert refusal.value.current == after
    assert jobs.get_job(job.id) == moved


def test_an_attempt_does_not_create_a_record(jobs: JobTable) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        record_decoding(jobs, make_job(status=Status.RECEIVED), "a")
    assert refusal.value.current is None
    assert jobs.get_job(make_job().id) is None


@pytest.mark.parametrize(("before", "after"), LEGAL)
def test_a_job_moves_along_the_table(jobs: JobTable, clock: Clock, before: Status, after: Status) -> None:
    job = bring_to(jobs, before)
    clock.advance(seconds=90)
    moved = jobs.move_job(job.id, after)
    assert moved == jobs.get_job(job.id)
    assert moved.status is after
    assert moved.updated_at == "2026-11-12T08:01:30.000Z"
    assert moved.created_at == job.created_at
    assert moved.history == (*job.history, HistoryEntry(after, "2026-11-12T08:01:30.000Z"))


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_every_other_transition_is_refused(jobs: JobTable, before: Status, after: Status) -> None:
    job = bring_to(jobs, before)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.move_job(job.id, after)
    assert refusal.value.current == before
    assert jobs.get_job(job.id) == job


def test_a_job_without_a_record_cannot_move(jobs: JobTable) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        jobs.move_job("video_nowhere", Status.SUBMITTING)
    assert refusal.value.current is None
    assert jobs.get_job("video_nowhere") is None


def test_a_move_sets_the_parts_it_names_and_leaves_the_others(jobs: JobTable) -> None:
    job = bring_to(jobs, Status.IN_PROGRESS)
    video = StoredVideo(OUTPUT_BUCKET, "videos/one.mp4", "video/mp4", 11786, "5e55")
    done = jobs.move_job(job.id, Status.COMPLETED, video=video)
    assert (done.video, done.server, done.request, done.submission) == (video, job.server, job.request, job.submission)


def test_the_history_has_every_step_to_completed(jobs: JobTable, clock: Clock) -> None:
    job = jobs.put_job(make_job())
    for status in (Status.SUBMITTING, Status.QUEUED, Status.IN_PROGRESS, Status.COMPLETED):
        clock.advance(minutes=1)
        job = jobs.move_job(job.id, status)
    assert [(entry.status, entry.at[14:16]) for entry in job.history] == [
        ("ready", "00"),
        ("submitting", "01"),
        ("queued", "02"),
        ("in_progress", "03"),
        ("completed", "04"),
    ]


@pytest.mark.parametrize("status", sorted(Status))
def test_an_update_sets_its_parts_and_changes_neither_status_nor_history(
    jobs: JobTable, clock: Clock, status: Status
) -> None:
    job = bring_to(jobs, status)
    clock.advance(seconds=10)
    server = ServerVideo("video_at_server", "in_progress", 40)
    written = jobs.update_job(job, server=server, error=TROUBLE)
    assert written == jobs.get_job(job.id)
    due_at = timestamp(clock() + DUE_AFTER[status]) if status in DUE_AFTER else None
    assert written == replace(job, server=server, error=TROUBLE, updated_at="2026-11-12T08:00:10.000Z", due_at=due_at)


@pytest.mark.parametrize(("before", "after"), [pair for pair in LEGAL if pair[0] is not pair[1]])
def test_an_update_of_a_job_that_moved_meanwhile_is_refused(jobs: JobTable, before: Status, after: Status) -> None:
    job = bring_to(jobs, before)
    moved = jobs.move_job(job.id, after)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.update_job(job, error=TROUBLE)
    assert refusal.value.current == after
    assert jobs.get_job(job.id) == moved


def test_an_update_does_not_create_a_record(jobs: JobTable) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        jobs.update_job(make_job(), error=TROUBLE)
    assert refusal.value.current is None
    assert jobs.get_job(make_job().id) is None


def test_numbers_come_back_as_they_were_written(jobs: JobTable) -> None:
    numbers: JsonObject = {
        "whole": 3,
        "large": 2**53 + 1,
        "fraction": 0.1,
        "none": None,
        "true": True,
        "list": [1, 0.5, {"a": 2}],
    }
    jobs.put_job(replace(make_job(), error=JobError("numbers", "Numbers.", facts=numbers)))
    found = jobs.get_job(make_job().id)
    assert found is not None
    assert found.error.facts == numbers
    assert [type(found.error.facts[name]) for name in ("whole", "large", "fraction", "true")] == [int, int, float, bool]


def test_the_index_by_source_has_every_upload_of_a_key_newest_last(
    jobs: JobTable, aws: dict[str, Any], table: str
) -> None:
    def put(version: str, created_at: str) -> Job:
        source = SourceObject("uploads", "a b/海.jpg", "etag", version)
        return jobs.put_job(replace(make_job(source), created_at=created_at))

    later, earlier = put("v2", "2026-11-12T09:00:00.000Z"), put("v1", "2026-11-12T08:00:00.000Z")
    jobs.put_job(make_job())
    response = aws["dynamodb"].query(
        TableName=table,
        IndexName="by-source",
        KeyConditionExpression="source_ref = :reference",
        ExpressionAttributeValues={":reference": {"S": "uploads/a b/海.jpg"}},
    )
    assert [item["job_id"]["S"] for item in response["Items"]] == [earlier.id, later.id]


@pytest.mark.parametrize("race", range(20))
def test_of_two_workers_exactly_one_may_send_the_job(aws: dict[str, Any], table: str, clock: Clock, race: int) -> None:
    jobs = JobTable(OneAtATime(aws["dynamodb"]), table, now=clock)  # type: ignore[arg-type] # a fake client
    job = bring_to(jobs, Status.READY)
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def work(name: str) -> None:
        start.wait(30)
        try:
            submission = replace(new_submission(clock), attempt_id=name)
            jobs.move_job(job.id, Status.SUBMITTING, submission=submission)
            outcomes.append(name)
        except TransitionRefused as refusal:
            outcomes.append(f"refused: {refusal.current}")

    workers = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = jobs.get_job(job.id)
    assert found is not None
    assert sorted(outcomes) == sorted([found.submission.attempt_id, "refused: submitting"])
    assert [entry.status for entry in found.history] == ["ready", "submitting"]


def test_these_tests_know_a_path_to_every_status_and_what_follows_it() -> None:
    assert set(PATHS) == set(FOLLOWS) == set(Status)
