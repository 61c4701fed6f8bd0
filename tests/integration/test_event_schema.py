"""What is published of a job is what docs/events/ says, in each status that a job may have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.event_bus import BusEvent, EventBus
from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Job, Status
from sora_ready.domain.reconciliation import fingerprint
from sora_ready.pipeline.publish import DETAIL_TYPE, SCHEMA_VERSION, publish_events

from .run_steps import ended, normalize, submit, track
from .stack_fixtures import BUDGET, PRICE, ROOT, Stack, new_submission, picture

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SCHEMA = json.loads((ROOT / "docs" / "events" / "video-job-status-changed.v1.json").read_text(encoding="utf-8"))
ENVELOPE = {"version": "0", "id": "e", "account": "1", "region": "us-east-1", "time": "now", "resources": []}

Way = Callable[[Stack, VideoServerClient, FakeVideoServer], Job]


class Bus(EventBus):
    def __init__(self) -> None:
        self.told: list[BusEvent] = []

    def put_events(self, events: Sequence[BusEvent]) -> list[int]:
        self.told += events
        return []


def ready(stack: Stack, *_: Any, data: bytes = b"", **options: Any) -> Job:
    return normalize(stack, stack.upload("beach.jpg", data or picture(80, 60), **options))


def received(stack: Stack, *_: Any) -> Job:
    job = ready(stack)
    return replace(job, status=Status.RECEIVED, copy={}, picture={}, history=job.history[:1])


def submitting(stack: Stack, *_: Any) -> Job:
    job = ready(stack)
    attempt = new_submission(stack.clock)
    return stack.ledger.claim_job(job, attempt, fingerprint(job.request), price=PRICE, budget=BUDGET)


def unconfirmed(stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer) -> Job:
    fake_server.faults.plan(faults.accept_then_drop_connection())
    return submit(stack, video_server, ready(stack))


def in_progress(stack: Stack, video_server: VideoServerClient, _: FakeVideoServer) -> Job:
    job = submit(stack, video_server, ready(stack))
    server = {**job.server, "status": "in_progress", "progress": 7, "expires_at": 1_794_000_000}
    return stack.jobs.move_job(job.id, Status.IN_PROGRESS, server=server)


def completed(stack: Stack, video_server: VideoServerClient, _: FakeVideoServer) -> Job:
    job = submit(stack, video_server, ready(stack, Tagging="preset=art&size=64x48"))
    ended(video_server, job.server.id)
    return track(stack, video_server, job.id)


def failed_late(stack: Stack, video_server: VideoServerClient, _: FakeVideoServer) -> Job:
    job = submit(stack, video_server, ready(stack, Metadata={"prompt": "fail-render"}))
    ended(video_server, job.server.id)
    return track(stack, video_server, job.id)


PATHS: list[tuple[str, Way]] = [
    ("received", received),
    ("ready", ready),
    ("held", lambda stack, server, _: submit(stack, server, ready(stack), budget=Decimal(0))),
    ("submitting", submitting),
    ("unconfirmed", unconfirmed),
    ("queued", lambda stack, server, _: submit(stack, server, ready(stack))),
    ("in_progress", in_progress),
    ("completed", completed),
    ("failed", failed_late),
    ("failed", lambda stack, server, _: submit(stack, server, ready(stack, Metadata={"prompt": "moderation-block"}))),
    ("rejected", lambda stack, *_: ready(stack, Tagging="mode=sideways")),
    ("rejected", lambda stack, *_: ready(stack, data=b"no picture")),
    ("canceled", lambda stack, *_: stack.jobs.move_job(ready(stack).id, Status.CANCELED)),
    ("deleted", lambda stack, *_: stack.jobs.tombstone_job(ready(stack, data=b"no picture"))),
]


def publish(job: Job) -> dict[str, Any]:
    """The event that is published when a job comes to where it stands."""
    bus = Bus()
    image = write_item(replace(job, caller={"task_tokens": ["secret"]}).to_record())
    assert publish_events([{"dynamodb": {"NewImage": image, "SequenceNumber": "1"}}], bus, stack="films") is None
    (event,) = bus.told
    return {**ENVELOPE, "source": "sora-ready", "detail-type": event.detail_type, "detail": event.detail}


def undocumented(value: Any, schema: dict[str, Any], path: str = "detail") -> list[str]:
    """The fields of an event that its schema does not name."""
    known = schema.get("properties")
    if not isinstance(value, dict) or known is None:
        return []
    found = [f"{path}.{name}" for name in value if name not in known]
    return found + [
        missing
        for name in value
        if name in known
        for missing in undocumented(value[name], known[name], f"{path}.{name}")
    ]


@pytest.mark.parametrize(("status", "way"), PATHS, ids=[f"{number}-{name}" for number, (name, _) in enumerate(PATHS)])
def test_the_event_of_each_status_is_as_documented(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer, status: str, way: Way
) -> None:
    event = publish(way(stack, video_server, fake_server))

    Draft202012Validator(SCHEMA).validate(event)
    assert (event["detail"]["status"], event["detail"]["schema_version"]) == (status, SCHEMA_VERSION)
    # errors carry facts of their own, which the schema says
    assert [name for name in undocumented(event["detail"], SCHEMA["$defs"]["detail"]) if ".error." not in name] == []
    assert "secret" not in json.dumps(event)


def test_every_status_is_looked_at() -> None:
    assert {name for name, _ in PATHS} == set(Status) == set(SCHEMA["$defs"]["status"]["enum"])


def test_the_schema_is_one_and_is_of_the_version_that_is_published() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == DETAIL_TYPE
    assert SCHEMA_VERSION.split(".")[0] == "1"


@pytest.mark.parametrize(
    ("status", "without"),
    [
        ("completed", "video"),
        ("completed", "job_id"),
        ("completed", "stack"),
        ("rejected", "error"),
        ("queued", "copy"),
        ("ready", "history"),
    ],
)
def test_an_event_that_lacked_what_a_receiver_needs_would_be_noticed(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer, status: str, without: str
) -> None:
    event = publish(dict(PATHS)[status](stack, video_server, fake_server))
    del event["detail"][without]
    assert not Draft202012Validator(SCHEMA).is_valid(event)


def test_who_hears_that_a_video_is_there_can_fetch_it_and_check_it(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer
) -> None:
    video = publish(completed(stack, video_server, fake_server))["detail"]["video"]
    data = stack.s3.get_object(Bucket=video["bucket"], Key=video["key"])["Body"].read()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (video["bytes"], video["sha256"])
