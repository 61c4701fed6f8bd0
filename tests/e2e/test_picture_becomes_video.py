"""The main road: a picture dropped into the bucket comes back as a video."""

from __future__ import annotations

import hashlib
from pathlib import Path

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.measure_media import open_picture, psnr, read_clip


def test_a_dropped_picture_comes_back_as_a_video_that_begins_with_it(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given
    picture = make_sample(tmp_path / "dusk.jpg")

    # when
    local.drop_picture(picture, {"prompt": "waves"})
    [job] = wait_for_jobs("dusk.jpg")

    # then
    assert job["status"] == "completed"
    way = [entry["status"] for entry in job["history"]]
    steps = ["received", "ready", "submitting", "queued", "completed"]
    assert [status for status in way if status != "in_progress"] == steps
    local.download(job["copy"], tmp_path / "ready.jpg")
    local.download(job["video"], tmp_path / "video.mp4")
    ready, clip = open_picture(tmp_path / "ready.jpg"), read_clip(tmp_path / "video.mp4")
    assert ready.size == (1280, 720)
    assert (clip.codec, clip.size, round(clip.seconds, 1)) == ("h264", (1280, 720), 4.0)
    assert psnr(clip.first_frame, ready) > 30
    assert hashlib.sha256((tmp_path / "video.mp4").read_bytes()).hexdigest() == job["video"]["sha256"]


def test_the_record_tells_the_request_where_each_value_came_from_and_where_everything_lies(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given
    picture = make_sample(tmp_path / "told.jpg")

    # when
    local.drop_picture(picture, {"mode": "pad", "prompt": 'He said: "go", 100% — 猫 🎬'})
    [job] = wait_for_jobs("told.jpg")

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
    [sent] = _posts_of(local, job["job_id"])
    assert sent.video_id == job["server"]["id"]
    assert sent.prompt == 'He said: "go", 100% — 猫 🎬'
    assert (sent.image_type, sent.size, sent.seconds) == ("image/jpeg", "1280x720", "4")
    assert job["created_at"] <= job["history"][0]["at"] <= job["history"][-1]["at"] <= job["updated_at"]


def _posts_of(local: LocalStack, job_id: str) -> list:
    assert local.server.fake_server
    return [entry for entry in local.server.fake_server.request_log.creates() if entry.idempotency_key == job_id]
