"""A job may be recorded, with its options, before its picture is here: its key then contains the job id."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sora_ready.domain.job import Channel, Decoding, Invocation, Job, SourceObject, Status, timestamp
from sora_ready.domain.job_id import api_object_key, hash_job_id, make_job_id
from sora_ready.entrypoints.sqs import parse_object_created

from .run_steps import normalize, path_of
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

JOB_ID = hash_job_id("a test")
KEY = api_object_key(JOB_ID)


def create_job(stack: Stack, key: str = KEY, **options: str) -> Job:
    """Record a job with these options, as the API does."""
    now = timestamp(stack.clock())
    job = Job(
        make_job_id(SourceObject(UPLOAD_BUCKET, key)),
        Status.RECEIVED,
        SourceObject(UPLOAD_BUCKET, key),
        created_at=now,
        updated_at=now,
        invocation=Invocation(Channel.API),
        options=options,
        option_sources=dict.fromkeys(options, "body"),
    )
    return stack.jobs.put_job(job)


def test_the_key_identifies_the_job_in_every_version(stack: Stack) -> None:
    create_job(stack)
    for upload in (stack.upload(KEY, picture(80, 60)), stack.upload(KEY, picture(60, 80))):
        assert make_job_id(upload) == JOB_ID
    assert make_job_id(SourceObject("b", api_object_key(JOB_ID, "in/"))) == JOB_ID
    for other in (f"api/{JOB_ID}/picture.jpg", f"api/{JOB_ID}x/picture", f"xapi/{JOB_ID}/picture", JOB_ID):
        assert make_job_id(SourceObject("b", other, "e")) != JOB_ID


def test_recorded_options_override_the_defaults_and_tags_override_them(stack: Stack) -> None:
    create_job(stack, mode="pad", background="white", prompt="p" * 5000)
    job = normalize(stack, stack.upload(KEY, picture(40, 120), Tagging="background=336699"))
    assert job.status is Status.READY
    assert (job.request.mode, job.request.background) == ("pad", "336699")
    assert job.request.prompt == "p" * 5000
    assert [job.option_sources[name] for name in ("mode", "background", "size")] == ["body", "tag", "default"]
    assert job.invocation == Invocation(Channel.API)
    assert path_of(job) == ["received", "ready"]


def test_a_second_picture_under_the_key_does_not_create_a_second_job(stack: Stack) -> None:
    create_job(stack)
    first = normalize(stack, stack.upload(KEY, picture(80, 60)))
    again = normalize(stack, stack.upload(KEY, picture(60, 80)))
    assert again == first


def test_after_a_crash_the_next_worker_uses_the_recorded_options(stack: Stack) -> None:
    job = create_job(stack, mode="pad")
    stack.jobs.update_job(job, decoding=Decoding(("2026-11-12T07:00:00.000Z",)))
    assert normalize(stack, stack.upload(KEY, picture(40, 120))).request.mode == "pad"


def test_the_sweep_sends_the_lost_event_of_a_picture_by_its_key(stack: Stack) -> None:
    job = create_job(stack, mode="pad")
    stack.upload(KEY, picture(40, 120))
    stack.calls.clear()
    stack.normalize_queue.send_upload(job.source)
    (message,) = stack.messages(stack.normalize_queue_url)
    source = parse_object_created(json.dumps(message))
    assert source == SourceObject(UPLOAD_BUCKET, KEY)
    assert normalize(stack, source).status is Status.READY


def test_a_picture_that_never_came_is_rejected_when_the_sweep_resumes_its_job(stack: Stack) -> None:
    job = normalize(stack, create_job(stack).source)
    assert (job.status, job.error.code) == (Status.REJECTED, "source_missing")


def test_an_event_of_s3_without_an_etag_is_invalid() -> None:
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": UPLOAD_BUCKET}, "object": {"key": KEY}},
    }
    with pytest.raises(ValueError, match="not an S3 event"):
        parse_object_created(json.dumps(event))


def test_a_rejected_job_keeps_its_invocation(stack: Stack) -> None:
    job = create_job(stack, mode="sideways")
    job = normalize(stack, replace(stack.upload(KEY, picture(40, 40)), sequencer=None))
    assert (job.status, job.error.code) == (Status.REJECTED, "invalid_mode")
    assert (job.error.facts["source"], job.invocation.channel) == ("body", "api")


def test_in_a_bucket_without_versions_two_pictures_under_the_key_are_one_job_and_neither_event_fails(
    stack: Stack,
) -> None:
    stack.s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": "Suspended"})
    create_job(stack)
    # given two posts of one form, before either is normalized
    uploads = [replace(stack.upload(KEY, picture(*shape)), version_id=None) for shape in ((80, 60), (60, 80))]
    first, again = (normalize(stack, upload) for upload in uploads)
    assert first.status is Status.READY
    assert again == first
