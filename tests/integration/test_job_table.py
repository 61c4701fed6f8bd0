"""The jobs table: every write of a status is conditional on what may follow what."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import TransitionRefused
from sora_ready.domain.job import DUE_AFTER, Job, SourceObject, Status, timestamp

from .stack_fixtures import PATHS, Clock, OneAtATime, bring_to, make_job

# What may follow what, as the design has it: written out here, so that a change of the product's table is seen.
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


def note_attempt(jobs: JobTable, job: Job, attempt: dict[str, Any]) -> Job:
    """Put an attempt on a job's record, while that holds the attempt that this writer saw."""
    return jobs.update_job(job, only={"attempt": job.submission or None}, attempt=attempt)


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.READY, Status.REJECTED])
def test_a_record_begins_as_received_ready_or_rejected(jobs: JobTable, status: Status) -> None:
    job = make_job(status=status)
    jobs.put_job(job)
    found = jobs.get_job(job.id)
    assert found is not None
    assert found.status is status
    assert list(found.history) == [{"status": status, "at": "2026-11-12T08:00:00.000Z"}]


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RECEIVED, Status.READY, Status.REJECTED}))
def test_no_record_begins_with_a_later_status(jobs: JobTable, status: Status) -> None:
    with pytest.raises(ValueError, match=status):
        jobs.put_job(make_job(status=status))
    assert jobs.get_job(make_job().id) is None


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED])
def test_a_received_job_is_replaced_by_what_became_of_it(jobs: JobTable, clock: Clock, status: Status) -> None:
    received = bring_to(jobs, Status.RECEIVED)
    clock.advance(seconds=2)
    jobs.put_job(replace(received, status=status))
    found = jobs.get_job(received.id)
    assert found is not None
    assert found.status is status
    assert [entry.status for entry in found.history] == ["received", status]


@pytest.mark.parametrize("standing", sorted(set(Status) - {Status.RECEIVED}))
@pytest.mark.parametrize("status", [Status.RECEIVED, Status.READY, Status.REJECTED])
def test_a_job_beyond_received_is_never_replaced(jobs: JobTable, standing: Status, status: Status) -> None:
    before = bring_to(jobs, standing)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.put_job(make_job(status=status))
    assert refusal.value.current == standing
    assert jobs.get_job(before.id) == before


def test_an_announcement_does_not_replace_an_announcement(jobs: JobTable) -> None:
    before = bring_to(jobs, Status.RECEIVED)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.put_job(make_job(status=Status.RECEIVED))
    assert refusal.value.current == "received"
    assert jobs.get_job(before.id) == before


def test_an_attempt_is_noted_without_lengthening_the_history(jobs: JobTable, clock: Clock) -> None:
    job = bring_to(jobs, Status.RECEIVED)
    clock.advance(seconds=10)
    for attempt in ({"decodes": ["a"]}, {"decodes": ["a", "b"]}, {"decodes": []}):
        noted = note_attempt(jobs, job, attempt)
        assert noted == jobs.get_job(job.id)
        assert noted == replace(
            job, attempt=attempt, updated_at="2026-11-12T08:00:10.000Z", due_at="2026-11-12T08:30:10.000Z"
        )
        job = noted


@pytest.mark.parametrize("seen", [{}, {"decodes": ["a"]}, {"decodes": ["a", "b"]}, {"decodes": ["b", "a"]}])
def test_an_attempt_does_not_replace_one_that_was_not_seen(jobs: JobTable, seen: dict[str, Any]) -> None:
    job = bring_to(jobs, Status.RECEIVED)
    standing = note_attempt(jobs, job, {"decodes": ["b"]})
    with pytest.raises(TransitionRefused) as refusal:
        note_attempt(jobs, replace(job, attempt=seen), {"decodes": ["c"]})
    assert refusal.value.current == "received"
    assert jobs.get_job(job.id) == standing


@pytest.mark.parametrize("after", [Status.READY, Status.REJECTED])
def test_an_attempt_at_a_job_that_moved_meanwhile_is_refused(jobs: JobTable, after: Status) -> None:
    job = bring_to(jobs, Status.RECEIVED)
    moved = jobs.put_job(replace(job, status=after))
    with pytest.raises(TransitionRefused) as refusal:
        note_attempt(jobs, job, {"decodes": ["a"]})
    assert refusal.value.current == after
    assert jobs.get_job(job.id) == moved


