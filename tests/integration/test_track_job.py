"""A job at the server is polled until its video is checked and stored, or there will be none."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import JobNotReadyError
from sora_ready.domain.job import AT_SERVER, Job, ServerVideo, Status

from .canned_server import CannedResponse, canned_server
from .run_steps import MP4, Connect, create_video, path_of, track, wait_until_ended
from .stack_fixtures import PATHS, Clock, Stack, eventually, move_along

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

# A message of an unconfirmed job checks the server's list.
NOT_SENT_OR_UNCONFIRMED = {Status.RECEIVED, Status.REJECTED, Status.UNCONFIRMED}


def requests(fake_server: FakeVideoServer) -> list[str]:
    return [f"{entry.method} {entry.path}" for entry in fake_server.request_log.entries()]


def stored(stack: Stack, job: Job) -> Any:
    return stack.s3.get_object(Bucket=job.video.bucket, Key=job.video.key)


def test_a_running_video_is_recorded_and_polled_again_when_the_server_advises(
    stack: Stack, slow_fake_server: FakeVideoServer, server_clock: Clock, connect: Connect
) -> None:
    video_server = connect(slow_fake_server.base_url)
    job = stack.sent_job(create_video(video_server), polls=3)
    server_clock.advance(seconds=50)
    eventually(lambda: video_server.read_video(job.server.id), lambda response: response.video.progress == 50)
    running = track(stack, video_server, job.id, polls=3)
    assert (running.status, running.server.status, running.server.progress) == (
        Status.IN_PROGRESS,
        "in_progress",
        50,
    )
    assert stack.jobs.get_job(job.id) == running
    assert stack.polls() == [({"job_id": job.id, "polls": 4}, 7)]
    assert stack.output_keys("videos/") == []


def test_progress_adds_no_entry_to_the_history(
    stack: Stack, slow_fake_server: FakeVideoServer, server_clock: Clock, connect: Connect
) -> None:
    video_server = connect(slow_fake_server.base_url)
    job = stack.sent_job(create_video(video_server))
    for seconds in (25, 50):
        server_clock.advance(seconds=25)
        eventually(lambda: video_server.read_video(job.server.id).video.progress, seconds.__eq__)
        running = track(stack, video_server, job.id)
        assert running.server.progress == seconds
    assert path_of(running) == ["ready", "submitting", "queued", "in_progress"]


def test_a_completed_video_is_stored_as_the_record_says(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(create_video(video_server))
    wait_until_ended(video_server, job.server.id)
    done = track(stack, video_server, job.id)
    assert done.status is Status.COMPLETED
    assert stack.jobs.get_job(job.id) == done
    assert stack.output_keys("videos/") == [done.video.key] == [f"videos/{job.id}.mp4"]
    content = stored(stack, done)
    body = content["Body"].read()
    assert body[4:8] == b"ftyp"
    assert (done.video.bytes, done.video.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert (content["ContentType"], done.video.content_type) == ("video/mp4", "video/mp4")
    assert (done.server.status, done.server.progress) == ("completed", 100)
    assert stack.polls() == []
    assert requests(fake_server).count(f"GET /v1/videos/{job.server.id}/content") == 1


def test_a_download_without_a_length_is_stored_if_it_is_a_whole_mp4(stack: Stack, connect: Connect) -> None:
    responses = {
        "GET /v1/videos/video_1": CannedResponse.of_json({"id": "video_1", "status": "completed"}),
        "GET /v1/videos/video_1/content": CannedResponse(200, MP4, {"Content-Type": "video/mp4"}),
    }
    job = stack.sent_job("video_1")
    with canned_server(responses) as server:
        done = track(stack, connect(server.base_url), job.id)
    assert stored(stack, done)["Body"].read() == MP4


def test_a_video_that_failed_at_the_server_fails_the_job_with_the_servers_error(
    stack: Stack, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(create_video(video_server, "fail-render"))
    wait_until_ended(video_server, job.server.id)
    failed = track(stack, video_server, job.id)
    assert failed.status is Status.FAILED
    assert failed.error.code == "video_generation_failed"
    assert failed.error.message == "The video generation failed."
    assert failed.error.hint
    assert stack.polls() == []


@pytest.mark.parametrize("word", ["failed", "cancelled", "expired"])
def test_a_video_that_ended_without_a_reason_fails_the_job_by_its_status(
    stack: Stack, connect: Connect, word: str
) -> None:
    job = stack.sent_job("video_1")
    with canned_server(CannedResponse.of_json({"id": "video_1", "status": word})) as server:
        failed = track(stack, connect(server.base_url), job.id)
    assert (failed.status, failed.error.code) == (Status.FAILED, word)
    assert stack.polls() == []


def test_a_video_that_the_server_no_longer_has_fails_the_job(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job("video_" + "0" * 32)
    stack.clock.advance(seconds=61)
    failed = track(stack, video_server, job.id)
    assert (failed.status, failed.error.code) == (Status.FAILED, "expired_on_server")
    assert (len(fake_server.request_log.entries()), stack.polls()) == (1, [])


@pytest.mark.parametrize("word", ["processing", "reticulating"])
def test_an_unknown_status_counts_as_running(stack: Stack, connect: Connect, word: str) -> None:
    job = stack.sent_job("video_1")
    with canned_server(CannedResponse.of_json({"id": "video_1", "status": word, "progress": 12})) as server:
        running = track(stack, connect(server.base_url), job.id)
    assert running.status is Status.IN_PROGRESS
    assert running.server == ServerVideo("video_1", word, 12)
    assert [message["polls"] for message, _ in stack.polls()] == [1]


@pytest.mark.parametrize("status", sorted(AT_SERVER))
def test_a_response_without_the_id_keeps_the_recorded_id(stack: Stack, connect: Connect, status: Status) -> None:
    job = stack.sent_job("video_1", status)
    with canned_server(CannedResponse.of_json({"status": "processing"})) as server:
        assert track(stack, connect(server.base_url), job.id).server.id == "video_1"


def test_a_completed_video_whose_response_lacks_the_id_is_downloaded(stack: Stack, connect: Connect) -> None:
    responses = {
        "GET /v1/videos/video_1": CannedResponse.of_json({"status": "completed"}),
        "GET /v1/videos/video_1/content": CannedResponse(200, MP4, {"Content-Type": "video/mp4"}),
    }
    job = stack.sent_job("video_1")
    with canned_server(responses) as server:
        assert track(stack, connect(server.base_url), job.id).status is Status.COMPLETED


def test_without_the_servers_advice_the_delay_between_polls_grows_to_a_minute(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1", Status.IN_PROGRESS)
    with canned_server(CannedResponse.of_json({"id": "video_1", "status": "in_progress"})) as server:
        video_server = connect(server.base_url)
        for polls in range(10):
            track(stack, video_server, job.id, polls)
    assert [delay for _, delay in stack.polls()] == [13, 17, 22, 29, 37, 48, 60, 60, 60, 60]


@pytest.mark.parametrize("status", sorted(AT_SERVER))
def test_a_job_past_its_deadline_has_timed_out(
    stack: Stack, slow_fake_server: FakeVideoServer, connect: Connect, status: Status
) -> None:
    video_server = connect(slow_fake_server.base_url)
    job = stack.sent_job(create_video(video_server), status)
    stack.clock.advance(minutes=120)
    assert track(stack, video_server, job.id).status in AT_SERVER
    stack.clock.advance(seconds=1)
    late = track(stack, video_server, job.id)
    assert (late.status, late.error.code) == (Status.FAILED, "timed_out")
    assert "TrackDeadlineMinutes" in late.error.hint
    assert len(stack.polls()) == 1


def test_a_video_completed_at_the_last_moment_is_still_stored(stack: Stack, video_server: VideoServerClient) -> None:
    job = stack.sent_job(create_video(video_server))
    wait_until_ended(video_server, job.server.id)
    stack.clock.advance(minutes=121)
    assert track(stack, video_server, job.id).status is Status.COMPLETED


def test_a_video_that_is_too_large_fails_the_job_and_is_not_stored(
    stack: Stack, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(create_video(video_server))
    wait_until_ended(video_server, job.server.id)
    failed = track(stack, video_server, job.id, max_video_bytes=1000)
    assert (failed.status, failed.error.code, failed.error.facts["max_bytes"]) == (
        Status.FAILED,
        "video_too_large",
        1000,
    )
    assert (stack.output_keys("videos/"), stack.polls()) == ([], [])


@pytest.mark.parametrize("status", sorted(set(PATHS) - AT_SERVER - NOT_SENT_OR_UNCONFIRMED))
def test_a_late_message_of_a_job_that_is_not_at_the_server_does_nothing(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, status: Status
) -> None:
    job = move_along(stack.jobs, stack.ready_job(), PATHS[status][1:])
    stack.calls.clear()
    assert track(stack, video_server, job.id, polls=9) == job
    assert fake_server.request_log.entries() == []
    assert stack.calls.names() == ["dynamodb.GetItem"]


def test_a_message_of_a_job_without_a_record_is_retried(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    with pytest.raises(JobNotReadyError):
        track(stack, video_server, "video_" + "0" * 32)
    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])
