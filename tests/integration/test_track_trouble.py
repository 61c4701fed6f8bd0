"""A poll that failed is recorded in the job's error until one succeeds, and the job is polled again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import AT_SERVER, Job, Status

from .canned_server import CannedResponse, canned_server
from .run_steps import MP4, Connect, create_video, path_of, recorded, track, wait_until_ended
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

RUNNING = CannedResponse.of_json({"id": "video_1", "status": "in_progress", "progress": 40})
QUEUED = CannedResponse.of_json({"id": "video_1", "status": "queued"})
POLL = "GET /v1/videos/video_1"


def assert_only_error_changed(stack: Stack, before: Job, after: Job, code: str) -> None:
    """Assert that the poll changed nothing but the error and its own count."""
    assert after == recorded(stack, before)
    assert after == replace(
        before, error=after.error, polling=after.polling, due_at=after.due_at, updated_at=after.updated_at
    )
    assert after.polling.polls == before.polling.polls + 1
    assert after.error.code == code
    assert after.error.message


def test_a_truncated_download_is_not_stored_and_is_repeated(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(create_video(video_server))
    wait_until_ended(video_server, job.server.id)
    fake_server.faults.plan(faults.cut_content(1000))
    assert_only_error_changed(stack, job, track(stack, video_server, job.id), "server_unreachable")
    assert stack.output_keys("videos/") == []
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 7)]
    done = track(stack, video_server, job.id, polls=1)
    assert (done.status, done.error) == (Status.COMPLETED, None)
    assert path_of(done) == ["ready", "submitting", "queued", "completed"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (MP4[:-3], "video_cut_short"),
        (MP4[:16], "video_cut_short"),
        (MP4[:5], "video_cut_short"),
        (b"<html>come back later</html>", "not_an_mp4"),
        (b"", "video_cut_short"),
    ],
)
def test_a_truncated_download_without_a_length_is_repeated(
    stack: Stack, connect: Connect, body: bytes, code: str
) -> None:
    responses = {
        POLL: CannedResponse.of_json({"id": "video_1", "status": "completed"}),
        f"{POLL}/content": CannedResponse(200, body, {"Content-Type": "video/mp4"}),
    }
    job = stack.sent_job("video_1")
    with canned_server(responses) as server:
        polled = track(stack, connect(server.base_url), job.id)
        assert server.requests == list(responses)
    assert_only_error_changed(stack, job, polled, code)
    assert stack.output_keys("videos/") == []
    assert len(stack.polls()) == 1


def test_a_server_that_is_down_is_polled_again_and_the_error_says_so(
    stack: Stack, slow_fake_server: FakeVideoServer, connect: Connect
) -> None:
    job = stack.sent_job("video_1", Status.IN_PROGRESS, polls=2)
    slow_fake_server.stop()
    stack.clock.advance(seconds=20)
    polled = track(stack, connect(slow_fake_server.base_url), job.id, polls=2)
    assert_only_error_changed(stack, job, polled, "server_unreachable")
    assert polled.updated_at == "2026-11-12T08:00:20.000Z"
    assert stack.polls() == [({"job_id": job.id, "polls": 3}, 22)]


def test_a_failed_poll_is_one_request(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(create_video(video_server))
    fake_server.faults.plan(faults.on_retrieve(faults.status(500)))
    assert_only_error_changed(stack, job, track(stack, video_server, job.id), "http_500")
    requests = [f"{entry.method} {entry.path}" for entry in fake_server.request_log.entries()]
    assert requests == ["POST /v1/videos", f"GET /v1/videos/{job.server.id}"]
    assert len(stack.polls()) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_recorded_with_a_hint(stack: Stack, connect: Connect, status: int) -> None:
    job = stack.sent_job("video_1")
    with canned_server(CannedResponse(status)) as server:
        polled = track(stack, connect(server.base_url), job.id)
    assert_only_error_changed(stack, job, polled, f"http_{status}")
    assert "key" in polled.error.hint


def test_the_same_error_is_written_once(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    stack.calls.clear()
    with canned_server(CannedResponse(503)) as server:
        polled = [track(stack, connect(server.base_url), job.id, polls) for polls in range(3)]
    assert [job.error for job in polled] == [polled[0].error] * 3
    assert recorded(stack, job) == polled[2]
    # Each poll is counted, and the first also records the error.
    assert stack.calls.names().count("dynamodb.UpdateItem") == 4
    assert len(stack.polls()) == 3


def test_another_error_replaces_the_first(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    for status in (503, 500):
        with canned_server(CannedResponse(status)) as server:
            polled = track(stack, connect(server.base_url), job.id)
        assert_only_error_changed(stack, job, polled, f"http_{status}")
        job = polled


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize("response", [QUEUED, RUNNING], ids=["queued", "running"])
def test_a_successful_poll_removes_the_error(
    stack: Stack, connect: Connect, status: Status, response: CannedResponse
) -> None:
    job = stack.sent_job("video_1", status)
    with canned_server(CannedResponse(503)) as server:
        assert track(stack, connect(server.base_url), job.id).error.code == "http_503"
    with canned_server(response) as server:
        video_server = connect(server.base_url)
        first = track(stack, video_server, job.id)
        stack.calls.clear()
        again = track(stack, video_server, job.id)
    assert again == recorded(stack, job)
    assert (again.status, again.server, again.error, again.history) == (first.status, first.server, None, first.history)
    assert first.error is None
    moved = response is RUNNING and status is Status.QUEUED
    assert path_of(first) == [*path_of(job), *(["in_progress"] if moved else [])]
    # Only the poll was counted.
    assert stack.calls.names().count("dynamodb.UpdateItem") == 1


def test_a_server_that_stays_down_does_not_outlive_the_deadline(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    stack.clock.advance(minutes=121)
    with canned_server(CannedResponse(503)) as server:
        late = track(stack, connect(server.base_url), job.id)
    assert (late.status, late.error.code) == (Status.FAILED, "timed_out")
    last_trouble: Any = late.error.facts["last_trouble"]
    assert last_trouble["code"] == "http_503"
    assert "503" in last_trouble["message"]
    assert path_of(late) == ["ready", "submitting", "queued", "failed"]
    assert stack.polls() == []


def test_an_error_that_was_over_before_the_deadline_is_not_in_the_final_one(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    with canned_server(CannedResponse(503)) as server:
        track(stack, connect(server.base_url), job.id)
    stack.clock.advance(minutes=121)
    with canned_server(RUNNING) as server:
        late = track(stack, connect(server.base_url), job.id)
    assert late.error.code == "timed_out"
    assert "last_trouble" not in late.error.facts


def test_a_failed_poll_of_a_job_that_ended_meanwhile_changes_nothing(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    with canned_server(CannedResponse(503), before=lambda: stack.jobs.move_job(job.id, Status.COMPLETED)) as server:
        polled = track(stack, connect(server.base_url), job.id)
    assert polled == recorded(stack, job)
    assert (polled.status, polled.error, stack.polls()) == (Status.COMPLETED, None, [])
