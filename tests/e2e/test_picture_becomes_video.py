"""The main path: a picture that is uploaded to the bucket becomes a video in the other one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.measure_media import open_picture, psnr, read_clip
from tests.e2e.wait_for_jobs import submissions_of


def test_an_uploaded_picture_becomes_a_video_that_starts_with_it(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given
    picture = make_sample(tmp_path / "dusk.jpg")

    # when
    local.upload_picture(picture, {"prompt": "waves"})
    [job] = wait_for_jobs("dusk.jpg")

    # then
    assert job["status"] == "completed"
    statuses = [entry["status"] for entry in job["history"] if entry["status"] != "in_progress"]
    assert statuses == ["received", "ready", "submitting", "queued", "completed"]
    local.download_output(job["copy"]["key"], tmp_path / "ready.jpg")
    local.download_output(job["video"]["key"], tmp_path / "video.mp4")
    ready, clip = open_picture(tmp_path / "ready.jpg"), read_clip(tmp_path / "video.mp4")
    assert ready.size == (1280, 720)
    assert (clip.codec, clip.size, round(clip.seconds, 1)) == ("h264", (1280, 720), 4.0)
    assert psnr(clip.first_frame, ready) > 30
    assert hashlib.sha256((tmp_path / "video.mp4").read_bytes()).hexdigest() == job["video"]["sha256"]


def test_the_record_holds_the_request_the_source_of_each_option_and_every_location(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given
    picture = make_sample(tmp_path / "recorded.jpg")

    # when
    local.upload_picture(picture, {"mode": "pad", "prompt": 'He said: "go", 100% — 猫 🎬'})
    [job] = wait_for_jobs("recorded.jpg")

    # then
    assert job["request"]["mode"] == "pad"
    assert job["option_sources"] == {
        "mode": "tag",
        "prompt": "metadata",
        "size": "default",
        "focus": "default",
        "background": "default",
        "format": "default",
        "quality": "default",
        "model": "default",
        "seconds": "default",
    }
    assert job["source"]["bucket"] == local.stack.outputs["UploadBucket"]
    assert job["copy"]["key"] == f"ready/{job['job_id']}-{job['copy']['sha256'][:12]}.jpg"
    assert job["video"]["key"] == f"videos/{job['job_id']}.mp4"
    [submission] = submissions_of(local, job["job_id"])
    assert submission.video_id == job["server"]["id"]
    assert submission.prompt == 'He said: "go", 100% — 猫 🎬'
    assert (submission.image_type, submission.size, submission.seconds) == ("image/jpeg", "1280x720", "4")
    assert job["created_at"] <= job["history"][0]["at"] <= job["history"][-1]["at"] <= job["updated_at"]
