"""Two deliveries of one upload that saw different tags make two copies; the one that is recorded is the one sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageDraw

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import JobNotReadyError
from sora_ready.domain.imaging.normalize import ReadyImage
from sora_ready.domain.job import Job, SourceObject, Status

from .run_steps import normalize, recorded, submit
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, encoded, picture

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


class Interrupted(OutputBucket):
    """Lets something else happen between the saving of a copy and the writing of the record."""

    def __init__(self, stack: Stack, meanwhile: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(stack.s3, OUTPUT_BUCKET)
        self.meanwhile = meanwhile

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> dict[str, Any]:
        copy = super().put_ready_copy(job_id, ready)
        self.meanwhile(copy)
        return copy


def sha256_of(stack: Stack, copy: dict[str, Any]) -> str:
    body = stack.s3.get_object(Bucket=copy["bucket"], Key=copy["key"])["Body"].read()
    return hashlib.sha256(body).hexdigest()


def race(stack: Stack, source: SourceObject, tags: dict[str, str]) -> tuple[Job, dict[str, Any]]:
    """Normalize twice, interleaved: the slow delivery saw the old tags; return the job and the slow one's copy."""
    copies: list[dict[str, Any]] = []
    quick: list[Job] = []

    def retag(copy: dict[str, Any]) -> None:
        copies.append(copy)
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        stack.s3.put_object_tagging(
            Bucket=UPLOAD_BUCKET, Key=source.key, VersionId=source.version_id, Tagging={"TagSet": tag_set}
        )
        quick.append(normalize(stack, source))

    slow = normalize(stack, source, outputs=Interrupted(stack, retag))
    assert slow == quick[0] == recorded(stack, slow)
    return slow, copies[0]


@pytest.mark.parametrize("loser_first", [True, False])
def test_the_copy_that_lost_is_never_sent(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, *, loser_first: bool
) -> None:
    source = stack.upload("beach.jpg", picture(80, 80), Tagging="size=48x64")
    job, lost = race(stack, source, {"size": "64x48"})
    assert (job.request.size, lost["width"], lost["height"]) == ("64x48", 48, 64)
    assert sorted(stack.output_keys("ready/")) == sorted([job.copy.key, lost["key"]])

    losing = replace(job, copy=lost)
    stack.calls.clear()
    for announced in (losing, job) if loser_first else (job, losing):
        submit(stack, video_server, announced)
        submit(stack, video_server, announced, redelivered=True)
    (entry,) = fake_server.request_log.creates()
    assert (entry.size, entry.image_sha256) == ("64x48", job.copy.sha256)
    assert recorded(stack, job).status is Status.QUEUED
    # One look for the sending, one for the message that came again; none for the copy that lost.
    assert len(stack.polls()) == 2


def test_each_copy_stays_what_its_key_says(stack: Stack) -> None:
    source = stack.upload("beach.jpg", picture(80, 80), Tagging="size=64x48&mode=cover")
    job, lost = race(stack, source, {"size": "64x48", "mode": "stretch", "background": "white"})
    for copy in (dict(job.copy), lost):
        assert sha256_of(stack, copy) == copy["sha256"]
        assert copy["key"] == f"ready/{job.id}-{copy['sha256'][:12]}.jpg"


def test_two_deliveries_that_saw_the_same_tags_make_one_copy(stack: Stack) -> None:
    source = stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48")
    job, other = race(stack, source, {"size": "64x48"})
    assert dict(job.copy) == other
    assert stack.output_keys("ready/") == [job.copy.key]


def test_the_event_of_a_copy_may_come_before_the_record(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))

    def too_early(copy: dict[str, Any]) -> None:
        job_id = copy["key"].removeprefix("ready/").split("-")[0]
        with pytest.raises(JobNotReadyError):
            submit(stack, video_server, replace(stack.ready_job("other.jpg"), id=job_id, copy=copy))

    job = normalize(stack, source, outputs=Interrupted(stack, too_early))
    assert fake_server.request_log.entries() == []
    assert submit(stack, video_server, job, redelivered=True).status is Status.QUEUED


def test_a_key_that_is_not_the_recorded_copys_costs_one_read(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient
) -> None:
    job = stack.ready_job()
    other = replace(job, copy={**job.copy, "key": job.copy.key.replace(".jpg", ".png")})
    stack.calls.clear()
    assert submit(stack, video_server, other, redelivered=True) == job == recorded(stack, job)
    assert stack.calls.names() == ["dynamodb.GetItem", "dynamodb.GetItem"]
    assert (fake_server.request_log.entries(), stack.polls()) == ([], [])


@pytest.mark.parametrize(("tags", "background"), [("", "000000"), ("background=336699", "336699")])
def test_the_record_says_on_which_background_a_picture_lies(stack: Stack, tags: str, background: str) -> None:
    source = stack.upload("beach.png", picture(80, 60, "PNG"), **({"Tagging": tags} if tags else {}))
    assert recorded(stack, normalize(stack, source)).copy.background == background


def test_the_record_says_that_a_black_drawing_was_laid_on_white(stack: Stack) -> None:
    drawing = Image.new("RGBA", (80, 60), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).ellipse((20, 15, 60, 45), outline=(0, 0, 0, 255), width=6)
    job = normalize(stack, stack.upload("drawing.png", encoded(drawing, "PNG")))
    assert (job.request.background, job.copy.background) == ("000000", "ffffff")
