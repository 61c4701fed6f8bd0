"""A picture becomes the exact frame that its tags ask for, and a job; what cannot be used becomes a rejected job."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.output_bucket import job_id_of_ready_key
from sora_ready.adapters.upload_bucket import Upload, UploadBucket
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.job import HistoryEntry, Job, Picture, ReadyCopy, SourceObject, Status
from sora_ready.domain.job_id import make_job_id

from .run_steps import normalize, path_of
from .stack_fixtures import (
    DEFAULTS,
    OUTPUT_BUCKET,
    UPLOAD_BUCKET,
    Clock,
    Stack,
    make_job,
    make_request,
    picture,
)

HAPPY_PATH = [
    "dynamodb.GetItem",
    "s3.GetObject",
    "s3.GetObjectTagging",
    "dynamodb.PutItem",
    "s3.PutObject",
    "dynamodb.PutItem",
]
PROMPT = 'A "calm" sea, slow zoom; it\'s 100% real: 海浪 🎬'


def frame_of(stack: Stack, job: Job) -> Image.Image:
    body = stack.s3.get_object(Bucket=OUTPUT_BUCKET, Key=job.copy.key)["Body"].read()
    return Image.open(io.BytesIO(body))


@pytest.mark.parametrize("size", ["64x48", "48x64"])
def test_the_size_in_a_tag_decides_the_frame(stack: Stack, size: str) -> None:
    job = normalize(stack, stack.upload("beach.jpg", picture(100, 100), Tagging=f"size={size}"))
    frame = frame_of(stack, job)
    assert f"{frame.width}x{frame.height}" == size
    assert job.request.size == size
    assert (job.copy.width, job.copy.height) == frame.size


def test_mode_and_background_in_tags_decide_the_bars(stack: Stack) -> None:
    tags = "size=64x48&mode=pad&background=white&project=holiday"
    frame = frame_of(stack, normalize(stack, stack.upload("tall.png", picture(40, 120, "PNG"), Tagging=tags)))
    assert frame.size == (64, 48)
    corner: Any = frame.getpixel((2, 2))
    middle: Any = frame.getpixel((32, 44))
    assert min(corner) > 250
    assert max(middle) < 200


@pytest.mark.parametrize(("shape", "size"), [((160, 100), "64x48"), ((90, 160), "48x64")])
def test_without_tags_the_defaults_apply_and_the_nearest_shape_is_chosen(
    stack: Stack, shape: tuple[int, int], size: str
) -> None:
    job = normalize(stack, stack.upload("beach.webp", picture(*shape, "WEBP")))
    assert job.status is Status.READY
    assert job.request == make_request(size=size, requested_size="auto", prompt="Bring this picture to life.")
    assert job.options == {}
    assert set(job.option_sources.values()) == {"default"}
    assert f"{frame_of(stack, job).width}x{frame_of(stack, job).height}" == size


def test_a_tag_overrides_metadata_and_metadata_the_default(stack: Stack) -> None:
    metadata = {"size": "64x48", "mode": "stretch"}
    job = normalize(stack, stack.upload("a.jpg", picture(80, 80), Metadata=metadata, Tagging="size=48x64"))
    assert (job.request.size, job.request.mode, job.request.seconds) == ("48x64", "stretch", 4)
    assert (job.option_sources["size"], job.option_sources["mode"], job.option_sources["seconds"]) == (
        "tag",
        "metadata",
        "default",
    )


def test_stack_defaults_that_the_chosen_model_does_not_support_are_replaced_by_the_models(stack: Stack) -> None:
    models = '{"tiny": {"seconds": [4], "usd_per_second": {"64x48": 1}}, '
    models += '"other": {"seconds": [5, 10], "usd_per_second": {"48x64": 1, "80x80": 1}}}'
    source = stack.upload("a.jpg", picture(80, 80), Tagging="model=other")
    job = normalize(stack, source, catalog=load_catalog(models), defaults=DEFAULTS | {"size": "64x48"})
    assert (job.status, frame_of(stack, job).size) == (Status.READY, (80, 80))
    assert (job.request.requested_size, job.request.size, job.request.seconds) == ("auto", "80x80", 5)
    assert (job.option_sources["model"], job.option_sources["size"], job.option_sources["seconds"]) == (
        "tag",
        "model",
        "model",
    )


def test_a_prompt_in_metadata_is_recorded_exactly(stack: Stack) -> None:
    job = normalize(stack, stack.upload("a.jpg", picture(80, 60), Metadata={"prompt": quote(PROMPT)}))
    assert job.request.prompt == PROMPT
    found = stack.jobs.get_job(job.id)
    assert found is not None
    assert found.request.prompt == PROMPT
    assert found.option_sources["prompt"] == "metadata"


def test_the_record_holds_the_request_the_picture_and_the_copy(stack: Stack) -> None:
    data = picture(120, 90, "PNG")
    source = stack.upload("holiday/beach.png", data, Tagging="size=64x48")
    job = normalize(stack, source)
    assert stack.jobs.get_job(job.id) == job
    assert (job.id, job.status, job.source) == (make_job_id(source), Status.READY, source)
    assert job.option_sources["size"] == "tag"
    assert job.picture == Picture("PNG", 120, 90, len(data))
    (key,) = stack.output_keys()
    stored = stack.s3.get_object(Bucket=OUTPUT_BUCKET, Key=key)
    digest = hashlib.sha256(stored["Body"].read()).hexdigest()
    assert job.copy == ReadyCopy(
        bucket=OUTPUT_BUCKET,
        key=f"ready/{job.id}-{digest[:12]}.jpg",
        content_type="image/jpeg",
        width=64,
        height=48,
        mode="cover",
        background="000000",
        region=(0.0, 0.0, 1.0, 1.0),
        bytes=stored["ContentLength"],
        sha256=digest,
    )
    assert stored["ContentType"] == "image/jpeg"
    assert job.request.price_usd == Decimal("0.40")
    assert job.history == (
        HistoryEntry(Status.RECEIVED, "2026-11-12T08:00:00.000Z"),
        HistoryEntry(Status.READY, "2026-11-12T08:00:00.000Z"),
    )
    assert job.created_at == job.updated_at == "2026-11-12T08:00:00.000Z"


def test_a_picture_with_tags_takes_six_calls(stack: Stack) -> None:
    normalize(stack, stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48"))
    assert stack.calls.names() == HAPPY_PATH


def test_a_picture_without_tags_takes_five_calls(stack: Stack) -> None:
    normalize(stack, stack.upload("beach.jpg", picture(80, 60)))
    assert stack.calls.names() == [name for name in HAPPY_PATH if name != "s3.GetObjectTagging"]


def test_a_second_event_changes_nothing_and_costs_one_call(stack: Stack, clock: Clock) -> None:
    source = stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48")
    first = normalize(stack, source)
    clock.advance(minutes=1)
    assert normalize(stack, source) == first
    assert stack.calls.names() == ["dynamodb.GetItem"]
    assert stack.jobs.get_job(first.id) == first
    assert stack.output_keys() == [first.copy.key]


def test_a_second_event_of_a_rejected_upload_costs_one_call(stack: Stack) -> None:
    source = stack.upload("notes.txt", b"no picture")
    first = normalize(stack, source)
    assert normalize(stack, source) == first
    assert stack.calls.names() == ["dynamodb.GetItem"]


def test_of_two_events_at_once_the_first_record_stays(stack: Stack, clock: Clock) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    first = normalize(stack, source)

    class StaleTable(JobTable):
        """Its first read does not find the record that another worker is about to write."""

        was_read = False

        def get_job(self, job_id: str) -> Job | None:
            was_read, self.was_read = self.was_read, True
            return super().get_job(job_id) if was_read else None

    clock.advance(seconds=1)
    second = normalize(stack, source, jobs=StaleTable(stack.dynamodb, stack.table, now=clock))
    assert second == first == stack.jobs.get_job(first.id)


def test_a_received_job_becomes_ready_and_keeps_its_time_of_creation(stack: Stack, clock: Clock) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    stack.jobs.put_job(make_job(source, status=Status.RECEIVED))
    clock.advance(minutes=1)
    job = normalize(stack, source)
    assert path_of(job) == ["received", "ready"]
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:01:00.000Z")


def test_a_new_upload_to_the_same_key_is_a_job_of_its_own(stack: Stack) -> None:
    first = normalize(stack, stack.upload("beach.jpg", picture(80, 60)))
    second = normalize(stack, stack.upload("beach.jpg", picture(60, 80)))
    assert sorted(stack.output_keys()) == sorted([first.copy.key, second.copy.key])
    assert (job_id_of_ready_key(first.copy.key), job_id_of_ready_key(second.copy.key)) == (first.id, second.id)
    assert (first.request.size, second.request.size) == ("64x48", "48x64")


def rejected(stack: Stack, source: SourceObject, *, decoded: bool = False, **options: Any) -> Job:
    """Normalize an upload that must be rejected, with a record and without a copy; return the job.

    `decoded` says that the decoder finds out: only then was the job `received` before.
    """
    job = normalize(stack, source, **options)
    assert job.status is Status.REJECTED
    assert stack.jobs.get_job(job.id) == job
    assert path_of(job) == ["received"] * decoded + ["rejected"]
    assert stack.output_keys() == []
    return job


def test_a_tag_that_cannot_be_used_is_rejected_by_name(stack: Stack) -> None:
    job = rejected(stack, stack.upload("a.jpg", picture(80, 60), Tagging="size=1280x719&mode=pad"))
    assert job.error.code == "invalid_size"
    assert job.error.facts == {
        "field": "size",
        "value": "1280x719",
        "source": "tag",
        "allowed": [
            "64x48",
            "48x64",
            "landscape_48p",
            "portrait_48p",
            "youtube",
            "tiktok",
            "reels",
            "shorts",
            "auto",
        ],
    }
    assert "1280x719" in job.error.message
    assert (job.options["size"], job.options["mode"], job.request) == ("1280x719", "pad", None)


def test_a_file_that_is_not_a_picture_is_rejected(stack: Stack) -> None:
    assert rejected(stack, stack.upload("notes.jpg", b"Dear diary"), decoded=True).error.code == "not_an_image"


def test_an_empty_file_is_rejected(stack: Stack) -> None:
    assert rejected(stack, stack.upload("empty.jpg", b""), decoded=True).error.code == "empty"


def test_half_a_picture_is_rejected(stack: Stack) -> None:
    whole = picture(300, 200)
    job = rejected(stack, stack.upload("half.jpg", whole[: len(whole) // 2]), decoded=True)
    assert job.error.code == "corrupt"


def test_an_upload_deleted_meanwhile_is_rejected(stack: Stack) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    stack.s3.delete_object(Bucket=UPLOAD_BUCKET, Key="beach.jpg", VersionId=source.version_id)
    assert rejected(stack, source).error.code == "source_missing"


def test_a_file_of_too_many_bytes_is_rejected_before_it_is_read(stack: Stack) -> None:
    class Unreadable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    class UnreadableBucket(UploadBucket):
        def open_upload(self, source: SourceObject) -> Upload:
            return replace(super().open_upload(source), body=Unreadable())

    data = picture(80, 60)
    source = stack.upload("large.jpg", data)
    job = rejected(stack, source, uploads=UnreadableBucket(stack.s3), max_source_bytes=len(data) - 1)
    assert (job.error.code, job.error.facts) == ("too_many_bytes", {"bytes": len(data), "max_bytes": len(data) - 1})


def test_a_file_of_exactly_as_many_bytes_as_are_accepted_is_read(stack: Stack) -> None:
    data = picture(80, 60)
    assert normalize(stack, stack.upload("a.jpg", data), max_source_bytes=len(data)).status is Status.READY


@pytest.mark.parametrize(
    "key",
    ["my holiday/beach day.jpg", "a+b=c.jpg", "100%25 sharp%2Fnot a folder.jpg", "假日/海滩 🎬.jpg", "滩" * 300],
    ids=["spaces", "plus", "percent", "chinese", "900 bytes"],
)
def test_any_key_that_s3_accepts_is_read_unchanged(stack: Stack, key: str) -> None:
    source = stack.upload(key, picture(80, 60), Tagging="size=48x64")
    job = normalize(stack, source)
    assert (job.status, job.source.key, job.request.size) == (Status.READY, key, "48x64")
    assert stack.jobs.get_job(job.id) == job
    assert frame_of(stack, job).size == (48, 64)
