"""A server may answer 404 for a video that it has just accepted. Only a later 404 means that the video is gone."""

from __future__ import annotations

import pytest

from sora_ready.domain.job import AT_SERVER, Status

from .canned_server import CannedResponse, canned_server
from .run_steps import Connect, path_of, recorded, track
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

NOT_FOUND = CannedResponse.of_json({"error": {"message": "No such video."}}, 404)


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize("seconds", [0, 7, 60])
def test_within_the_first_minute_the_server_is_polled_again(
    stack: Stack, connect: Connect, seconds: int, status: Status
) -> None:
    job = stack.sent_job("video_1", status)
    stack.clock.advance(seconds=seconds)

    with canned_server(NOT_FOUND) as server:
        polled = track(stack, connect(server.base_url), job.id)

    assert (polled.status, polled.error, path_of(polled)) == (job.status, None, path_of(job))
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 13)]


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize("seconds", [61, 3600])
def test_later_the_video_has_expired(stack: Stack, connect: Connect, seconds: int, status: Status) -> None:
    job = stack.sent_job("video_1", status)
    stack.clock.advance(seconds=seconds)

    with canned_server(NOT_FOUND) as server:
        polled = track(stack, connect(server.base_url), job.id)

    assert polled.error
    assert (polled.status, polled.error.code) == (Status.FAILED, "expired_on_server")
    assert "Upload the picture again" in (polled.error.hint or "")
    assert (stack.polls(), stack.due_row(polled)) == ([], None)


def test_a_file_that_is_not_there_yet_is_downloaded_by_a_later_poll(stack: Stack, connect: Connect) -> None:
    responses = {
        "GET /v1/videos/video_1": CannedResponse.of_json({"id": "video_1", "status": "completed"}),
        "GET /v1/videos/video_1/content": NOT_FOUND,
    }
    job = stack.sent_job("video_1")

    with canned_server(responses) as server:
        assert track(stack, connect(server.base_url), job.id).status is Status.QUEUED
        stack.clock.advance(seconds=61)
        expired = track(stack, connect(server.base_url), job.id)
    assert expired.error
    assert expired.error.code == "expired_on_server"


def test_a_video_that_appears_late_is_tracked(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    with canned_server(NOT_FOUND) as server:
        track(stack, connect(server.base_url), job.id)

    with canned_server(CannedResponse.of_json({"id": "video_1", "status": "in_progress"})) as server:
        polled = track(stack, connect(server.base_url), job.id)

    assert polled == recorded(stack, job)
    assert (polled.status, polled.polling.polls) == (Status.IN_PROGRESS, 2)
