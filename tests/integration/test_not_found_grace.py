"""A server that does not know a video that it took a moment ago may only be late; later, the video is gone."""

from __future__ import annotations

import pytest

from sora_ready.domain.job import AT_SERVER, Status

from .canned_server import CannedResponse, scripted_server
from .run_steps import Connect, path_of, recorded, track
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

UNKNOWN = CannedResponse.of_json({"error": {"message": "No such video."}}, 404)


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize("seconds", [0, 7, 60])
def test_within_the_first_minute_it_is_asked_again(
    stack: Stack, connect: Connect, seconds: int, status: Status
) -> None:
    job = stack.sent_job("video_1", status)
    stack.clock.advance(seconds=seconds)

    with scripted_server(UNKNOWN) as server:
        looked = track(stack, connect(server.base_url), job.id)

    assert (looked.status, looked.error, path_of(looked)) == (job.status, {}, path_of(job))
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 13)]


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize("seconds", [61, 3600])
def test_later_it_has_expired(stack: Stack, connect: Connect, seconds: int, status: Status) -> None:
    job = stack.sent_job("video_1", status)
    stack.clock.advance(seconds=seconds)

    with scripted_server(UNKNOWN) as server:
        looked = track(stack, connect(server.base_url), job.id)

    assert (looked.status, looked.error.code) == (Status.FAILED, "expired_on_server")
    assert "Upload the picture again" in looked.error.hint
    assert (stack.polls(), stack.due_row(looked)) == ([], None)


def test_a_file_that_is_not_there_yet_is_fetched_a_moment_later(stack: Stack, connect: Connect) -> None:
    answers = {
        "GET /v1/videos/video_1": CannedResponse.of_json({"id": "video_1", "status": "completed"}),
        "GET /v1/videos/video_1/content": UNKNOWN,
    }
    job = stack.sent_job("video_1")

    with scripted_server(answers) as server:
        assert track(stack, connect(server.base_url), job.id).status is Status.QUEUED
        stack.clock.advance(seconds=61)
        assert track(stack, connect(server.base_url), job.id).error.code == "expired_on_server"


def test_a_video_that_shows_up_late_is_followed_as_any_other(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    with scripted_server(UNKNOWN) as server:
        track(stack, connect(server.base_url), job.id)

    with scripted_server(CannedResponse.of_json({"id": "video_1", "status": "in_progress"})) as server:
        looked = track(stack, connect(server.base_url), job.id)

    assert looked == recorded(stack, job)
    assert (looked.status, looked.polling.polls) == (Status.IN_PROGRESS, 2)
