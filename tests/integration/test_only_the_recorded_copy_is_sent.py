"""Two deliveries of one upload that read different tags make two copies; only the recorded one is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.output_bucket import OutputBucket, job_id_of_ready_key
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import JobNotReadyError
from sora_ready.domain.imaging.normalize import ReadyImage
from sora_ready.domain.job import Job, ReadyCopy, SourceObject, Status

from .run_steps import normalize, recorded, submit
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, encoded, picture

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


class InterruptedBucket(OutputBucket):
    """Runs `meanwhile` between saving a copy and recording it."""

    def __init__(self, stack: Stack, meanwhile: Callable[[ReadyCopy], None]) -> None:
        super().__init__(stack.s3, OUTPUT_BUCKET)
        self.meanwhile = meanwhile

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> ReadyCopy:
        copy = super().put_ready_copy(job_id, ready)
        self.meanwhile(copy)
        return copy


def sha256_of(stack: Stack, copy: ReadyCopy) -> str:
    body = stack.s3.get_object(Bucket=copy.bucket, Key=copy.key)["Body"].read()
    return hashlib.sha256(body).hexdigest()


def race(stack: Stack, source: SourceObject, tags: dict[str, str]) -> tuple[Job, ReadyCopy]:
    """Normalize twice, interleaved; return the job, and the copy of the slow delivery, which read the old tags."""
    copies: list[ReadyCopy] = []
    fast: list[Job] = []

    def retag(copy: ReadyCopy) -> None:
        copies.append(copy)
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        stack.s3.put_object_tagging(
            Bucket=UPLOAD_BUCKET, Key=source.key, VersionId=source.version_id, Tagging={"TagSet": tag_set}
        )
        fast.append(normalize(stack, source))

    slow = normalize(stack, source, outputs=InterruptedBucket(stack, retag))
    assert slow == fast[0] == recorded(stack, slow)
    return slow, copies[0]


@pytest.mark.parametrize("loser_first", [True, False])
def test_the_copy_that_lost_is_never_sent(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, *, loser_first: bool
) -> None:
    source = stack.upload("beach.jpg", picture(80, 80), Tagging="size=48x64")
    job, lost = race(stack, source, {"size": "64x48"})
    assert (job.request.size, lost.width, lost.height) == ("64x48", 48, 64)
    assert sorted(stack.output_keys("ready/")) == sorted([job.copy.key, lost.key])

    losing = replace(job, copy=lost)
    stack.calls.clear()
    for job_of_event in (losing, job) if loser_first else (job, losing):
        submit(stack, video_server, job_of_event)
        submit(stack, video_server, job_of_event, redelivered=True)
    (entry,) = fake_server.request_log.creates()
    assert (entry.size, entry.image_sha256) == ("64x48", job.copy.sha256)
    assert recorded(stack, job).status is Status.QUEUED
    # One poll for the submission, one for the redelivered message, none for the copy that lost.
    assert len(stack.polls()) == 2


def test_no_copy_overwrites_another(stack: Stack) -> None:
    source = stack.upload("beach.jpg", picture(80, 80), Tagging="size=64x48&mode=cover")
    job, lost = race(stack, source, {"size": "64x48", "mode": "stretch", "background": "white"})
    for copy in (job.copy, lost):
        assert sha256_of(stack, copy) == copy.sha256
        assert copy.key == f"ready/{job.id}-{copy.sha256[:12]}.jpg"


def test_two_deliveries_that_read_the_same_tags_make_one_copy(stack: Stack) -> None:
    source = stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48")
    job, other = race(stack, source, {"size": "64x48"})
    assert job.copy == other
    assert stack.output_keys("ready/") == [job.copy.key]


def test_the_event_of_a_copy_may_come_before_the_record(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))

    def submit_early(copy: ReadyCopy) -> None:
        job_id = job_id_of_ready_key(copy.key)
        with pytest.raises(JobNotReadyError):
            submit(stack, video_server, replace(stack.ready_job("other.jpg"), id=job_id, copy=copy))

    job = normalize(stack, source, outputs=InterruptedBucket(stack, submit_early))
    assert fake_server.request_log.entries() == []
    assert submit(stack, video_server, job, redelivered=True).status is Status.QUEUED


def test_an_event_of_another_copy_costs_one_read(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    other = replace(job, copy=replace(job.copy, key=job.copy.key.replace(".jpg", ".png")))
    stack.calls.clear()
    assert submit(stack, video_server, other, redelivered=True) == job == recorded(stack, job)
    assert stack.calls.names() == ["dynamodb.GetItem", "dynamodb.GetItem"]
    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])


@pytest.mark.parametrize(("tags", "background"), [("", "000000"), ("background=336699", "336699")])
def test_the_record_has_the_background_of_the_copy(stack: Stack, tags: str, background: str) -> None:
    source = stack.upload("beach.png", picture(80, 60, "PNG"), **({"Tagging": tags} if tags else {}))
    assert recorded(stack, normalize(stack, source)).copy.background == background


def test_the_record_says_that_a_black_drawing_is_on_white(stack: Stack) -> None:
    drawing = Image.new("RGBA", (80, 60), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).ellipse((20, 15, 60, 45), outline=(0, 0, 0, 255), width=6)
    job = normalize(stack, stack.upload("drawing.png", encoded(drawing, "PNG")))
    assert (job.request.background, job.copy.background) == ("000000", "ffffff")
