"""Pictures that already lie in the bucket: each task of a batch job becomes a job, or is told why it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sora_ready.domain.job import Job, Status
from sora_ready.domain.job_id import make_job_id
from sora_ready.entrypoints.s3_batch import BatchTask, ResultCode, TaskResult
from sora_ready.pipeline.backfill import Backfill

from .run_steps import CATALOG, normalize, path_of, recorded, sweep
from .stack_fixtures import DEFAULTS, OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, jpeg, make_job, picture

SUCCEEDED, TEMPORARY, PERMANENT = ResultCode.SUCCEEDED, ResultCode.TEMPORARY_FAILURE, ResultCode.PERMANENT_FAILURE
KEY = "holiday/beach.jpg"


def backfill(
    stack: Stack, key: str = KEY, *, bucket: str = UPLOAD_BUCKET, version: str = "", **asked: str
) -> TaskResult:
    """Have one task taken up; the AWS calls counted afterwards are its own."""
    stack.calls.clear()
    step = Backfill(
        jobs=stack.jobs,
        uploads=stack.uploads,
        outputs=stack.outputs,
        catalog=CATALOG,
        defaults=DEFAULTS,
        upload_bucket=UPLOAD_BUCKET,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=90,
    )
    return step.process(BatchTask("task-1", "batch-1", bucket, key, version or None, asked))


def job_named(stack: Stack, result: TaskResult) -> Job:
    """The job that a result speaks of."""
    job = stack.jobs.get_job(result.message.split(" ", maxsplit=1)[0])
    assert job is not None
    return job


def records(stack: Stack) -> int:
    return int(stack.dynamodb.scan(TableName=stack.table, Select="COUNT")["Count"])


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
    return ClientError({"Error": {"Code": code, "Message": "as asked"}}, operation)


# ---------------------------------------------------------------- what becomes of a picture


def test_a_picture_that_lies_there_becomes_a_ready_job(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))

    result = backfill(stack, mode="pad", prompt="a calm sea")

    job = job_named(stack, result)
    assert result == TaskResult(SUCCEEDED, f"{job.id} is ready")
    assert path_of(job) == ["received", "ready"]
    assert (job.request.mode, job.request.prompt, job.option_sources["mode"]) == ("pad", "a calm sea", "body")
    assert job.invocation == {"door": "backfill", "batch_job": "batch-1", "task": "task-1"}
    assert stack.output_keys("ready/") == [job.copy.key]


def test_what_the_picture_says_itself_goes_before_the_user_arguments(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60), Tagging="mode=blur", Metadata={"prompt": "rain"})

    job = job_named(stack, backfill(stack, mode="pad", prompt="a calm sea", background="white"))

    assert [job.request[field] for field in ("mode", "prompt", "background")] == ["blur", "rain", "ffffff"]


def test_the_version_that_the_manifest_names_is_the_one_taken_up(stack: Stack) -> None:
    first = stack.upload(KEY, picture(80, 60))
    stack.upload(KEY, picture(60, 80))

    job = job_named(stack, backfill(stack, version=str(first.version_id)))

    assert (job.id, job.picture.width) == (make_job_id(first), 80)


def test_a_second_run_of_the_same_manifest_makes_nothing_new(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    job = job_named(stack, backfill(stack))

    assert backfill(stack, mode="pad") == TaskResult(SUCCEEDED, f"{job.id} is ready")

    assert stack.calls.names() == ["s3.HeadObject", "dynamodb.GetItem"]
    assert recorded(stack, job) == job


@pytest.mark.parametrize("versioned", [True, False])
def test_an_upload_that_s3_announced_already_is_left_to_its_job(stack: Stack, versioned: bool) -> None:
    # given a bucket with or without versions, and an upload whose event was dealt with
    state = "Enabled" if versioned else "Suspended"
    stack.s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": state})
    upload = stack.upload(KEY, picture(80, 60))
    if not versioned:
        upload = replace(upload, version_id=None)
    job = normalize(stack, upload)

    assert backfill(stack) == TaskResult(SUCCEEDED, f"{job.id} is ready")

    assert records(stack) == 1


def test_another_picture_under_the_key_of_a_bucket_without_versions_is_a_job_of_its_own(stack: Stack) -> None:
    stack.s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": "Suspended"})
    before = normalize(stack, replace(stack.upload(KEY, picture(80, 60)), version_id=None))
    stack.upload(KEY, picture(60, 80))

    job = job_named(stack, backfill(stack))

    assert job.id != before.id
    assert backfill(stack).message == f"{job.id} is ready"


def test_a_task_whose_worker_died_is_taken_up_where_it_stands(stack: Stack) -> None:
    source = replace(stack.upload(KEY, picture(80, 60)), sequencer=None)
    left = replace(make_job(source, status=Status.RECEIVED), request={"mode": "pad"}, option_sources={"mode": "body"})
    stack.jobs.put_job(left)

    result = backfill(stack)

    assert result == TaskResult(SUCCEEDED, f"{left.id} is ready")
    assert job_named(stack, result).request.mode == "pad"


def test_a_picture_that_kills_its_decoder_is_in_the_end_rejected_without_batch_operations(stack: Stack) -> None:
    # given two tries that died in this function, long ago
    source = replace(stack.upload(KEY, picture(80, 60)), sequencer=None)
    job = stack.jobs.put_job(make_job(source, status=Status.RECEIVED))
    stack.jobs.update_job(job, attempt={"decodes": ["2026-11-12T07:00:00.000Z", "2026-11-12T07:00:05.000Z"]})

    # when sweep comes by, then normalize has the job's picture; and the next run of the manifest is told
    stack.clock.advance(hours=1)
    assert sweep(stack) == {"received": 1}
    assert normalize(stack, job.source).error.code == "decoder_crashed"
    result = backfill(stack)
    assert result.code is PERMANENT
    assert result.message.startswith(f"{job.id} is rejected, decoder_crashed: The picture brought down")


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RECEIVED, Status.REJECTED}))
def test_a_job_that_went_on_succeeds_and_tells_where_it_is(stack: Stack, status: Status) -> None:
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


# ---------------------------------------------------------------- what is no picture


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b"no picture", "not_an_image"), (jpeg(400, 300)[:900], "corrupt")]
)
def test_what_cannot_be_used_fails_for_good_each_time_with_the_reason(stack: Stack, data: bytes, code: str) -> None:
    stack.upload(KEY, data)

    first, again = backfill(stack), backfill(stack)

    job = job_named(stack, first)
    assert first.code is PERMANENT
    assert first.message == f"{job.id} is rejected, {code}: {job.error['message']}"
    assert again == first


def test_too_many_bytes_are_refused_unread(stack: Stack) -> None:
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
    ids=["never there", "deleted", "a mark of deletion", "no such version", "another bucket", "a folder"],
)
def test_what_is_not_there_fails_for_good_and_leaves_no_record(
    stack: Stack, prepare: Callable[[Stack], dict[str, str]], code: str
) -> None:
    result = backfill(stack, **prepare(stack))

    assert result.code is PERMANENT
    assert result.message.startswith(f"{code}: ")
    assert records(stack) == 0


@pytest.mark.parametrize("kind", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_leaves_no_record_so_that_the_manifest_can_be_run_again(stack: Stack, kind: str) -> None:
    stack.upload(KEY, picture(80, 60), StorageClass=kind)
    archived = backfill(stack)
    assert (archived.code, records(stack)) == (PERMANENT, 0)
    assert archived.message.startswith("source_archived: The object is archived. Restore it")

    stack.s3.restore_object(Bucket=UPLOAD_BUCKET, Key=KEY, RestoreRequest={"Days": 1})

    assert backfill(stack).code is SUCCEEDED


def test_an_object_in_an_archive_of_intelligent_tiering_is_archived_too(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))
    stack.s3.meta.events.register("after-call.s3.HeadObject", archive)
    result = backfill(stack)
    stack.s3.meta.events.unregister("after-call.s3.HeadObject", archive)

    assert result.message.startswith("source_archived: ")


def archive(parsed: dict[str, Any], **_: Any) -> None:
    parsed["ArchiveStatus"] = "ARCHIVE_ACCESS"


def test_an_object_that_s3_does_not_show_fails_for_good(stack: Stack) -> None:
    # such as one under a version id that is none, or encrypted with its owner's own key
    stack.upload(KEY, picture(80, 60))
    with failing(stack.s3, "HeadObject", refused("HeadObject", "400")):
        result = backfill(stack)

    assert (result.code, records(stack)) == (PERMANENT, 0)
    assert result.message.startswith("source_unreadable: ")


# ---------------------------------------------------------------- what cannot be asked for


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"mode": "sideways"}, "invalid_mode: mode='sideways' (body) cannot be used. Allowed: cover, pad,"),
        ({"size": "1x1"}, "invalid_size: size='1x1' (body) cannot be used."),
        ({"preset": "nice"}, "invalid_preset: preset='nice' (body)"),
        ({"sise": "64x48"}, "invalid_argument: argument='sise' (body) cannot be used. Allowed: size, mode,"),
        ({" ": "x"}, "invalid_argument: "),
    ],
)
def test_an_argument_that_cannot_be_used_fails_at_once_and_leaves_no_record(
    stack: Stack, asked: Mapping[str, str], message: str
) -> None:
    stack.upload(KEY, picture(80, 60))

    result = backfill(stack, **asked)

    assert result.code is PERMANENT
    assert result.message.startswith(message)
    assert stack.calls.names() == []
    assert records(stack) == 0


def test_arguments_are_matched_as_tags_are_and_an_empty_one_is_none(stack: Stack) -> None:
    stack.upload(KEY, picture(80, 60))

    job = job_named(stack, backfill(stack, Mode="PAD", crop_bounds="0.1 0 0.9 1", prompt=" "))

    assert (job.request.mode, job.request.crop) == ("pad", "0.1 0 0.9 1")
    assert job.option_sources["prompt"] == "default"


# ---------------------------------------------------------------- what AWS refuses


@pytest.mark.parametrize(("operation", "code"), [("HeadObject", "403"), ("GetObject", "AccessDenied")])
def test_an_object_that_may_not_be_read_says_what_to_grant_and_is_taken_up_once_it_is(
    stack: Stack, operation: str, code: str
) -> None:
    stack.upload(KEY, picture(80, 60), Tagging="mode=pad")
    with failing(stack.s3, operation, refused(operation, code)):
        result = backfill(stack)
    assert result.code is PERMANENT
    assert all(words in result.message for words in ("UploadPrefix", "allow the role s3:GetObject", "UploadKeyArn"))

    assert backfill(stack).code is SUCCEEDED


@pytest.mark.parametrize(
    ("client", "operation", "error", "told"),
    [
        ("s3", "HeadObject", refused("HeadObject", "503"), "HeadObject: 503"),
        ("s3", "GetObject", refused("GetObject", "SlowDown"), "GetObject: SlowDown"),
        ("s3", "GetObject", ReadTimeoutError(endpoint_url="https://s3"), "ReadTimeoutError"),
        ("s3", "PutObject", refused("PutObject", "AccessDenied"), "PutObject: AccessDenied"),
        (
            "dynamodb",
            "PutItem",
            refused("PutItem", "ProvisionedThroughputExceededException"),
            "PutItem: ProvisionedThroughputExceededException",
        ),
    ],
)
def test_what_may_mend_itself_is_tried_again_and_ends_well(
    stack: Stack, client: str, operation: str, error: Exception, told: str
) -> None:
    stack.upload(KEY, picture(80, 60))
    with failing(getattr(stack, client), operation, error):
        result = backfill(stack)
    assert result == TaskResult(TEMPORARY, f"{told}; the log of backfill says more")

    again = backfill(stack)

    assert again.code is SUCCEEDED
    # the try that failed was no death of its decoder
    assert "decodes" not in job_named(stack, again).submission or len(job_named(stack, again).decoding.started_at) == 1


def test_a_key_of_the_api_is_the_job_that_it_names(stack: Stack) -> None:
    key = "api/video_0b5f4c1d2e3a49788796a5b4c3d2e1f0/picture"
    stack.upload(key, picture(80, 60))

    assert backfill(stack, key) == TaskResult(SUCCEEDED, "video_0b5f4c1d2e3a49788796a5b4c3d2e1f0 is ready")


def test_the_two_buckets_stay_two(stack: Stack) -> None:
    # A manifest over the output bucket would make videos of the pipeline's own frames.
    assert backfill(stack, "ready/a.jpg", bucket=OUTPUT_BUCKET).message.startswith("source_elsewhere")
