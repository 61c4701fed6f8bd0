"""What a person decides about a job in doubt, by calling sweep."""

from __future__ import annotations

from decimal import Decimal

import pytest

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import TransitionRefused, VideoClaimedError
from sora_ready.domain.job import Job, Status

from .function_modules import COPY_KEY, JOB, Event, Load, submit_sample
from .run_steps import path_of, recorded, submit, track
from .stack_fixtures import PATHS, Stack, bring_to, load_event

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.fixture
def doubted(stack: Stack) -> Job:
    """The job that the sample speaks of, in doubt."""
    return stack.unconfirmed_job(job_id=JOB, copy_key=COPY_KEY)


def decide(load: Load, decision: str, **more: str) -> Event:
    """Call sweep as the sample does, with another decision."""
    event = load_event("sweep-resolve.json")
    event["resolve"] |= {"decision": decision} | more
    answer: Event = load("sweep").handler(event, None)
    return answer


def test_the_sample_has_the_job_sent_again(
    stack: Stack, fake_server: FakeVideoServer, load: Load, video_server: VideoServerClient, doubted: Job
) -> None:
    # when
    answer = load("sweep").handler(load_event("sweep-resolve.json"), None)

    # then
    ready = recorded(stack, doubted)
    assert answer == ready.to_record()
    assert (ready.status, ready.error) == (Status.READY, {})
    assert stack.messages(stack.submit_queue_url) == [{"job_id": JOB}]
    assert fake_server.request_log.entries() == []

    # and it is sent once, for its price once more: the first try may have been paid for
    done = submit(stack, video_server, ready)
    assert path_of(done)[-3:] == ["ready", "submitting", "queued"]
    assert len(fake_server.request_log.creates()) == 1
    assert stack.spent() == Decimal("0.80")


def test_a_job_that_is_given_up_fails_and_says_who_said_so(stack: Stack, load: Load, doubted: Job) -> None:
    answer = decide(load, "give_up")

    job = recorded(stack, doubted)
    assert answer == job.to_record()
    assert (job.status, job.error.code, job.due_at) == (Status.FAILED, "given_up", None)
    assert stack.due_row(job) is None
    # its price stays taken: whether a video was made is not known
    assert stack.spent() == Decimal("0.40")
    assert "sqs.SendMessage" not in stack.calls.names()


def test_a_video_that_a_person_found_is_followed(stack: Stack, load: Load, doubted: Job) -> None:
    decide(load, "adopt", video_id="video_found")

    job = recorded(stack, doubted)
    assert (job.status, job.server.id, job.error) == (Status.QUEUED, "video_found", {})
    assert stack.ledger.find_owners({"video_found"}) == {"video_found": JOB}
    assert stack.polls() == [({"job_id": JOB, "polls": 0}, 10)]


def test_a_video_that_was_found_late_is_still_given_its_time(
    stack: Stack, video_server: VideoServerClient, doubted: Job
) -> None:
    # given a decision days after the try, and a server that is late with what it has
    stack.clock.advance(days=3)
    stack.ledger.record_video(doubted, {"id": "video_found", "status": "unknown"})

    assert track(stack, video_server, JOB).status is Status.QUEUED
    stack.clock.advance(minutes=1, seconds=1)
    assert track(stack, video_server, JOB).error.code == "expired_on_server"


def test_a_video_of_another_job_is_not_given_to_this_one(stack: Stack, load: Load, doubted: Job) -> None:
    stack.ledger.record_video(stack.claimed_job("other.jpg"), {"id": "video_taken", "status": "queued"})

    with pytest.raises(VideoClaimedError, match="video_taken"):
        decide(load, "adopt", video_id="video_taken")

    assert recorded(stack, doubted) == doubted


@pytest.mark.parametrize(
    ("decision", "more"), [("adopt", {}), ("adopt", {"video_id": ""}), ("sendagain", {}), ("", {})]
)
def test_a_decision_that_is_none_changes_nothing(
    stack: Stack, load: Load, doubted: Job, decision: str, more: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="send_again, give_up, or adopt"):
        decide(load, decision, **more)

    assert recorded(stack, doubted) == doubted


@pytest.mark.parametrize("decision", ["send_again", "give_up", "adopt"])
@pytest.mark.parametrize("status", sorted(set(PATHS) - {Status.UNCONFIRMED}))
def test_only_a_job_in_doubt_can_be_decided_about(stack: Stack, load: Load, status: Status, decision: str) -> None:
    before = bring_to(stack.jobs, status)

    with pytest.raises(TransitionRefused) as refusal:
        decide(load, decision, job_id=before.id, video_id="video_found")

    assert refusal.value.current == status
    assert recorded(stack, before) == before
    assert "sqs.SendMessage" not in stack.calls.names()


def test_a_job_that_is_not_there_cannot_be_decided_about(stack: Stack, load: Load) -> None:
    with pytest.raises(TransitionRefused, match="has no record"):
        decide(load, "send_again", job_id="video_nowhere")


def test_a_decision_is_carried_out_once(stack: Stack, load: Load, doubted: Job) -> None:
    decide(load, "send_again")

    with pytest.raises(TransitionRefused):
        decide(load, "send_again")

    assert path_of(recorded(stack, doubted)).count("ready") == 2


def test_a_job_that_was_followed_all_along_is_not_sent_again(
    stack: Stack, fake_server: FakeVideoServer, load: Load
) -> None:
    submit_sample(stack, load)

    with pytest.raises(TransitionRefused):
        decide(load, "send_again")

    assert len(fake_server.request_log.creates()) == 1