def test_no_attempt_makes_a_record(jobs: JobTable) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        note_attempt(jobs, make_job(status=Status.RECEIVED), {"decodes": ["a"]})
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
    assert list(moved.history) == [*job.history, {"status": after, "at": "2026-11-12T08:01:30.000Z"}]


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_a_job_moves_nowhere_else(jobs: JobTable, before: Status, after: Status) -> None:
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
    video = {"bucket": "outputs", "key": "videos/one.mp4", "bytes": 11786}
    done = jobs.move_job(job.id, Status.COMPLETED, video=video)
    assert (done.video, done.server, done.request, done.submission) == (video, job.server, job.request, job.submission)


def test_the_way_to_completed_is_told_step_by_step(jobs: JobTable, clock: Clock) -> None:
    job = jobs.put_job(make_job())
    for status in (Status.SUBMITTING, Status.QUEUED, Status.IN_PROGRESS, Status.COMPLETED):
        clock.advance(minutes=1)
        job = jobs.move_job(job.id, status)
    assert [(entry["status"], entry["at"][14:16]) for entry in job.history] == [
        ("ready", "00"),
        ("submitting", "01"),
        ("queued", "02"),
        ("in_progress", "03"),
        ("completed", "04"),
    ]


@pytest.mark.parametrize("status", sorted(Status))
def test_a_note_sets_its_parts_and_neither_moves_the_job_nor_lengthens_its_history(
    jobs: JobTable, clock: Clock, status: Status
) -> None:
    job = bring_to(jobs, status)
    clock.advance(seconds=10)
    server, error = {"id": "video_at_server", "status": "in_progress", "progress": 40}, {"code": "http_503"}
    noted = jobs.update_job(job, server=server, error=error)
    assert noted == jobs.get_job(job.id)
    due_at = timestamp(clock() + DUE_AFTER[status]) if status in DUE_AFTER else None
    assert noted == replace(job, server=server, error=error, updated_at="2026-11-12T08:00:10.000Z", due_at=due_at)


@pytest.mark.parametrize(("before", "after"), [pair for pair in LEGAL if pair[0] is not pair[1]])
def test_a_note_on_a_job_that_moved_meanwhile_is_refused(jobs: JobTable, before: Status, after: Status) -> None:
    job = bring_to(jobs, before)
    moved = jobs.move_job(job.id, after)
    with pytest.raises(TransitionRefused) as refusal:
        jobs.update_job(job, error={"code": "http_503"})
    assert refusal.value.current == after
    assert jobs.get_job(job.id) == moved


def test_no_note_makes_a_record(jobs: JobTable) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        jobs.update_job(make_job(), error={"code": "http_503"})
    assert refusal.value.current is None
    assert jobs.get_job(make_job().id) is None


def test_numbers_come_back_as_they_were_written(jobs: JobTable) -> None:
    numbers = {"whole": 3, "large": 2**53 + 1, "fraction": 0.1, "none": None, "true": True, "list": [1, 0.5, {"a": 2}]}
    jobs.put_job(replace(make_job(), picture=numbers))
    found = jobs.get_job(make_job().id)
    assert found is not None
    assert found.picture == numbers
    assert [type(found.picture[name]) for name in ("whole", "large", "fraction", "true")] == [int, int, float, bool]


def test_the_index_finds_every_upload_of_a_key_newest_last(jobs: JobTable, aws: dict[str, Any], table: str) -> None:
    def put(version: str, made: str) -> Job:
        source = SourceObject("uploads", "a b/海.jpg", "etag", version)
        return jobs.put_job(replace(make_job(source), created_at=made))

    later, earlier = put("v2", "2026-11-12T09:00:00.000Z"), put("v1", "2026-11-12T08:00:00.000Z")
    jobs.put_job(make_job())
    answer = aws["dynamodb"].query(
        TableName=table,
        IndexName="by-source",
        KeyConditionExpression="source_ref = :reference",
        ExpressionAttributeValues={":reference": {"S": "uploads/a b/海.jpg"}},
    )
    assert [item["job_id"]["S"] for item in answer["Items"]] == [earlier.id, later.id]


@pytest.mark.parametrize("race", range(20))
def test_of_two_workers_at_one_job_exactly_one_may_send(
    aws: dict[str, Any], table: str, clock: Clock, race: int
) -> None:
    jobs = JobTable(OneAtATime(aws["dynamodb"]), table, now=clock)
    job = bring_to(jobs, Status.READY)
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def work(name: str) -> None:
        start.wait(30)
        try:
            jobs.move_job(job.id, Status.SUBMITTING, attempt={"id": name})
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


def test_every_status_has_its_way_and_its_followers_here() -> None:
    assert set(PATHS) == set(FOLLOWS) == set(Status)
