"""The exact upload of an event is read: its version, its metadata decoded, its tags."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.errors import AwsServiceError, SoraReadyError, SourceForbidden, SourceRejected
from sora_ready.domain.job import SourceObject, Status

from .run_steps import normalize
from .stack_fixtures import UPLOAD_BUCKET, Stack, picture

PROMPT = 'Slow zoom, "golden hour": 海浪轻轻拍岸 🎬'


@pytest.fixture
def plain(stack: Stack) -> str:
    """A bucket without versions."""
    stack.s3.create_bucket(Bucket="plain-bucket")
    return "plain-bucket"


def with_metadata(stack: Stack, value: str) -> str:
    """Upload a picture whose prompt S3 returns as `value`; return the prompt as it is decoded."""
    source = stack.upload("beach.jpg", b"picture", Metadata={"prompt": value})
    return stack.uploads.open_upload(source).metadata["prompt"]


def test_the_events_version_is_read_after_the_key_was_overwritten(stack: Stack) -> None:
    source = stack.upload("beach.jpg", b"the first", Metadata={"prompt": "first"}, Tagging="size=64x48")
    stack.upload("beach.jpg", b"the second one", Metadata={"prompt": "second"}, Tagging="size=48x64")
    upload = stack.uploads.open_upload(source)
    assert upload.body.read() == b"the first"
    assert upload.length == 9
    assert upload.metadata == {"prompt": "first"}
    assert stack.uploads.read_tags(source) == {"size": "64x48"}


def test_the_events_version_is_read_after_the_key_was_deleted(stack: Stack) -> None:
    source = stack.upload("beach.jpg", b"the first")
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key="beach.jpg")
    assert stack.uploads.open_upload(source).body.read() == b"the first"


def test_without_a_version_the_upload_is_read_until_it_is_replaced(stack: Stack, plain: str) -> None:
    source = stack.upload("beach.jpg", b"the first", bucket=plain)
    assert source.version_id is None
    assert stack.uploads.open_upload(source).body.read() == b"the first"


def test_without_a_version_a_replaced_upload_is_rejected(stack: Stack, plain: str) -> None:
    source = stack.upload("beach.jpg", b"the first", bucket=plain)
    stack.upload("beach.jpg", b"the second", bucket=plain)
    with pytest.raises(SourceRejected) as rejection:
        stack.uploads.open_upload(source)
    assert rejection.value.code == "source_replaced"
    assert rejection.value.facts == {"key": "beach.jpg"}


def test_without_a_version_a_deleted_upload_is_rejected(stack: Stack, plain: str) -> None:
    source = stack.upload("beach.jpg", b"the first", bucket=plain)
    stack.s3.delete_object(Bucket=plain, Key="beach.jpg")
    with pytest.raises(SourceRejected) as rejection:
        stack.uploads.open_upload(source)
    assert rejection.value.code == "source_missing"


def test_a_deleted_version_is_rejected(stack: Stack) -> None:
    source = stack.upload("beach.jpg", b"the first")
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key="beach.jpg", VersionId=source.version_id)
    with pytest.raises(SourceRejected) as rejection:
        stack.uploads.open_upload(source)
    assert rejection.value.code == "source_missing"


def test_a_missing_bucket_is_a_missing_source(stack: Stack) -> None:
    with pytest.raises(SourceRejected) as rejection:
        stack.uploads.open_upload(SourceObject("no-such-bucket", "beach.jpg", "etag"))
    assert rejection.value.code == "source_missing"


def test_the_tags_of_an_upload_that_was_deleted_meanwhile_are_a_missing_source(stack: Stack, plain: str) -> None:
    source = stack.upload("beach.jpg", b"the first", bucket=plain, Tagging="size=64x48")
    stack.s3.delete_object(Bucket=plain, Key="beach.jpg")
    with pytest.raises(SourceRejected) as rejection:
        stack.uploads.read_tags(source)
    assert rejection.value.code == "source_missing"


@pytest.mark.parametrize("read", [UploadBucket.open_upload, UploadBucket.read_tags])
def test_an_archived_upload_is_rejected_with_what_to_do(read: Callable[[UploadBucket, SourceObject], object]) -> None:
    class ArchivedClient:
        def get_object(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "InvalidObjectState", "Message": "archived"}}, "GetObject")

        get_object_tagging = get_object

    with pytest.raises(SourceRejected) as rejection:
        read(UploadBucket(ArchivedClient()), SourceObject("uploads", "beach.jpg", "etag"))  # type: ignore[arg-type] # a fake client
    assert rejection.value.code == "source_archived"
    assert rejection.value.facts == {"key": "beach.jpg"}
    assert "Restore it" in rejection.value.message


def test_an_archived_upload_is_a_rejected_job(stack: Stack) -> None:
    source = stack.upload("beach.jpg", picture(80, 60), StorageClass="GLACIER")
    job = normalize(stack, source)
    assert (job.status, job.error.code) == (Status.REJECTED, "source_archived")
    assert (stack.jobs.get_job(job.id), stack.output_keys()) == (job, [])


def test_percent_encoded_metadata_is_decoded(stack: Stack) -> None:
    assert with_metadata(stack, quote(PROMPT)) == PROMPT


def test_plain_metadata_with_a_percent_sign_is_unchanged(stack: Stack) -> None:
    assert with_metadata(stack, "100% sharp, 50 % gray") == "100% sharp, 50 % gray"


def test_metadata_that_s3_returns_in_base64_words_is_decoded(stack: Stack) -> None:
    word = b64encode(PROMPT.encode()).decode()
    assert with_metadata(stack, f"=?UTF-8?B?{word}?=") == PROMPT


def test_metadata_that_s3_returns_in_quoted_words_is_decoded(stack: Stack) -> None:
    assert with_metadata(stack, "=?UTF-8?Q?caf=C3=A9,_=E6=B5=B7?=") == "café, 海"


def test_consecutive_encoded_words_are_one_text(stack: Stack) -> None:
    first, second = (b64encode(part.encode()).decode() for part in ("海浪", "拍岸"))
    assert with_metadata(stack, f"=?UTF-8?B?{first}?= =?UTF-8?B?{second}?=") == "海浪拍岸"


@pytest.mark.parametrize("value", ["is x=?y ok", "=?UTF-8?B?a?=", "=?no-such-charset?Q?abc?="])
def test_text_that_only_resembles_encoded_words_is_unchanged(stack: Stack, value: str) -> None:
    assert with_metadata(stack, value) == value


@pytest.mark.parametrize("tagging", ["", "size=64x48", "size=64x48&mode=pad"])
def test_opening_an_upload_returns_its_number_of_tags_in_one_call(stack: Stack, tagging: str) -> None:
    source = stack.upload("beach.jpg", b"picture", **({"Tagging": tagging} if tagging else {}))
    stack.calls.clear()
    assert stack.uploads.open_upload(source).tag_count == (tagging.count("=") if tagging else 0)
    assert stack.calls.names() == ["s3.GetObject"]


@pytest.mark.parametrize(
    ("code", "error", "facts"),
    [
        ("AccessDenied", SourceForbidden, {"bucket": "uploads", "key": "beach.jpg"}),
        ("SlowDown", AwsServiceError, {"operation": "GetObject"}),
    ],
)
def test_an_error_that_says_nothing_about_the_upload_is_not_a_rejection(
    code: str, error: type[SoraReadyError], facts: dict[str, str]
) -> None:
    class FailingClient:
        def get_object(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")

    uploads = UploadBucket(FailingClient())  # type: ignore[arg-type] # a fake client
    with pytest.raises(error) as raised:
        uploads.open_upload(SourceObject("uploads", "beach.jpg", "etag"))
    assert (raised.value.code, raised.value.facts) == ({"AccessDenied": "source_forbidden"}.get(code, code), facts)
