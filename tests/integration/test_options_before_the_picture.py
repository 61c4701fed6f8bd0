"""A job may be on record, with what was asked for, before its picture is here: its key then names the job."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sora_ready.domain.job import Job, SourceObject, Status, timestamp
from sora_ready.domain.job_id import api_object_key, hash_job_id, make_job_id
from sora_ready.entrypoints.s3_events import parse_object_created

from .run_steps import normalize
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

JOB_ID = hash_job_id("a test")
KEY = api_object_key(JOB_ID)


def receive(stack: Stack, key: str = KEY, **request: Any) -> Job:
    now = timestamp(stack.clock())
    job = Job(
        make_job_id(SourceObject(UPLOAD_BUCKET, key)),
        Status.RECEIVED,
        SourceObject(UPLOAD_BUCKET, key),
        created_at=now,
        updated_at=now,
        caller={"door": "api"},
        request=request,
        option_sources=dict.fromkeys(request, "body"),
    )
    return stack.jobs.put_job(job)


def test_the_key_names_the_job_whatever_version_of_it_comes(stack: Stack) -> None:
    receive(stack)
    for upload in (stack.upload(KEY, picture(80, 60)), stack.upload(KEY, picture(60, 80))):
        assert make_job_id(upload) == JOB_ID
    assert make_job_id(SourceObject("b", api_object_key(JOB_ID, "in/"))) == JOB_ID
    for other in (f"api/{JOB_ID}/picture.jpg", f"api/{JOB_ID}x/picture", f"xapi/{JOB_ID}/picture", JOB_ID):
        assert make_job_id(SourceObject("b", other, "e")) != JOB_ID


def test_what_was_asked_for_holds_behind_tags_and_before_the_defaults(stack: Stack) -> None:
    receive(stack, mode="pad", background="white", prompt="p" * 5000)
    job = normalize(stack, stack.upload(KEY, picture(40, 120), Tagging="background=336699"))
    assert job.status is Status.READY
    assert (job.request.mode, job.request.background) == ("pad", "336699")
    assert job.request.prompt == "p" * 5000
    assert [job.option_sources[name] for name in ("mode", "background", "size")] == ["body", "tag", "default"]
    assert job.invocation == {"door": "api"}
    assert [entry.status for entry in job.history] == ["received", "ready"]


def test_a_second_picture_under_the_key_makes_no_second_job(stack: Stack) -> None:
    receive(stack)
    first = normalize(stack, stack.upload(KEY, picture(80, 60)))
    again = normalize(stack, stack.upload(KEY, picture(60, 80)))
    assert again == first


def test_a_worker_that_died_leaves_what_was_asked_for_to_the_next(stack: Stack) -> None:
    job = receive(stack, mode="pad")
    stack.jobs.update_job(job, attempt={"decodes": ["2026-11-12T07:00:00.000Z"]})
    assert normalize(stack, stack.upload(KEY, picture(40, 120))).request.mode == "pad"


def test_sweep_announces_by_its_key_a_picture_whose_event_was_lost(stack: Stack) -> None:
    job = receive(stack, mode="pad")
    stack.upload(KEY, picture(40, 120))
    stack.calls.clear()
    stack.normalize_queue.send_upload(job.source)
    (message,) = stack.messages(stack.normalize_queue_url)
    source = parse_object_created(json.dumps(message))
    assert source == SourceObject(UPLOAD_BUCKET, KEY)
    assert normalize(stack, source).status is Status.READY


def test_a_picture_that_never_came_is_rejected_when_sweep_asks_for_it(stack: Stack) -> None:
    job = normalize(stack, receive(stack).source)
    assert (job.status, job.error.code) == (Status.REJECTED, "source_missing")


def test_an_event_of_s3_without_an_etag_is_none() -> None:
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": UPLOAD_BUCKET}, "object": {"key": KEY}},
    }
    with pytest.raises(ValueError, match="not an S3 event"):
        parse_object_created(json.dumps(event))


def test_a_refused_request_keeps_its_caller(stack: Stack) -> None:
    job = receive(stack, mode="sideways")
    job = normalize(stack, replace(stack.upload(KEY, picture(40, 40)), sequencer=None))
    assert (job.status, job.error.code) == (Status.REJECTED, "invalid_mode")
    assert (job.error.facts["source"], job.invocation.channel) == ("body", "api")


def test_in_a_bucket_without_versions_two_pictures_under_the_key_are_one_job_and_none_is_lost(stack: Stack) -> None:
    stack.s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": "Suspended"})
    receive(stack)
    # given two posts of one form, before either is looked at
    uploads = [replace(stack.upload(KEY, picture(*shape)), version_id=None) for shape in ((80, 60), (60, 80))]
    first, again = (normalize(stack, upload) for upload in uploads)
    assert first.status is Status.READY
    assert again == first
