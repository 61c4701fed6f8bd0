"""A job that the server refuses or fails ends as failed, with the server's own message and a hint."""

from __future__ import annotations

from pathlib import Path

from local.sample import make_sample
from local.stack import LocalStack


def test_a_refusal_by_the_server_ends_the_job_as_failed(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given a prompt that the server's moderation blocks
    picture = make_sample(tmp_path / "blocked.jpg")

    # when
    local.upload_picture(picture, {"prompt": "moderation-block"})
    [job] = wait_for_jobs("blocked.jpg")

    # then
    assert job["status"] == "failed"
    assert job["error"]["code"] == "moderation_blocked"
    assert job["error"]["message"] == "Your request was blocked by our moderation system."
    assert "upload again" in job["error"]["hint"]
    assert local.count_dead_letters() == 0


def test_a_render_that_fails_at_the_server_ends_the_job_as_failed(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given
    picture = make_sample(tmp_path / "unlucky.jpg")

    # when
    local.upload_picture(picture, {"prompt": "fail-render"})
    [job] = wait_for_jobs("unlucky.jpg")

    # then
    assert job["status"] == "failed"
    assert job["error"]["message"]
    assert "video" not in job
