"""Pictures that are in the bucket already: each task of an S3 Batch job becomes a job, or its result says why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sora_ready.domain.job import Channel, Decoding, Invocation, Job, Status
from sora_ready.domain.job_id import make_job_id
from sora_ready.entrypoints.s3_batch import ResultCode, TaskResult, process_task
from sora_ready.pipeline.backfill import Backfill, BatchTask

from .run_steps import normalize, normalize_step, path_of, recorded, sweep
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, jpeg, make_job, picture

SUCCEEDED, TEMPORARY, PERMANENT = ResultCode.SUCCEEDED, ResultCode.TEMPORARY_FAILURE, ResultCode.PERMANENT_FAILURE
KEY = "holiday/beach.jpg"


def backfill(
    stack: Stack, key: str = KEY, *, bucket: str = UPLOAD_BUCKET, version: str = "", **arguments: str
) -> TaskResult:
    """Process one task. The AWS calls are counted from here on."""
    stack.calls.clear()
    task = BatchTask("task-1", "batch-1", bucket, key, version or None, arguments)
    return process_task(task, Backfill(normalize_step(stack), UPLOAD_BUCKET))


def job_of(stack: Stack, result: TaskResult) -> Job:
    """Return the job that a result names."""
    job = stack.jobs.get_job(result.message.split(" ", maxsplit=1)[0])
    assert job is not None
    return job


def recorded_jobs(stack: Stack) -> list[Job]:
    return [stack.jobs.get_job(item["job_id"]["S"]) for item in stack.dynamodb.scan(TableName=stack.table)["Items"]]


@contextmanager
def failing(client: Any, operation: str, error: Exception) -> Any:
    """Have every call of one operation fail."""

    def fail(**_: Any) -> None:
        raise error

    event = f"before-call.*.{operation}"
    client.meta.events.register(event, fail)
    yield
    client.meta.events.unregister(event, fail)


def refused(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)


# ---------------------------------------------------------------- pictures


def test_a_picture_becomes_a_ready_job(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))

    result = backfill(stack, mode="pad", prompt="a calm sea")

    job = job_of(stack, result)
    assert result == TaskResult(SUCCEEDED, f"{job.id} is ready")
    assert path_of(job) == ["received", "ready"]
    assert (job.request.mode, job.request.prompt, job.option_sources["mode"]) == ("pad", "a calm sea", "body")
    assert job.invocation == Invocation(Channel.BACKFILL, batch_job="batch-1", batch_task="task-1")
    assert stack.output_keys("ready/") == [job.copy.key]


def test_the_pictures_own_options_override_the_user_arguments(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60), Tagging="mode=blur", Metadata={"prompt": "rain"})

    job = job_of(stack, backfill(stack, mode="pad", prompt="a calm sea", background="white"))

    assert (job.request.mode, job.request.prompt, job.request.background) == ("blur", "rain", "ffffff")


def test_the_version_in_the_manifest_becomes_the_job(stack: Stack) -> None:
    first = stack.upload(KEY, picture(80, 60))
    stack.upload(KEY, picture(60, 80))

    job = job_of(stack, backfill(stack, version=str(first.version_id)))

    assert (job.id, job.picture.width) == (make_job_id(first), 80)


def test_a_second_run_of_the_same_manifest_creates_nothing(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    job = job_of(stack, backfill(stack))

    assert backfill(stack, mode="pad") == TaskResult(SUCCEEDED, f"{job.id} is ready")

    assert stack.calls.names() == ["s3.HeadObject", "dynamodb.GetItem"]
    assert recorded(stack, job) == job


@pytest.mark.parametrize("versioned", [True, False])
def test_an_upload_whose_event_came_before_keeps_its_job(stack: Stack, versioned: bool) -> None:
    # given a bucket with or without versions, and an upload whose event was processed
    state = "Enabled" if versioned else "Suspended"
    stack.s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": state})
    upload = stack.upload(KEY, picture(80, 60))
    if not versioned:
        upload = replace(upload, version_id=None)
    job = normalize(stack, upload)

    assert backfill(stack) == TaskResult(SUCCEEDED, f"{job.id} is ready")

    assert len(recorded_jobs(stack)) == 1


def test_another_picture_under_the_key_of_a_bucket_without_versions_is_a_job_of_its_own(stack: Stack) -> None:
    stack.s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": "Suspended"})
    before = normalize(stack, replace(stack.upload(KEY, picture(80, 60)), version_id=None))
    stack.upload(KEY, picture(60, 80))

    job = job_of(stack, backfill(stack))

    assert job.id != before.id
    assert backfill(stack).message == f"{job.id} is ready"


def test_a_task_whose_worker_crashed_continues_with_its_options(stack: Stack) -> None:
    source = replace(stack.upload(KEY, picture(80, 60)), sequencer=None)
    options = {"mode": "pad"}
    job = make_job(source, status=Status.RECEIVED)
    job = stack.jobs.put_job(replace(job, options=options, option_sources={"mode": "body"}))

    result = backfill(stack)

    assert result == TaskResult(SUCCEEDED, f"{job.id} is ready")
    assert job_of(stack, result).request.mode == "pad"


def test_a_picture_that_crashes_its_decoder_is_rejected_by_normalize_in_the_end(stack: Stack) -> None:
    # given two attempts that crashed this function, long ago
    source = replace(stack.upload(KEY, picture(80, 60)), sequencer=None)
    job = stack.jobs.put_job(make_job(source, status=Status.RECEIVED))
    stack.jobs.update_job(job, decoding=Decoding(("2026-11-12T07:00:00.000Z", "2026-11-12T07:00:05.000Z")))

    # when the sweep resumes the job and normalize rejects it, then the next run of the manifest fails
    stack.clock.advance(hours=1)
    assert sweep(stack) == {"received": 1}
    assert normalize(stack, job.source).error.code == "decoder_crashed"
    result = backfill(stack)
    assert result.code is PERMANENT
    assert result.message.startswith(f"{job.id} is rejected, decoder_crashed: The picture crashed its decoder")


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RECEIVED, Status.REJECTED}))
def test_a_job_in_any_later_status_succeeds_and_the_result_names_the_status(stack: Stack, status: Status) -> None:
    source = stack.upload(KEY, picture(80, 60))
    job = make_job(source, status=Status.READY)
    stack.jobs.put_job(job)
    stack.dynamodb.update_item(
        TableName=stack.table,
        Key={"job_id": {"S": job.id}},
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": str(status)}},
    )

    assert backfill(stack) == TaskResult(SUCCEEDED, f"{job.id} is {status}")


# ---------------------------------------------------------------- what is not a picture


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b"no picture", "not_an_image"), (jpeg(400, 300)[:900], "corrupt")]
)
def test_a_picture_that_cannot_be_used_fails_for_good_each_time_with_the_reason(
    stack: Stack, data: bytes, code: str
) -> None:
    stack.upload(KEY, data)

    first, again = backfill(stack), backfill(stack)

    job = job_of(stack, first)
    assert first.code is PERMANENT
    assert first.message == f"{job.id} is rejected, {code}: {job.error.message}"
    assert again == first


def test_too_many_bytes_are_rejected_unread(stack: Stack) -> None:
    stack.upload(KEY, bytes(1_000_001))

    result = backfill(stack)

    assert result.code is PERMANENT
    assert "too_many_bytes" in result.message


def delete(stack: Stack) -> dict[str, str]:
    stack.upload(KEY, picture(80, 60))
    marker = stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=KEY)["VersionId"]
    return {"version": marker}


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda _: {}, "source_missing"),
        (lambda stack: delete(stack) and {}, "source_missing"),
        (delete, "source_missing"),
        (lambda _: {"version": "3HL4kqtJvjVBH40Nrjfkd"}, "source_missing"),
        (lambda _: {"bucket": "somebody-elses"}, "source_elsewhere"),
        (lambda _: {"key": "holiday/"}, "source_is_folder"),
    ],
    ids=["never uploaded", "deleted", "a delete marker", "no such version", "another bucket", "a folder"],
)
def test_a_missing_object_fails_for_good_and_is_not_recorded(
    stack: Stack, prepare: Callable[[Stack], dict[str, str]], code: str
) -> None:
    result = backfill(stack, **prepare(stack))

    assert result.code is PERMANENT
    assert result.message.startswith(f"{code}: ")
    assert recorded_jobs(stack) == []


@pytest.mark.parametrize("kind", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_not_recorded_so_that_the_manifest_can_be_run_again(stack: Stack, kind: str) -> None:
    stack.upload(KEY, picture(80, 60), StorageClass=kind)
    archived = backfill(stack)
    assert (archived.code, recorded_jobs(stack)) == (PERMANENT, [])
    assert archived.message.startswith("source_archived: The object is archived. Restore it")

    stack.s3.restore_object(Bucket=UPLOAD_BUCKET, Key=KEY, RestoreRequest={"Days": 1})

    assert backfill(stack).code is SUCCEEDED


def test_an_object_that_intelligent_tiering_archived_is_archived_too(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    stack.s3.meta.events.register("after-call.s3.HeadObject", archive)
    result = backfill(stack)
    stack.s3.meta.events.unregister("after-call.s3.HeadObject", archive)

    assert result.message.startswith("source_archived: ")


def archive(parsed: dict[str, Any], **_: Any) -> None:
    parsed["ArchiveStatus"] = "ARCHIVE_ACCESS"


def test_an_object_that_s3_cannot_show_fails_for_good(stack: Stack) -> None:
    # such as one under an invalid version id, or encrypted with its owner's own key
    stack.upload(KEY, picture(80, 60))
    with failing(stack.s3, "HeadObject", refused("HeadObject", "400")):
        result = backfill(stack)

    assert (result.code, recorded_jobs(stack)) == (PERMANENT, [])
    assert result.message.startswith("source_unreadable: ")


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "sideways"}, "invalid_mode: mode='sideways' (body) cannot be used. Allowed: cover, pad,"),
        ({"size": "1x1"}, "invalid_size: size='1x1' (body) cannot be used."),
        ({"preset": "nice"}, "invalid_preset: preset='nice' (body)"),
        ({"sise": "64x48"}, "invalid_argument: argument='sise' (body) cannot be used. Allowed: size, mode,"),
        ({" ": "x"}, "invalid_argument: "),
    ],
)
def test_an_invalid_argument_fails_at_once_and_nothing_is_recorded(
    stack: Stack, arguments: Mapping[str, str], message: str
) -> None:
    stack.upload(KEY, picture(80, 60))

    result = backfill(stack, **arguments)

    assert result.code is PERMANENT
    assert result.message.startswith(message)
    assert stack.calls.names() == []
    assert recorded_jobs(stack) == []


def test_arguments_are_read_as_tags_are_and_an_empty_one_is_ignored(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))

    job = job_of(stack, backfill(stack, Mode="PAD", crop_bounds="0.1 0 0.9 1", prompt=" "))

    assert (job.request.mode, job.request.crop) == ("pad", "0.1 0 0.9 1")
    assert job.option_sources["prompt"] == "default"


# ---------------------------------------------------------------- errors of AWS


@pytest.mark.parametrize(("operation", "code"), [("HeadObject", "403"), ("GetObject", "AccessDenied")])
def test_the_result_of_an_object_that_may_not_be_read_names_the_permissions_and_a_later_run_succeeds(
    stack: Stack, operation: str, code: str
) -> None:
    stack.upload(KEY, picture(80, 60), Tagging="mode=pad")
    with failing(stack.s3, operation, refused(operation, code)):
        result = backfill(stack)
    assert result.code is PERMANENT
    assert all(
        words in result.message for words in ("UploadPrefix", "allow the function's role s3:GetObject", "UploadKeyArn")
    )

    assert backfill(stack).code is SUCCEEDED


@pytest.mark.parametrize(
    ("client", "operation", "error", "name"),
    [
        ("s3", "HeadObject", refused("HeadObject", "503"), "HeadObject: 503"),
        ("s3", "GetObject", refused("GetObject", "SlowDown"), "GetObject: SlowDown"),
        ("s3", "GetObject", ReadTimeoutError(endpoint_url="https://s3"), "GetObject: ReadTimeoutError"),
        ("s3", "PutObject", refused("PutObject", "AccessDenied"), "PutObject: AccessDenied"),
        (
            "dynamodb",
            "PutItem",
            refused("PutItem", "ProvisionedThroughputExceededException"),
            "PutItem: ProvisionedThroughputExceededException",
        ),
    ],
)
def test_a_temporary_error_is_retried_and_the_next_attempt_succeeds(
    stack: Stack, client: str, operation: str, error: Exception, name: str
) -> None:
    stack.upload(KEY, picture(80, 60))
    with failing(getattr(stack, client), operation, error):
        result = backfill(stack)
    assert result == TaskResult(TEMPORARY, f"{name}; the log of backfill says more")

    # the attempt that failed does not count as a crash
    assert all(job.decoding == Decoding() for job in recorded_jobs(stack))

    again = backfill(stack)

    assert again.code is SUCCEEDED
    assert job_of(stack, again).decoding == Decoding()


def test_a_key_of_the_api_is_the_job_whose_id_it_contains(stack: Stack) -> None:
    key = "api/video_0b5f4c1d2e3a49788796a5b4c3d2e1f0/picture"
    stack.upload(key, picture(80, 60))

    assert backfill(stack, key) == TaskResult(SUCCEEDED, "video_0b5f4c1d2e3a49788796a5b4c3d2e1f0 is ready")


def test_a_manifest_of_the_output_bucket_is_refused(stack: Stack) -> None:
    # It would make videos of the pipeline's own frames.
    assert backfill(stack, "ready/a.jpg", bucket=OUTPUT_BUCKET).message.startswith("source_elsewhere")
