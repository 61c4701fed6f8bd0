"""A refusal fails the job. A refusal that only asks to wait, or a failed connection, leaves it ready to be sent."""

from __future__ import annotations

import socket

import pytest

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import SubmissionNotAcceptedError
from sora_ready.domain.job import Status

from .run_steps import Connect, path_of, recorded, submit, sweep
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


def unused_address() -> str:
    """Return an address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def test_a_refused_job_fails_with_the_servers_message_and_a_hint(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = submit(stack, video_server, stack.ready_job(prompt="moderation-block"))
    assert job.status is Status.FAILED
    assert job.error
    assert job.error.hint
    assert job.error.code == "moderation_blocked"
    assert job.error.message == "Your request was blocked by our moderation system."
    assert "change them" in job.error.hint
    assert job.error.facts == {"http_status": 400}
    assert (len(fake_server.request_log.creates()), fake_server.request_log.accepted(), stack.polls()) == (1, [], [])


def test_a_wrong_key_fails_the_job_with_a_hint_that_names_the_secret(
    stack: Stack, fake_server: FakeVideoServer, connect: Connect
) -> None:
    job = submit(stack, connect(fake_server.base_url, "sk-other"), stack.ready_job())
    assert job.error
    assert job.error.hint
    assert (job.status, job.error.code) == (Status.FAILED, "invalid_api_key")
    assert "secret" in job.error.hint
    assert "sk-other" not in str(job.to_record())
    assert [entry.status for entry in fake_server.request_log.creates()] == [401]


def test_a_job_that_a_busy_server_refuses_is_ready_and_can_be_sent_later(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    fake_server.faults.plan(faults.status(429, headers={"retry-after": "7"}))
    with pytest.raises(SubmissionNotAcceptedError) as raised:
        submit(stack, video_server, job)
    assert raised.value.retry_after_seconds == 7
    waiting = recorded(stack, job)
    assert waiting.error
    assert (waiting.status, waiting.error.code) == (Status.READY, "rate_limit_exceeded")
    assert (len(fake_server.request_log.creates()), stack.polls()) == (1, [])

    done = submit(stack, video_server, job)
    assert (done.status, done.error) == (Status.QUEUED, None)
    assert path_of(done) == ["ready", "submitting", "ready", "submitting", "queued"]
    assert len(fake_server.request_log.accepted()) == 1


def test_the_sweep_resumes_a_job_of_a_busy_server_only_after_its_message_may_have_come_back(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    fake_server.faults.plan(faults.status(429, headers={"retry-after": "86400"}))
    with pytest.raises(SubmissionNotAcceptedError):
        submit(stack, video_server, job)
    # The message stays invisible for an hour at most, whatever the server asks for.
    stack.clock.advance(minutes=89)
    assert sweep(stack) == {}
    stack.clock.advance(minutes=1)
    assert sweep(stack) == {"ready": 1}
    assert stack.spent() == 0


def test_without_a_connection_the_job_is_ready_again(stack: Stack, connect: Connect) -> None:
    job = stack.ready_job()
    with pytest.raises(SubmissionNotAcceptedError) as raised:
        submit(stack, connect(unused_address()), job)
    assert raised.value.retry_after_seconds is None
    waiting = recorded(stack, job)
    assert waiting.error
    assert (waiting.status, waiting.error.code) == (Status.READY, "server_unreachable")
    assert "VideoApiBaseUrl" in (waiting.error.hint or "")
