"""`submit`, called: the job is sent once, under the same guarantees; what it ended with is raised by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import (
    ImageRejected,
    JobCanceled,
    JobLeasedError,
    JobNotFound,
    JobNotReadyError,
    SubmissionNotAcceptedError,
    SubmissionRefused,
    VideoFailed,
)
from sora_ready.domain.job import Job, SourceObject, Status

from .on_demand import KEY, invoke_normalize, invoke_submit
from .run_steps import path_of, recorded, submit, sweep
from .stack_fixtures import UPLOAD_BUCKET, Stack, make_job, move_along, picture

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


def conform(stack: Stack, key: str = KEY) -> Job:
    """A job of which the frame alone was asked for."""
    stack.upload(key, picture(80, 60))
    return invoke_normalize(stack, key=key, submit=False)


def tokens(stack: Stack, job: Job) -> list[str]:
    return list(recorded(stack, job).invocation.task_tokens)


def test_a_call_sends_the_job_once(stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient) -> None:
    job = stack.ready_job()
    sent = invoke_submit(stack, video_server, {"job_id": job.id})
    again = invoke_submit(stack, video_server, {"job_id": job.id})
    assert (sent.status, again.status) == (Status.QUEUED, Status.QUEUED)
    assert [entry.idempotency_key for entry in fake_server.request_log.accepted()] == [job.id]
    assert stack.spent() == Decimal("0.40")


def test_a_frame_alone_is_sent_by_nothing_but_a_call(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = conform(stack)
    # when its copy's event comes, and a day of sweeps
    assert submit(stack, video_server, job) == job
    stack.clock.advance(days=1)
    assert sweep(stack) == {}
    assert fake_server.request_log.entries() == []
    # then the call sends it, with the first look to come
    sent = invoke_submit(stack, video_server, {"job_id": job.id})
    assert (sent.status, sent.invocation) == (Status.QUEUED, {"door": "direct"})
    assert [message["job_id"] for message, _ in stack.polls()] == [job.id]
    assert len(fake_server.request_log.accepted()) == 1


def test_a_frame_alone_that_the_server_did_not_take_goes_on_as_any_job_does(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = conform(stack)
    fake_server.faults.plan(faults.status(429))
    with pytest.raises(SubmissionNotAcceptedError):
        invoke_submit(stack, video_server, {"job_id": job.id})
    assert recorded(stack, job).status is Status.READY
    assert stack.due_row(job) is not None
    assert submit(stack, video_server, job).status is Status.QUEUED


def test_the_newest_job_of_an_object_is_meant(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    old = conform(stack)
    stack.clock.advance(seconds=1)
    new = conform(stack)
    assert invoke_submit(stack, video_server, {"bucket": UPLOAD_BUCKET, "key": KEY}).id == new.id != old.id
    version = {"bucket": UPLOAD_BUCKET, "key": KEY, "version_id": old.source.version_id}
    assert invoke_submit(stack, video_server, version).id == old.id


@pytest.mark.parametrize("event", [{"job_id": "video_0"}, {"bucket": "b", "key": "k"}])
def test_what_is_no_job_is_not_found(stack: Stack, video_server: VideoServerClient, event: dict[str, str]) -> None:
    with pytest.raises(JobNotFound):
        invoke_submit(stack, video_server, event)


def test_a_job_that_was_deleted_is_not_found(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.jobs.tombstone_job(stack.jobs.move_job(stack.ready_job().id, Status.CANCELED))
    with pytest.raises(JobNotFound):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})


def test_a_job_beyond_the_budget_is_held_and_so_returned(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    held = invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"}, budget=Decimal(0))
    assert (held.status, held.error.code) == (Status.HELD, "budget_spent")
    assert (fake_server.request_log.entries(), tokens(stack, job)) == ([], ["t"])


def test_a_refusal_is_raised_by_name_now_and_whenever_it_is_asked_for_again(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer
) -> None:
    job = stack.ready_job(prompt="moderation-block")
    for _ in range(2):
        with pytest.raises(SubmissionRefused) as refusal:
            invoke_submit(stack, video_server, {"job_id": job.id})
        assert (refusal.value.code, refusal.value.facts["job_id"]) == ("moderation_blocked", job.id)
    assert recorded(stack, job).status is Status.FAILED
    assert len(fake_server.request_log.entries()) == 1


def test_a_job_that_ended_otherwise_is_raised_by_name_too(stack: Stack, video_server: VideoServerClient) -> None:
    stack.upload(KEY, b"no picture")
    with pytest.raises(ImageRejected):
        invoke_normalize(stack)
    with pytest.raises(ImageRejected):
        invoke_submit(stack, video_server, {"bucket": UPLOAD_BUCKET, "key": KEY})
    failed = stack.sent_job("video_9", key="failed.jpg")
    stack.jobs.move_job(failed.id, Status.FAILED, error={"code": "timed_out", "message": "Too late."})
    with pytest.raises(VideoFailed):
        invoke_submit(stack, video_server, {"job_id": failed.id})
    canceled = stack.ready_job("canceled.jpg")
    stack.jobs.move_job(canceled.id, Status.CANCELED)
    with pytest.raises(JobCanceled):
        invoke_submit(stack, video_server, {"job_id": canceled.id})


def test_a_job_in_doubt_is_returned_and_not_sent_again(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.unconfirmed_job()
    assert invoke_submit(stack, video_server, {"job_id": job.id}).status is Status.UNCONFIRMED
    assert fake_server.request_log.entries() == []


def test_a_job_in_another_workers_hands_is_an_error_to_try_again_but_not_to_who_waits(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.claimed_job()
    with pytest.raises(JobLeasedError):
        invoke_submit(stack, video_server, {"job_id": job.id})
    assert invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"}).status is Status.SUBMITTING
    assert (fake_server.request_log.entries(), tokens(stack, job)) == ([], ["t"])


def test_a_job_whose_frame_is_not_made_yet_is_an_error_to_try_again(
    stack: Stack, video_server: VideoServerClient
) -> None:
    job = stack.jobs.put_job(make_job(SourceObject(UPLOAD_BUCKET, KEY, "e"), status=Status.RECEIVED))
    with pytest.raises(JobNotReadyError):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})


def test_several_may_wait_for_one_job_and_each_only_once(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.ready_job()
    for token in ("a", "b", "a"):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": token})
    assert tokens(stack, job) == ["a", "b"]


def test_a_record_keeps_the_tokens_of_the_twenty_that_came_last(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.ready_job()
    for number in range(22):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": str(number)})
    assert tokens(stack, job) == [str(number) for number in range(2, 22)]


def test_a_job_that_has_ended_keeps_the_last_token_alone_however_many_ask_for_it(
    stack: Stack, video_server: VideoServerClient
) -> None:
    job = stack.sent_job("video_9")
    for number in range(20):
        invoke_submit(stack, video_server, {"job_id": job.id, "task_token": f"early {number}"})
    move_along(stack.jobs, job, [Status.COMPLETED])
    for number in range(21):
        told = invoke_submit(stack, video_server, {"job_id": job.id, "task_token": f"late {number}"})
        assert (told.status, tokens(stack, job)) == (Status.COMPLETED, [f"late {number}"])


@pytest.mark.parametrize("token", [{}, {"task_token": "t"}])
def test_a_job_that_is_deleted_meanwhile_is_not_found(
    stack: Stack, video_server: VideoServerClient, monkeypatch: pytest.MonkeyPatch, token: dict[str, str]
) -> None:
    job = stack.jobs.move_job(stack.ready_job().id, Status.CANCELED)
    get_job = stack.jobs.get_job

    def late(job_id: str) -> Job | None:
        seen = get_job(job_id)
        monkeypatch.setattr(stack.jobs, "get_job", get_job)
        stack.jobs.tombstone_job(job)
        return seen

    monkeypatch.setattr(stack.jobs, "get_job", late)
    with pytest.raises(JobNotFound):
        invoke_submit(stack, video_server, {"job_id": job.id, **token})
    assert tokens(stack, job) == []


@pytest.mark.parametrize("left_to_people", [True, False])
def test_to_wait_for_a_job_changes_nothing_about_when_it_is_woken(
    stack: Stack, video_server: VideoServerClient, left_to_people: bool
) -> None:
    job = stack.unconfirmed_job()
    if left_to_people:
        job = stack.jobs.park_job(job)
    before = stack.due_row(job)
    stack.clock.advance(minutes=2)
    invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})
    assert (recorded(stack, job).due_at, stack.due_row(job)) == (job.due_at, before)


def test_whoever_moves_the_job_meanwhile_loses_no_token(
    stack: Stack, video_server: VideoServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stack.sent_job("video_9")
    remember = stack.jobs.record_invocation

    def late(*given: object) -> Job:
        monkeypatch.setattr(stack.jobs, "record_invocation", remember)
        move_along(stack.jobs, job, [Status.IN_PROGRESS])
        return remember(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(stack.jobs, "record_invocation", late)
    invoke_submit(stack, video_server, {"job_id": job.id, "task_token": "t"})
    assert tokens(stack, job) == ["t"]
    assert path_of(recorded(stack, job))[-1] == "in_progress"


def test_two_calls_that_release_a_frame_send_it_once(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = conform(stack)
    note: Callable[..., Job] = stack.jobs.update_job

    def late(*given: object, **options: object) -> Job:
        monkeypatch.setattr(stack.jobs, "update_job", note)
        invoke_submit(stack, video_server, {"job_id": job.id})
        return note(*given, **options)

    monkeypatch.setattr(stack.jobs, "update_job", late)
    assert invoke_submit(stack, video_server, {"job_id": job.id}).status is Status.QUEUED
    assert len(fake_server.request_log.accepted()) == 1
