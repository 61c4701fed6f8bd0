"""Events are as docs/events/ describes them, in each status that a job can have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.fake_video_server import FakeVideoServer, faults
from sora_ready.adapters.job_items import write_item
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Decoding, Invocation, Job, Status
from sora_ready.entrypoints.table_stream import read_changes
from sora_ready.pipeline.publish import DETAIL_TYPE, SCHEMA_VERSION

from .publish_fakes import FakeBus, FakeTaskTokens, publish_step
from .run_steps import normalize, submit, track, wait_until_ended
from .stack_fixtures import BUDGET, ROOT, Stack, new_submission, picture

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SCHEMA = json.loads((ROOT / "docs" / "events" / "video-job-status-changed.v2.json").read_text(encoding="utf-8"))
ENVELOPE = {"version": "0", "id": "e", "account": "1", "region": "us-east-1", "time": "now", "resources": []}

Path = Callable[[Stack, VideoServerClient, FakeVideoServer], Job]


def ready(stack: Stack, *_: Any, data: bytes = b"", **options: Any) -> Job:
    return normalize(stack, stack.upload("beach.jpg", data or picture(80, 60), **options))


def received(stack: Stack, *_: Any) -> Job:
    job = stack.jobs.get_job(ready(stack).id)
    options = {"size": "64x48", "seconds": "4", "prompt": "a calm sea"}
    received = replace(job, status=Status.RECEIVED, request=None, copy=None, picture=None, history=job.history[:1])
    return replace(received, options=options, decoding=Decoding((job.created_at,)))


def submitting(stack: Stack, *_: Any) -> Job:
    job = ready(stack)
    return stack.ledger.claim_job(job, new_submission(stack.clock), budget=BUDGET)


def unconfirmed(stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer) -> Job:
    fake_server.faults.plan(faults.accept_then_drop_connection())
    return submit(stack, video_server, ready(stack))


def in_progress(stack: Stack, video_server: VideoServerClient, _: FakeVideoServer) -> Job:
    job = submit(stack, video_server, ready(stack))
    server = replace(job.server, status="in_progress", progress=7, expires_at=1_794_000_000)
    return stack.jobs.move_job(job.id, Status.IN_PROGRESS, server=server)


def completed(stack: Stack, video_server: VideoServerClient, _: FakeVideoServer) -> Job:
    job = submit(stack, video_server, ready(stack, Tagging="preset=art&size=64x48"))
    wait_until_ended(video_server, job.server.id)
    return track(stack, video_server, job.id)


def failed_at_server(stack: Stack, video_server: VideoServerClient, _: FakeVideoServer) -> Job:
    job = submit(stack, video_server, ready(stack, Metadata={"prompt": "fail-render"}))
    wait_until_ended(video_server, job.server.id)
    return track(stack, video_server, job.id)


PATHS: list[tuple[str, Path]] = [
    ("received", received),
    ("ready", ready),
    ("held", lambda stack, server, _: submit(stack, server, ready(stack), budget=Decimal(0))),
    ("submitting", submitting),
    ("unconfirmed", unconfirmed),
    ("queued", lambda stack, server, _: submit(stack, server, ready(stack))),
    ("in_progress", in_progress),
    ("completed", completed),
    ("failed", failed_at_server),
    ("failed", lambda stack, server, _: submit(stack, server, ready(stack, Metadata={"prompt": "moderation-block"}))),
    ("rejected", lambda stack, *_: ready(stack, Tagging="mode=sideways")),
    ("rejected", lambda stack, *_: ready(stack, data=b"no picture")),
    ("canceled", lambda stack, *_: stack.jobs.move_job(ready(stack).id, Status.CANCELED)),
    ("deleted", lambda stack, *_: stack.jobs.tombstone_job(ready(stack, data=b"no picture"))),
]


def publish(job: Job) -> dict[str, Any]:
    """Return the event of a job's last change."""
    bus = FakeBus()
    image = write_item(replace(job, invocation=Invocation(task_tokens=("secret",))))
    changes, _ = read_changes({"Records": [{"dynamodb": {"NewImage": image, "SequenceNumber": "1"}}]})
    assert publish_step(bus, FakeTaskTokens()).publish_events(changes) is None
    ((detail,),) = bus.calls
    return {**ENVELOPE, "source": "sora-ready", "detail-type": bus.detail_type, "detail": detail}


def undocumented(value: Any, schema: dict[str, Any], path: str = "detail") -> list[str]:
    """Return the fields of an event that its schema does not name."""
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


@pytest.mark.parametrize(("status", "path"), PATHS, ids=[f"{number}-{name}" for number, (name, _) in enumerate(PATHS)])
def test_the_event_of_each_status_is_as_documented(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer, status: str, path: Path
) -> None:
    event = publish(path(stack, video_server, fake_server))

    Draft202012Validator(SCHEMA).validate(event)
    assert (event["detail"]["status"], event["detail"]["schema_version"]) == (status, SCHEMA_VERSION)
    # the facts of an error depend on its code
    assert [name for name in undocumented(event["detail"], SCHEMA["$defs"]["detail"]) if ".error." not in name] == []
    assert "secret" not in json.dumps(event)


def test_every_status_has_an_event_here() -> None:
    assert {name for name, _ in PATHS} == set(Status) == set(SCHEMA["$defs"]["status"]["enum"])


def test_the_schema_is_valid_and_of_the_published_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == DETAIL_TYPE
    assert SCHEMA_VERSION.split(".")[0] == "2"


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ("completed", "video"),
        ("completed", "job_id"),
        ("completed", "stack"),
        ("rejected", "error"),
        ("queued", "copy"),
        ("ready", "history"),
    ],
)
def test_an_event_without_a_field_that_receivers_need_breaks_the_schema(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer, status: str, field: str
) -> None:
    event = publish(dict(PATHS)[status](stack, video_server, fake_server))
    del event["detail"][field]
    assert not Draft202012Validator(SCHEMA).is_valid(event)


def test_a_receiver_can_fetch_and_check_the_video(
    stack: Stack, video_server: VideoServerClient, fake_server: FakeVideoServer
) -> None:
    video = publish(completed(stack, video_server, fake_server))["detail"]["video"]
    data = stack.s3.get_object(Bucket=video["bucket"], Key=video["key"])["Body"].read()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (video["bytes"], video["sha256"])
