"""A ready copy is sent to the video server once; what its answer proves decides what the job becomes."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from local.stand_in import StandIn, faults
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.video_api import VideoApi
from sora_ready.domain.errors import JobNotRecordedError, SubmissionNotTaken
from sora_ready.domain.job import Job, Status
from sora_ready.pipeline.submit import submit_job

from .support import OUTPUT_BUCKET, Answer, OneAtATime, Stack, scripted_server

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

Connect = Callable[..., VideoApi]
PROMPT = 'A "calm" sea, slow zoom; it\'s 100% real: 海浪 🎬\nSecond line.'


def submit(stack: Stack, video_api: VideoApi, job: Job) -> Job | None:
    return submit_job(
        job.id,
        job.copy["key"],
        jobs=stack.jobs,
        outputs=stack.outputs,
        video_api=video_api,
        track_queue=stack.track_queue,
        lease_seconds=180,
    )


def recorded(stack: Stack, job: Job) -> Job:
    found = stack.jobs.get_job(job.id)
    assert found is not None
    return found


def steps(job: Job) -> list[str]:
    return [entry["status"] for entry in job.history]


def unused_address() -> str:
    """Where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def test_a_ready_job_is_sent_in_one_request_as_the_protocol_wants_it(
    stack: Stack, stand_in: StandIn, video_api: VideoApi
) -> None:
    job = stack.ready_job(prompt=PROMPT)
    frame = stack.s3.get_object(Bucket=OUTPUT_BUCKET, Key=job.copy["key"])["Body"].read()
    submit(stack, video_api, job)
    (entry,) = stand_in.ledger.creates()
    assert (entry.status, entry.idempotency_key) == (200, job.id)
    assert entry.prompt == PROMPT
    assert (entry.model, entry.size, entry.seconds) == ("tiny", "64x48", "4")
    assert (entry.image_name, entry.image_type) == (f"{job.id}.jpg", "image/jpeg")
    assert entry.image_sha256 == hashlib.sha256(frame).hexdigest()


def test_the_record_then_holds_the_servers_id_and_the_attempt(
    stack: Stack, stand_in: StandIn, video_api: VideoApi
) -> None:
    job = stack.ready_job()
    done = submit(stack, video_api, job)
    (entry,) = stand_in.ledger.accepted()
    assert done == recorded(stack, job)
    assert done is not None
    assert (done.status, done.server["id"], done.server["status"]) == (Status.QUEUED, entry.video_id, "queued")
    assert steps(done) == ["ready", "submitting", "queued"]
    assert done.attempt["started_at"] == "2026-11-12T08:00:00.000Z"
    assert done.attempt["lease_until"] == "2026-11-12T08:03:00.000Z"
    assert not done.error


def test_the_first_look_is_asked_for_when_the_server_advises(stack: Stack, video_api: VideoApi) -> None:
    job = stack.ready_job()
    submit(stack, video_api, job)
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 7)]


def test_a_second_delivery_sends_nothing(stack: Stack, stand_in: StandIn, video_api: VideoApi) -> None:
    job = stack.ready_job()
    first = submit(stack, video_api, job)
    assert submit(stack, video_api, job) is None
    assert len(stand_in.ledger.creates()) == 1
    assert len(stack.polls()) == 1
    assert recorded(stack, job) == first


def test_a_copy_whose_job_is_not_recorded_yet_is_not_sent(stack: Stack, stand_in: StandIn, video_api: VideoApi) -> None:
    job = stack.ready_job()
    stranger = replace(job, id="video_" + "0" * 32)
    with pytest.raises(JobNotRecordedError):
        submit(stack, video_api, stranger)
    assert stand_in.ledger.creates() == []
    assert stack.polls() == []


def test_a_refused_job_fails_with_the_servers_words_and_a_hint(
    stack: Stack, stand_in: StandIn, video_api: VideoApi
) -> None:
    job = submit(stack, video_api, stack.ready_job(prompt="moderation-block"))
    assert job is not None
    assert job.status is Status.FAILED
    assert job.error["code"] == "moderation_blocked"
    assert job.error["message"] == "Your request was blocked by our moderation system."
    assert "change them" in job.error["hint"]
    assert job.error["http_status"] == 400
    assert (len(stand_in.ledger.creates()), stand_in.ledger.accepted(), stack.polls()) == (1, [], [])


def test_a_wrong_key_fails_the_job_with_a_hint_at_the_secret(stack: Stack, stand_in: StandIn, connect: Connect) -> None:
    job = submit(stack, connect(stand_in.base_url, "sk-other"), stack.ready_job())
    assert job is not None
    assert (job.status, job.error["code"]) == (Status.FAILED, "invalid_api_key")
    assert "secret" in job.error["hint"]
    assert "sk-other" not in str(job.as_record())
    assert [entry.status for entry in stand_in.ledger.creates()] == [401]


