"""A direct invocation of `submit` sends a job once, with the same guarantees; a job's final error is raised by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import (
    ImageRejected,
    JobCanceled,
    JobError,
    JobLeasedError,
    JobNotFound,
    JobNotReadyError,
    SubmissionNotAcceptedError,
    SubmissionRefused,
    VideoFailed,
)
from sora_ready.domain.job import Channel, Invocation, Job, SourceObject, Status

from .on_demand import KEY, invoke_normalize, invoke_submit
from .run_steps import path_of, recorded, submit, sweep
from .stack_fixtures import UPLOAD_BUCKET, Stack, make_job, move_along, picture

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


def frame_only_job(stack: Stack, key: str = KEY) -> Job:
    """Make a job of which only the frame was asked for."""
    stack.upload(key, picture(80, 60))
    return invoke_normalize(stack, key=key, submit=False)


def tokens(stack: Stack, job: Job) -> list[str]:
    return list(recorded(stack, job).invocation.task_tokens)


def test_an_invocation_sends_the_job_once(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    sent = invoke_submit(stack, video_server, {"job_id": job.id})
    again = invoke_submit(stack, video_server, {"job_id": job.id})
    assert (sent.status, again.status) == (Status.QUEUED, Status.QUEUED)
    assert [entry.idempotency_key for entry in fake_server.request_log.accepted()] == [job.id]
    assert stack.spent() == Decimal("0.40")


def test_a_frame_only_job_is_sent_by_a_direct_invocation_alone(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = frame_only_job(stack)
    # when its copy's event comes, and the sweep runs a day later
    assert submit(stack, video_server, job) == job
    stack.clock.advance(days=1)
    assert sweep(stack) == {}
    assert fake_server.request_log.entries() == []
    # then the invocation sends it, and schedules the first poll
    sent = invoke_submit(stack, video_server, {"job_id": job.id})
    assert (sent.status, sent.invocation) == (Status.QUEUED, Invocation(Channel.DIRECT))
    assert [message["job_id"] for message, _ in stack.polls()] == [job.id]
    assert len(fake_server.request_log.accepted()) == 1


def test_a_frame_only_job_that_the_server_did_not_accept_continues_as_any_job(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = frame_only_job(stack)
    fake_server.faults.plan(faults.status(429))
    with pytest.raises(SubmissionNotAcceptedError):
        invoke_submit(stack, video_server, {"job_id": job.id})
    assert recorded(stack, job).status is Status.READY
    assert stack.due_row(job) is not None
    assert submit(stack, video_server, job).status is Status.QUEUED


def test_an_object_names_its_newest_job(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    old = frame_only_job(stack)
    stack.clock.advance(seconds=1)
    new = frame_only_job(stack)
    assert invoke_submit(stack, video_server, {"bucket": UPLOAD_BUCKET, "key": KEY}).id == new.id != old.id
    version = {"bucket": UPLOAD_BUCKET, "key": KEY, "version_id": old.source.version_id}
    assert invoke_submit(stack, video_server, version).id == old.id


@pytest.mark.parametrize("event", [{"job_id": "video_0"}, {"bucket": "b", "key": "k"}])
def test_an_unknown_job_is_not_found(stack: Stack, video_server: VideoServerClient, event: dict[str, str]) -> None:
    with pytest.raises(JobNotFound):
        invoke_submit(stack, video_server, event)


def test_a_job_that_was_deleted_is_not_found(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.jobs.tombstone_job(stack.jobs.move_job(stack.ready_job().id, Status.CANCELED))
    with pytest.raises(JobNotFound):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})


def test_a_job_beyond_the_budget_is_returned_as_held(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    held = invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"}, budget=Decimal(0))
    assert (held.status, held.error.code) == (Status.HELD, "budget_spent")
    assert (fake_server.request_log.entries(), tokens(stack, job)) == ([], ["t"])


def test_a_refusal_is_raised_by_name_each_time(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer
) -> None:
    job = stack.ready_job(prompt="moderation-block")
    for _ in range(2):
        with pytest.raises(SubmissionRefused) as refusal:
            invoke_submit(stack, video_server, {"job_id": job.id})
        assert (refusal.value.code, refusal.value.facts["job_id"]) == ("moderation_blocked", job.id)
    assert recorded(stack, job).status is Status.FAILED
    assert len(fake_server.request_log.entries()) == 1


def test_every_other_final_error_is_raised_by_name(stack: Stack, video_server: VideoServerClient) -> None:
    stack.upload(KEY, b"no picture")
    with pytest.raises(ImageRejected):
        invoke_normalize(stack)
    with pytest.raises(ImageRejected):
        invoke_submit(stack, video_server, {"bucket": UPLOAD_BUCKET, "key": KEY})
    failed = stack.sent_job("video_9", key="failed.jpg")
    stack.jobs.move_job(failed.id, Status.FAILED, error=JobError("timed_out", "Too late."))
    with pytest.raises(VideoFailed):
        invoke_submit(stack, video_server, {"job_id": failed.id})
    canceled = stack.ready_job("canceled.jpg")
    stack.jobs.move_job(canceled.id, Status.CANCELED)
    with pytest.raises(JobCanceled):
        invoke_submit(stack, video_server, {"job_id": canceled.id})


def test_an_unconfirmed_job_is_returned_and_not_sent_again(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.unconfirmed_job()
    assert invoke_submit(stack, video_server, {"job_id": job.id}).status is Status.UNCONFIRMED
    assert fake_server.request_log.entries() == []


def test_a_leased_job_raises_a_retryable_error_except_with_a_task_token(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.claimed_job()
    with pytest.raises(JobLeasedError):
        invoke_submit(stack, video_server, {"job_id": job.id})
    assert invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"}).status is Status.SUBMITTING
    assert (fake_server.request_log.entries(), tokens(stack, job)) == ([], ["t"])


def test_a_job_without_a_frame_raises_a_retryable_error(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.jobs.put_job(make_job(SourceObject(UPLOAD_BUCKET, KEY, "e"), status=Status.RECEIVED))
    with pytest.raises(JobNotReadyError):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})


def test_a_record_keeps_several_task_tokens_each_once(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.ready_job()
    for token in ("a", "b", "a"):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": token})
    assert tokens(stack, job) == ["a", "b"]


def test_a_record_keeps_the_last_twenty_task_tokens(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.ready_job()
    for number in range(22):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": str(number)})
    assert tokens(stack, job) == [str(number) for number in range(2, 22)]


def test_a_job_that_has_ended_keeps_only_the_last_task_token(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.sent_job("video_9")
    for number in range(20):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": f"early {number}"})
    move_along(stack.jobs, job, [Status.COMPLETED])
    for number in range(21):
        job = invoke_submit(stack, video_server, {"job_id": job.id, "task_token": f"late {number}"})
        assert (job.status, tokens(stack, job)) == (Status.COMPLETED, [f"late {number}"])


@pytest.mark.parametrize("token", [{}, {"task_token": "t"}])
def test_a_job_that_is_deleted_meanwhile_is_not_found(
    stack: Stack, video_server: VideoServerClient, monkeypatch: pytest.MonkeyPatch, token: dict[str, str]
) -> None:
    job = stack.jobs.move_job(stack.ready_job().id, Status.CANCELED)
    get_job = stack.jobs.get_job

    def delete_after_read(job_id: str) -> Job | None:
        read = get_job(job_id)
        monkeypatch.setattr(stack.jobs, "get_job", get_job)
        stack.jobs.tombstone_job(job)
        return read

    monkeypatch.setattr(stack.jobs, "get_job", delete_after_read)
    with pytest.raises(JobNotFound):
        invoke_submit(stack, video_server, {"job_id": job.id, **token})
    assert tokens(stack, job) == []


@pytest.mark.parametrize("parked", [True, False])
def test_a_task_token_does_not_change_when_the_job_is_due(
    stack: Stack, video_server: VideoServerClient, parked: bool
) -> None:
    job = stack.unconfirmed_job()
    if parked:
        job = stack.jobs.park_job(job)
    before = stack.due_row(job)
    stack.clock.advance(minutes=2)
    invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})
    assert (recorded(stack, job).due_at, stack.due_row(job)) == (job.due_at, before)


def test_a_job_that_moves_meanwhile_keeps_the_token(
    stack: Stack, video_server: VideoServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stack.sent_job("video_9")
    record_invocation = stack.jobs.record_invocation

    def move_first(*arguments: Any) -> Job:
        monkeypatch.setattr(stack.jobs, "record_invocation", record_invocation)
        move_along(stack.jobs, job, [Status.IN_PROGRESS])
        return record_invocation(*arguments)

    monkeypatch.setattr(stack.jobs, "record_invocation", move_first)
    invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})
    assert tokens(stack, job) == ["t"]
    assert path_of(recorded(stack, job))[-1] == "in_progress"


def test_two_invocations_that_release_a_frame_send_it_once(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = frame_only_job(stack)
    update_job: Callable[..., Job] = stack.jobs.update_job

    def update_late(*arguments: object, **changes: object) -> Job:
        monkeypatch.setattr(stack.jobs, "update_job", update_job)
        invoke_submit(stack, video_server, {"job_id": job.id})
        return update_job(*arguments, **changes)

    monkeypatch.setattr(stack.jobs, "update_job", update_late)
    assert invoke_submit(stack, video_server, {"job_id": job.id}).status is Status.QUEUED
    assert len(fake_server.request_log.accepted()) == 1
