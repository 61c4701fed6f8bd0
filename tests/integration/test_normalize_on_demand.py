"""A direct invocation of `normalize` makes an upload the job that it asks for, once; errors are raised by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.domain.errors import (
    ImageRejected,
    JobNotFound,
    RequestConflict,
    RequestRejected,
    SoraReadyError,
    SourceForbidden,
    SourceRejected,
    TransitionRefused,
)
from sora_ready.domain.job import Channel, Invocation, Job, SourceObject, Status
from sora_ready.domain.job_id import make_job_id
from sora_ready.pipeline import normalize_on_demand as on_demand_module
from sora_ready.pipeline.create_job import create_job

from .on_demand import KEY, invoke_normalize
from .run_steps import normalize, path_of, recorded
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture


def only_job(stack: Stack) -> Job:
    """Return the only job that is recorded."""
    (item,) = stack.dynamodb.scan(TableName=stack.table)["Items"]
    job = stack.jobs.get_job(item["job_id"]["S"])
    assert job is not None
    return job


def test_an_invocation_makes_the_frame_that_it_asks_for(stack: Stack) -> None:
    stack.upload(KEY, picture(40, 120))
    job = invoke_normalize(stack, mode="pad", background="#336699", prompt="p" * 5000, size="48x64")
    assert job.status is Status.READY
    assert (job.request.mode, job.request.background, job.request.size) == ("pad", "336699", "48x64")
    assert job.request.prompt == "p" * 5000
    assert [job.option_sources[name] for name in ("mode", "prompt", "model")] == ["body", "body", "default"]
    assert (job.copy.width, job.copy.height) == (48, 64)
    assert path_of(job) == ["received", "ready"]
    assert stack.due_row(job) is not None


def test_the_pictures_own_tags_override_the_invocations_options(stack: Stack) -> None:
    stack.upload(KEY, picture(40, 120), Tagging="mode=blur")
    for _ in range(2):
        job = invoke_normalize(stack, mode="pad", background="white")
        assert (job.request.mode, job.request.background) == ("blur", "ffffff")


def test_two_equal_invocations_are_one_job(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    assert invoke_normalize(stack, mode="pad") == invoke_normalize(stack, mode="PAD") == invoke_normalize(stack)
    assert len(stack.output_keys("ready/")) == 1


def test_an_invocation_and_the_uploads_own_event_are_one_job_in_either_order(stack: Stack) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    assert invoke_normalize(stack, mode="pad") == normalize(stack, upload)
    upload = stack.upload("other.jpg", picture(80, 60))
    assert normalize(stack, upload) == invoke_normalize(stack, key="other.jpg")


def test_an_invocation_can_name_a_version(stack: Stack) -> None:
    first = stack.upload(KEY, picture(80, 60))
    stack.upload(KEY, picture(60, 80))
    job = invoke_normalize(stack, version_id=first.version_id)
    assert (job.id, job.picture.width) == (make_job_id(first), 80)
    assert invoke_normalize(stack).picture.width == 60


def test_without_versions_an_invocation_finds_the_job_of_the_uploads_event(stack: Stack) -> None:
    stack.s3.create_bucket(Bucket="plain")
    upload = stack.upload(KEY, picture(80, 60), bucket="plain")
    assert upload.version_id is None
    job = normalize(stack, upload)
    assert invoke_normalize(stack, bucket="plain") == job
    # another picture under the key is another upload
    stack.upload(KEY, picture(60, 80), bucket="plain")
    assert invoke_normalize(stack, bucket="plain").id != job.id


@pytest.mark.parametrize(
    ("first", "second", "differing"),
    [
        ({"mode": "pad"}, {"mode": "cover"}, ["mode"]),
        ({}, {"mode": "pad", "prompt": "a storm"}, ["mode", "prompt"]),
        ({"submit": False}, {}, ["submit"]),
        ({}, {"submit": False}, ["submit"]),
    ],
)
def test_an_invocation_with_other_options_raises_a_conflict_that_names_them(
    stack: Stack, first: dict[str, Any], second: dict[str, Any], differing: list[str]
) -> None:
    stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack, **first)
    with pytest.raises(RequestConflict) as conflict:
        invoke_normalize(stack, **second)
    fields: Any = conflict.value.facts["fields"]
    assert sorted(fields) == differing
    assert conflict.value.facts["job_id"] == job.id
    assert "storm" not in conflict.value.message
    assert recorded(stack, job) == job


def test_an_event_that_is_faster_at_the_last_moment_raises_the_conflict(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = stack.upload(KEY, picture(80, 60))

    def create_late(*arguments: Any) -> tuple[Job, bool]:
        normalize(stack, upload)
        return create_job(*arguments)

    monkeypatch.setattr(on_demand_module, "create_job", create_late)
    with pytest.raises(RequestConflict):
        invoke_normalize(stack, mode="pad")
    assert only_job(stack).request.mode == "cover"


def test_two_invocations_at_the_same_time_are_one_job(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.upload(KEY, picture(80, 60))
    put = stack.jobs.put_job

    def lose_race(job: Job) -> Job:
        monkeypatch.setattr(stack.jobs, "put_job", put)
        put(replace(job, options={"mode": "pad"}, option_sources={"mode": "body"}))
        raise TransitionRefused(job.id, job.status, "received")

    monkeypatch.setattr(stack.jobs, "put_job", lose_race)
    assert invoke_normalize(stack).request.mode == "pad"


def test_a_job_that_only_makes_a_frame_is_never_due(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack, submit=False)
    assert (job.status, job.due_at, stack.due_row(job)) == (Status.READY, None, None)
    assert stack.output_keys("ready/") == [job.copy.key]


def test_a_recorded_job_is_normalized_by_its_id(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack)
    assert invoke_normalize(stack, job_id=job.id) == job
    with pytest.raises(JobNotFound, match="video_0"):
        invoke_normalize(stack, job_id="video_0")


@pytest.mark.parametrize(
    ("data", "options", "error", "code"),
    [
        (b"no picture", {}, ImageRejected, "not_an_image"),
        (picture(80, 60), {"mode": "sideways"}, RequestRejected, "invalid_mode"),
        (picture(80, 60), {"seconds": 7}, RequestRejected, "invalid_seconds"),
        (picture(80, 60), {"prompt": ["a", "list"]}, RequestRejected, "invalid_prompt"),
    ],
)
def test_a_rejection_is_raised_by_name_and_recorded(
    stack: Stack, data: bytes, options: dict[str, Any], error: type[SoraReadyError], code: str
) -> None:
    stack.upload(KEY, data)
    for _ in range(2):
        with pytest.raises(error) as rejection:
            invoke_normalize(stack, **options)
        job = only_job(stack)
        assert (job.status, job.error.code, rejection.value.code) == (Status.REJECTED, code, code)
        assert rejection.value.facts["job_id"] == job.id


def test_a_missing_object_is_rejected_and_a_picture_uploaded_later_is_not(stack: Stack) -> None:
    for _ in range(2):
        with pytest.raises(SourceRejected) as rejection:
            invoke_normalize(stack)
        assert (rejection.value.code, only_job(stack).status) == ("source_missing", Status.REJECTED)
    stack.upload(KEY, picture(80, 60))
    assert invoke_normalize(stack).status is Status.READY


def test_a_job_whose_picture_was_deleted_is_still_found_by_its_version(stack: Stack) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack)
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=KEY, VersionId=upload.version_id)
    assert invoke_normalize(stack, version_id=upload.version_id) == job


def test_after_a_crash_the_next_message_uses_the_invocations_options(stack: Stack) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    create_job(upload, {"mode": "pad"}, Invocation(Channel.DIRECT, submit=False), stack.jobs)
    job = normalize(stack, SourceObject(UPLOAD_BUCKET, KEY, version_id=upload.version_id))
    assert (job.request.mode, job.due_at) == ("pad", None)


@pytest.mark.parametrize("operation", ["HeadObject", "GetObject", "GetObjectTagging"])
def test_an_object_that_the_stack_may_not_read_is_not_recorded_and_a_later_invocation_succeeds(
    stack: Stack, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an object that the role may read except for this operation
    stack.upload(KEY, picture(80, 60), Tagging="mode=pad")
    with denied(stack, operation, monkeypatch), pytest.raises(SourceForbidden, match="s3:GetObject,") as rejection:
        invoke_normalize(stack)
    assert (rejection.value.code, rejection.value.facts["key"]) == ("source_forbidden", KEY)
    assert stack.dynamodb.scan(TableName=stack.table)["Items"] == []
    # then the frame is made once the role may read it
    assert invoke_normalize(stack).request.mode == "pad"


def test_a_job_whose_picture_may_not_be_read_any_more_raises_by_name(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    create_job(upload, {}, Invocation(Channel.DIRECT), stack.jobs)
    with denied(stack, "GetObject", monkeypatch), pytest.raises(SourceForbidden) as rejection:
        invoke_normalize(stack, job_id=make_job_id(upload))
    assert (rejection.value.code, rejection.value.facts["job_id"]) == ("source_forbidden", make_job_id(upload))


@pytest.mark.parametrize("options", [{"prompt": "p" * 500_000}, {"mode": "m" * 500_000}])
def test_an_option_too_long_for_a_record_is_rejected_as_any_other(stack: Stack, options: dict[str, str]) -> None:
    stack.upload(KEY, picture(80, 60))
    for _ in range(2):
        with pytest.raises(RequestRejected) as rejection:
            invoke_normalize(stack, **options)
        (field,) = options
        job = only_job(stack)
        assert (job.status, job.error.code, rejection.value.code) == (Status.REJECTED, *[f"invalid_{field}"] * 2)


def test_a_deleted_job_is_not_found_by_its_picture_either(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    stack.jobs.tombstone_job(stack.jobs.move_job(invoke_normalize(stack).id, Status.CANCELED))
    for options in ({}, {"mode": "pad"}):
        with pytest.raises(JobNotFound):
            invoke_normalize(stack, **options)


@contextmanager
def denied(stack: Stack, operation: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have S3 deny one operation, as it does without a permission."""
    code = "403" if operation == "HeadObject" else "AccessDenied"

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "Access Denied"}}, operation)

    with monkeypatch.context() as patch:
        patch.setattr(
            stack.s3,
            {"HeadObject": "head_object", "GetObject": "get_object"}.get(operation, "get_object_tagging"),
            refuse,
        )
        yield
