"""A look that failed is told in the record while the trouble lasts, and the video is asked for again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import AT_SERVER, Job, Status

from .canned_server import CannedResponse, scripted_server
from .run_steps import MP4, Connect, ended, order, path_of, recorded, track
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

RUNNING = CannedResponse.of_json({"id": "video_1", "status": "in_progress", "progress": 40})
QUEUED = CannedResponse.of_json({"id": "video_1", "status": "queued"})
ASKED = "GET /v1/videos/video_1"


def assert_noted(stack: Stack, before: Job, after: Job, code: str) -> None:
    """The trouble, and that there was a look, is all that the look changed."""
    looked = {"follow": after.polling, "due_at": after.due_at, "updated_at": after.updated_at}
    assert after == recorded(stack, before)
    assert after == replace(before, error=after.error, **looked)
    assert after.polling.polls == before.polling.polls + 1
    assert after.error.code == code
    assert after.error.message


def test_a_cut_download_leaves_nothing_behind_and_is_fetched_again(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(order(video_server))
    ended(video_server, job.server.id)
    fake_server.faults.plan(faults.cut_content(1000))
    assert_noted(stack, job, track(stack, video_server, job.id), "server_unreachable")
    assert stack.output_keys("videos/") == []
    assert stack.polls() == [({"job_id": job.id, "polls": 1}, 7)]
    done = track(stack, video_server, job.id, polls=1)
    assert (done.status, done.error) == (Status.COMPLETED, {})
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
def test_a_download_that_ends_too_soon_without_a_length_is_asked_for_again(
    stack: Stack, connect: Connect, body: bytes, code: str
) -> None:
    answers = {
        ASKED: CannedResponse.of_json({"id": "video_1", "status": "completed"}),
        f"{ASKED}/content": CannedResponse(200, body, {"Content-Type": "video/mp4"}),
    }
    job = stack.sent_job("video_1")
    with scripted_server(answers) as server:
        looked = track(stack, connect(server.base_url), job.id)
        assert server.requests == list(answers)
    assert_noted(stack, job, looked, code)
    assert stack.output_keys("videos/") == []
    assert len(stack.polls()) == 1


def test_a_server_that_is_down_is_asked_again_and_the_record_says_so(
    stack: Stack, slow_fake_server: FakeVideoServer, connect: Connect
) -> None:
    job = stack.sent_job("video_1", Status.IN_PROGRESS, polls=2)
    slow_fake_server.stop()
    stack.clock.advance(seconds=20)
    looked = track(stack, connect(slow_fake_server.base_url), job.id, polls=2)
    assert_noted(stack, job, looked, "server_unreachable")
    assert looked.updated_at == "2026-11-12T08:00:20.000Z"
    assert stack.polls() == [({"job_id": job.id, "polls": 3}, 22)]


def test_a_server_in_trouble_is_asked_once_a_look(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.sent_job(order(video_server))
    fake_server.faults.plan(faults.on_retrieve(faults.status(500)))
    assert_noted(stack, job, track(stack, video_server, job.id), "http_500")
    requests = [f"{entry.method} {entry.path}" for entry in fake_server.request_log.entries()]
    assert requests == ["POST /v1/videos", f"GET /v1/videos/{job.server['id']}"]
    assert len(stack.polls()) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_no_longer_holds_is_told_with_its_hint(stack: Stack, connect: Connect, status: int) -> None:
    job = stack.sent_job("video_1")
    with scripted_server(CannedResponse(status)) as server:
        looked = track(stack, connect(server.base_url), job.id)
    assert_noted(stack, job, looked, f"http_{status}")
    assert "key" in looked.error.hint


def test_the_same_trouble_is_written_once(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    stack.calls.clear()
    with scripted_server(CannedResponse(503)) as server:
        looks = [track(stack, connect(server.base_url), job.id, polls) for polls in range(3)]
    assert [look.error for look in looks] == [looks[0].error] * 3
    assert recorded(stack, job) == looks[2]
    # Each look is counted, and the first also tells the trouble.
    assert stack.calls.names().count("dynamodb.UpdateItem") == 4
    assert len(stack.polls()) == 3


def test_another_trouble_takes_the_place_of_the_first(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    for status in (503, 500):
        with scripted_server(CannedResponse(status)) as server:
            looked = track(stack, connect(server.base_url), job.id)
        assert_noted(stack, job, looked, f"http_{status}")
        job = looked


@pytest.mark.parametrize("status", sorted(AT_SERVER))
@pytest.mark.parametrize("answer", [QUEUED, RUNNING], ids=["queued", "running"])
def test_trouble_that_is_over_is_no_longer_told(
    stack: Stack, connect: Connect, status: Status, answer: CannedResponse
) -> None:
    job = stack.sent_job("video_1", status)
    with scripted_server(CannedResponse(503)) as server:
        assert track(stack, connect(server.base_url), job.id).error.code == "http_503"
    with scripted_server(answer) as server:
        video_server = connect(server.base_url)
        well = track(stack, video_server, job.id)
        stack.calls.clear()
        again = track(stack, video_server, job.id)
    assert again == recorded(stack, job)
    assert (again.status, again.server, again.error, again.history) == (well.status, well.server, {}, well.history)
    assert well.error == {}
    moved = answer is RUNNING and status is Status.QUEUED
    assert path_of(well) == [*path_of(job), *(["in_progress"] if moved else [])]
    # Nothing but that there was a look.
    assert stack.calls.names().count("dynamodb.UpdateItem") == 1


def test_a_server_that_stays_down_does_not_outlive_the_deadline(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    stack.clock.advance(minutes=121)
    with scripted_server(CannedResponse(503)) as server:
        late = track(stack, connect(server.base_url), job.id)
    assert (late.status, late.error.code) == (Status.FAILED, "timed_out")
    assert late.error.facts["last_trouble"]["code"] == "http_503"
    assert "503" in late.error.facts["last_trouble"]["message"]
    assert path_of(late) == ["ready", "submitting", "queued", "failed"]
    assert stack.polls() == []


def test_trouble_that_was_over_before_the_deadline_is_not_blamed(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    with scripted_server(CannedResponse(503)) as server:
        track(stack, connect(server.base_url), job.id)
    stack.clock.advance(minutes=121)
    with scripted_server(RUNNING) as server:
        late = track(stack, connect(server.base_url), job.id)
    assert late.error.code == "timed_out"
    assert "last_trouble" not in late.error


def test_trouble_noted_of_a_job_that_ended_meanwhile_changes_nothing(stack: Stack, connect: Connect) -> None:
    job = stack.sent_job("video_1")
    with scripted_server(CannedResponse(503), before=lambda: stack.jobs.move_job(job.id, Status.COMPLETED)) as server:
        looked = track(stack, connect(server.base_url), job.id)
    assert looked == recorded(stack, job)
    assert (looked.status, looked.error, stack.polls()) == (Status.COMPLETED, {}, [])