def test_a_busy_server_leaves_the_job_ready_and_takes_it_later(
    stack: Stack, stand_in: StandIn, video_api: VideoApi
) -> None:
    job = stack.ready_job()
    stand_in.faults.plan(faults.status(429, headers={"retry-after": "7"}))
    with pytest.raises(SubmissionNotTaken) as refusal:
        submit(stack, video_api, job)
    assert refusal.value.retry_after_seconds == 7
    waiting = recorded(stack, job)
    assert (waiting.status, waiting.error["code"]) == (Status.READY, "rate_limit_exceeded")
    assert (len(stand_in.ledger.creates()), stack.polls()) == (1, [])

    done = submit(stack, video_api, job)
    assert done is not None
    assert (done.status, done.error) == (Status.QUEUED, {})
    assert steps(done) == ["ready", "submitting", "ready", "submitting", "queued"]
    assert len(stand_in.ledger.accepted()) == 1


def test_without_a_connection_the_job_is_ready_again(stack: Stack, connect: Connect) -> None:
    job = stack.ready_job()
    with pytest.raises(SubmissionNotTaken) as refusal:
        submit(stack, connect(unused_address()), job)
    assert refusal.value.retry_after_seconds is None
    waiting = recorded(stack, job)
    assert (waiting.status, waiting.error["code"]) == (Status.READY, "server_unreachable")
    assert "VideoApiBaseUrl" in waiting.error["hint"]


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (faults.status(500), 0),
        (faults.status(503), 0),
        (faults.status(408), 0),
        (faults.status(409), 0),
        (faults.drop_connection(), 0),
        (faults.accept_then(faults.status(500)), 1),
        (faults.accept_then_drop_connection(), 1),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_what_may_have_been_taken_is_unconfirmed_and_never_sent_again(
    stack: Stack, stand_in: StandIn, video_api: VideoApi, fault: faults.Fault, accepted: int
) -> None:
    job = stack.ready_job()
    stand_in.faults.plan(fault)
    doubted = submit(stack, video_api, job)
    assert doubted is not None
    assert (doubted.status, doubted.error["code"]) == (Status.UNCONFIRMED, "unconfirmed")
    assert "Look for it at the server" in doubted.error["hint"]
    assert submit(stack, video_api, job) is None
    assert (len(stand_in.ledger.creates()), len(stand_in.ledger.accepted())) == (1, accepted)
    assert recorded(stack, job) == doubted
    assert stack.polls() == []


def test_a_redirect_is_not_followed_with_the_picture(stack: Stack, connect: Connect) -> None:
    job = stack.ready_job()
    with scripted_server(Answer.of_json({"id": "video_elsewhere", "status": "queued"})) as elsewhere:
        there = Answer(307, b"", {"Location": f"{elsewhere.base_url}/videos", "Content-Length": "0"})
        with scripted_server(there) as server:
            doubted = submit(stack, connect(server.base_url), job)
            assert server.requests == ["POST /v1/videos"]
        assert elsewhere.requests == []
    assert doubted is not None
    assert doubted.status is Status.UNCONFIRMED


@pytest.mark.parametrize(
    "answer",
    [
        Answer.of_json({}),
        Answer.of_json({"id": None, "status": "queued"}),
        Answer.of_json([]),
        Answer.of_json(None),
        Answer(200, b'{"id": "video_1", "sta', {"Content-Type": "application/json"}),
        Answer(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        Answer(200, b"", {"Content-Type": "application/json"}),
    ],
    ids=["empty object", "null id", "list", "null", "cut json", "page", "nothing"],
)
def test_an_answer_without_an_id_leaves_the_job_unconfirmed(stack: Stack, connect: Connect, answer: Answer) -> None:
    job = stack.ready_job()
    with scripted_server(answer) as server:
        doubted = submit(stack, connect(server.base_url), job)
        assert server.requests == ["POST /v1/videos"]
    assert doubted is not None
    assert (doubted.status, doubted.server) == (Status.UNCONFIRMED, {})
    assert stack.polls() == []


def test_a_server_that_only_gives_an_id_is_believed(stack: Stack, connect: Connect) -> None:
    with scripted_server(Answer.of_json({"id": "video_gen_7"})) as server:
        job = submit(stack, connect(server.base_url), stack.ready_job())
    assert job is not None
    assert (job.status, job.server["id"]) == (Status.QUEUED, "video_gen_7")
    assert [delay for _, delay in stack.polls()] == [10]


@pytest.mark.parametrize("race", range(10))
def test_of_two_deliveries_at_once_one_sends(stack: Stack, stand_in: StandIn, video_api: VideoApi, race: int) -> None:
    job = stack.ready_job()
    shared = replace(stack, jobs=JobTable(OneAtATime(stack.dynamodb), stack.table, now=stack.clock))
    start = threading.Barrier(2)
    outcomes: list[Job | None] = []

    def work() -> None:
        start.wait(30)
        outcomes.append(submit(shared, video_api, job))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(outcomes) == 2
    assert [entry.idempotency_key for entry in stand_in.ledger.creates()] == [job.id]
    assert outcomes.count(None) == 1
    assert steps(recorded(stack, job)) == ["ready", "submitting", "queued"]
    assert len(stack.polls()) == 1
