"""`normalize`, called: the upload becomes the job that was asked for, one job however often; errors come by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from sora_ready.domain.errors import (
    ImageRejected,
    JobNotFound,
    RequestConflict,
    RequestRejected,
    SourceRejected,
    TransitionRefused,
)
from sora_ready.domain.job import Job, SourceObject, Status
from sora_ready.domain.job_id import make_job_id
from sora_ready.pipeline import normalize_on_demand as on_demand_module
from sora_ready.pipeline.create_job import create_job

from .on_demand import KEY, invoke_normalize
from .run_steps import normalize, path_of, recorded
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture


def only_job(stack: Stack) -> Job:
    """The one job that is on record."""
    (item,) = stack.dynamodb.scan(TableName=stack.table)["Items"]
    job = stack.jobs.get_job(item["job_id"]["S"])
    assert job is not None
    return job


def test_a_call_makes_the_frame_that_it_asks_for(stack: Stack) -> None:
    stack.upload(KEY, picture(40, 120))
    job = invoke_normalize(stack, mode="pad", background="#336699", prompt="p" * 5000, size="48x64")
    assert job.status is Status.READY
    assert (job.request.mode, job.request.background, job.request.size) == ("pad", "336699", "48x64")
    assert job.request.prompt == "p" * 5000
    assert [job.option_sources[name] for name in ("mode", "prompt", "model")] == ["body", "body", "default"]
    assert (job.copy.width, job.copy.height) == (48, 64)
    assert path_of(job) == ["received", "ready"]
    assert stack.due_row(job) is not None


def test_what_the_picture_says_itself_goes_before_what_the_call_asks(stack: Stack) -> None:
    stack.upload(KEY, picture(40, 120), Tagging="mode=blur")
    for _ in range(2):
        job = invoke_normalize(stack, mode="pad", background="white")
        assert (job.request.mode, job.request.background) == ("blur", "ffffff")


def test_called_twice_it_is_one_job(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    assert invoke_normalize(stack, mode="pad") == invoke_normalize(stack, mode="PAD") == invoke_normalize(stack)
    assert len(stack.output_keys("ready/")) == 1


def test_a_call_and_the_uploads_own_event_are_one_job_whichever_comes_first(stack: Stack) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    assert invoke_normalize(stack, mode="pad") == normalize(stack, upload)
    upload = stack.upload("other.jpg", picture(80, 60))
    assert normalize(stack, upload) == invoke_normalize(stack, key="other.jpg")


def test_a_version_can_be_named(stack: Stack) -> None:
    first = stack.upload(KEY, picture(80, 60))
    stack.upload(KEY, picture(60, 80))
    job = invoke_normalize(stack, version_id=first.version_id)
    assert (job.id, job.picture.width) == (make_job_id(first), 80)
    assert invoke_normalize(stack).picture.width == 60


def test_without_versions_the_job_of_the_uploads_event_is_found(stack: Stack) -> None:
    stack.s3.create_bucket(Bucket="plain")
    upload = stack.upload(KEY, picture(80, 60), bucket="plain")
    assert upload.version_id is None
    job = normalize(stack, upload)
    assert invoke_normalize(stack, bucket="plain") == job
    # another picture under the key is another upload
    stack.upload(KEY, picture(60, 80), bucket="plain")
    assert invoke_normalize(stack, bucket="plain").id != job.id


@pytest.mark.parametrize(
    ("made_with", "asked", "differing"),
    [
        ({"mode": "pad"}, {"mode": "cover"}, ["mode"]),
        ({}, {"mode": "pad", "prompt": "a storm"}, ["mode", "prompt"]),
        ({"submit": False}, {}, ["submit"]),
        ({}, {"submit": False}, ["submit"]),
    ],
)
def test_a_call_that_asks_for_another_job_of_the_upload_is_told_in_what(
    stack: Stack, made_with: dict[str, object], asked: dict[str, object], differing: list[str]
) -> None:
    stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack, **made_with)
    with pytest.raises(RequestConflict) as conflict:
        invoke_normalize(stack, **asked)
    assert sorted(conflict.value.facts["fields"]) == differing
    assert conflict.value.facts["job_id"] == job.id
    assert "storm" not in conflict.value.message
    assert recorded(stack, job) == job


def test_an_event_that_is_quicker_at_the_last_moment_is_noticed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    receive = on_demand_module.create_job

    def late(*given: object) -> None:
        normalize(stack, upload)
        receive(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(on_demand_module, "create_job", late)
    with pytest.raises(RequestConflict):
        invoke_normalize(stack, mode="pad")
    assert only_job(stack).request.mode == "cover"


def test_two_calls_at_the_same_time_are_one_job(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.upload(KEY, picture(80, 60))
    put = stack.jobs.put_job

    def beaten(job: Job) -> Job:
        monkeypatch.setattr(stack.jobs, "put_job", put)
        put(replace(job, request={"mode": "pad"}, option_sources={"mode": "body"}))
        raise TransitionRefused(job.id, job.status, "received")

    monkeypatch.setattr(stack.jobs, "put_job", beaten)
    assert invoke_normalize(stack).request.mode == "pad"


def test_for_the_frame_alone_nothing_wakes_the_job(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack, submit=False)
    assert (job.status, job.due_at, stack.due_row(job)) == (Status.READY, None, None)
    assert stack.output_keys("ready/") == [job.copy.key]


def test_a_job_that_is_on_record_is_normalized_by_its_id(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack)
    assert invoke_normalize(stack, job_id=job.id) == job
    with pytest.raises(JobNotFound, match="video_0"):
        invoke_normalize(stack, job_id="video_0")


@pytest.mark.parametrize(
    ("data", "asked", "error", "code"),
    [
        (b"no picture", {}, ImageRejected, "not_an_image"),
        (picture(80, 60), {"mode": "sideways"}, RequestRejected, "invalid_mode"),
        (picture(80, 60), {"seconds": 7}, RequestRejected, "invalid_seconds"),
        (picture(80, 60), {"prompt": ["a", "list"]}, RequestRejected, "invalid_prompt"),
    ],
)
def test_what_cannot_be_used_is_raised_by_name_and_on_record(
    stack: Stack, data: bytes, asked: dict[str, object], error: type[Exception], code: str
) -> None:
    stack.upload(KEY, data)
    for _ in range(2):
        with pytest.raises(error) as rejection:
            invoke_normalize(stack, **asked)
        job = only_job(stack)
        assert (job.status, job.error.code, rejection.value.code) == (Status.REJECTED, code, code)  # type: ignore[attr-defined]
        assert rejection.value.facts["job_id"] == job.id  # type: ignore[attr-defined]


def test_an_object_that_is_not_there_is_rejected_and_the_picture_that_comes_later_is_not(stack: Stack) -> None:
    for _ in range(2):
        with pytest.raises(SourceRejected) as rejection:
            invoke_normalize(stack)
        assert (rejection.value.code, only_job(stack).status) == ("source_missing", Status.REJECTED)
    stack.upload(KEY, picture(80, 60))
    assert invoke_normalize(stack).status is Status.READY


def test_a_job_whose_picture_was_deleted_since_is_still_found_by_its_version(stack: Stack) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    job = invoke_normalize(stack)
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=KEY, VersionId=upload.version_id)
    assert invoke_normalize(stack, version_id=upload.version_id) == job


def test_a_call_that_died_is_taken_up_by_the_next_message_with_what_it_asked_for(stack: Stack) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    create_job(upload, {"mode": "pad"}, {"door": "direct", "submit": False}, stack.jobs)
    job = normalize(stack, SourceObject(UPLOAD_BUCKET, KEY, version_id=upload.version_id))
    assert (job.request.mode, job.due_at) == ("pad", None)


@pytest.mark.parametrize("operation", ["HeadObject", "GetObject", "GetObjectTagging"])
def test_what_the_stack_may_not_read_is_no_record_and_can_be_asked_for_again(
    stack: Stack, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an object of which the role may do everything but this
    stack.upload(KEY, picture(80, 60), Tagging="mode=pad")
    with denied(stack, operation, monkeypatch), pytest.raises(SourceRejected, match="s3:GetObject,") as rejection:
        invoke_normalize(stack)
    assert (rejection.value.code, rejection.value.facts["key"]) == ("source_forbidden", KEY)
    assert stack.dynamodb.scan(TableName=stack.table)["Items"] == []
    # then it is made once the role may
    assert invoke_normalize(stack).request.mode == "pad"


def test_a_job_whose_picture_may_not_be_read_any_more_says_so_too(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = stack.upload(KEY, picture(80, 60))
    create_job(upload, {}, {"door": "direct"}, stack.jobs)
    with denied(stack, "GetObject", monkeypatch), pytest.raises(SourceRejected) as rejection:
        invoke_normalize(stack, job_id=make_job_id(upload))
    assert (rejection.value.code, rejection.value.facts["job_id"]) == ("source_forbidden", make_job_id(upload))


@pytest.mark.parametrize("asked", [{"prompt": "p" * 500_000}, {"mode": "m" * 500_000}])
def test_a_wish_that_no_record_holds_is_rejected_as_any_other(stack: Stack, asked: dict[str, str]) -> None:
    stack.upload(KEY, picture(80, 60))
    for _ in range(2):
        with pytest.raises(RequestRejected) as rejection:
            invoke_normalize(stack, **asked)
        (field,) = asked
        job = only_job(stack)
        assert (job.status, job.error.code, rejection.value.code) == (Status.REJECTED, *[f"invalid_{field}"] * 2)


def test_a_job_that_was_deleted_is_not_found_by_its_picture_either(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    stack.jobs.tombstone_job(stack.jobs.move_job(invoke_normalize(stack).id, Status.CANCELED))
    for asked in ({}, {"mode": "pad"}):
        with pytest.raises(JobNotFound):
            invoke_normalize(stack, **asked)


@contextmanager
def denied(stack: Stack, operation: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have S3 refuse one operation, as it does where the role may not."""
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
