"""What an operator decides about an unconfirmed job, by invoking sweep."""

from __future__ import annotations

from decimal import Decimal

import pytest

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import DecisionRejected, TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, ServerVideo, Status

from .function_modules import CONTEXT, COPY_KEY, JOB, Event, Load, submit_sample
from .run_steps import path_of, recorded, submit, track
from .stack_fixtures import PATHS, Stack, bring_to, load_event

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.fixture
def unconfirmed(stack: Stack) -> Job:
    """The sample event's job, unconfirmed."""
    return stack.unconfirmed_job(job_id=JOB, copy_key=COPY_KEY)


def decide(load: Load, decision: str, **extra: str) -> Event:
    """Invoke sweep as the sample event does, with this decision."""
    event = load_event("sweep-resolve.json")
    event["resolve"] |= {"decision": decision} | extra
    response: Event = load("sweep").handler(event, CONTEXT)
    return response


def test_the_sample_event_sends_the_job_again(
    stack: Stack, fake_server: FakeVideoServer, load: Load, video_server: VideoServerClient, unconfirmed: Job
) -> None:
    # when
    response = load("sweep").handler(load_event("sweep-resolve.json"), CONTEXT)

    # then
    ready = recorded(stack, unconfirmed)
    assert response == ready.to_public_dict()
    assert (ready.status, ready.error) == (Status.READY, None)
    assert stack.messages(stack.submit_queue_url) == [{"job_id": JOB}]
    assert fake_server.request_log.entries() == []

    # and it is sent once, at its full price: the first attempt may have cost as much
    done = submit(stack, video_server, ready)
    assert path_of(done)[-3:] == ["ready", "submitting", "queued"]
    assert len(fake_server.request_log.creates()) == 1
    assert stack.spent() == Decimal("0.80")


def test_a_job_that_is_given_up_fails_and_its_error_says_so(stack: Stack, load: Load, unconfirmed: Job) -> None:
    response = decide(load, "give_up")

    job = recorded(stack, unconfirmed)
    assert response == job.to_public_dict()
    assert (job.status, job.error.code, job.due_at) == (Status.FAILED, "given_up", None)
    assert stack.due_row(job) is None
    # its price is not refunded: nobody knows whether a video was made
    assert stack.spent() == Decimal("0.40")
    assert "sqs.SendMessage" not in stack.calls.names()


def test_a_video_that_an_operator_found_is_adopted_and_polled(stack: Stack, load: Load, unconfirmed: Job) -> None:
    decide(load, "adopt", video_id="video_found")

    job = recorded(stack, unconfirmed)
    assert (job.status, job.server.id, job.error) == (Status.QUEUED, "video_found", None)
    assert stack.ledger.find_owners({"video_found"}) == {"video_found": JOB}
    assert stack.polls() == [({"job_id": JOB, "polls": 0}, 10)]


def test_a_video_that_was_adopted_late_gets_the_grace_of_a_new_one(
    stack: Stack, video_server: VideoServerClient, unconfirmed: Job
) -> None:
    # given a decision days after the submission, and a server that does not find the video at once
    stack.clock.advance(days=3)
    stack.ledger.record_video(unconfirmed, ServerVideo("video_found", "unknown"))

    assert track(stack, video_server, JOB).status is Status.QUEUED
    stack.clock.advance(minutes=1, seconds=1)
    assert track(stack, video_server, JOB).error.code == "expired_on_server"


def test_a_video_of_another_job_is_not_given_to_this_one(stack: Stack, load: Load, unconfirmed: Job) -> None:
    stack.ledger.record_video(stack.claimed_job("other.jpg"), ServerVideo("video_taken", "queued"))

    with pytest.raises(VideoClaimedError, match="video_taken"):
        decide(load, "adopt", video_id="video_taken")

    assert recorded(stack, unconfirmed) == unconfirmed


@pytest.mark.parametrize(
    ("decision", "extra"), [("adopt", {}), ("adopt", {"video_id": ""}), ("sendagain", {}), ("", {})]
)
def test_an_invalid_decision_changes_nothing(
    stack: Stack, load: Load, unconfirmed: Job, decision: str, extra: dict[str, str]
) -> None:
    with pytest.raises(DecisionRejected, match="send_again, give_up, or adopt"):
        decide(load, decision, **extra)

    assert recorded(stack, unconfirmed) == unconfirmed


@pytest.mark.parametrize("decision", ["send_again", "give_up", "adopt"])
@pytest.mark.parametrize("status", sorted(set(PATHS) - {Status.UNCONFIRMED}))
def test_a_decision_about_a_job_that_is_not_unconfirmed_is_refused(
    stack: Stack, load: Load, status: Status, decision: str
) -> None:
    before = bring_to(stack.jobs, status)

    with pytest.raises(TransitionRefused) as refusal:
        decide(load, decision, job_id=before.id, video_id="video_found")

    assert refusal.value.current == status
    assert recorded(stack, before) == before
    assert "sqs.SendMessage" not in stack.calls.names()


def test_a_decision_about_an_unknown_job_is_refused(stack: Stack, load: Load) -> None:
    with pytest.raises(TransitionRefused, match="has no record"):
        decide(load, "send_again", job_id="video_nowhere")


def test_a_decision_is_applied_once(stack: Stack, load: Load, unconfirmed: Job) -> None:
    decide(load, "send_again")

    with pytest.raises(TransitionRefused):
        decide(load, "send_again")

    assert path_of(recorded(stack, unconfirmed)).count("ready") == 2


def test_a_queued_job_is_not_sent_again(stack: Stack, fake_server: FakeVideoServer, load: Load) -> None:
    submit_sample(stack, load)

    with pytest.raises(TransitionRefused):
        decide(load, "send_again")

    assert len(fake_server.request_log.creates()) == 1
