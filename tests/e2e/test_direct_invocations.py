"""The functions called directly, with the roles that the template gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.deployed_samples import call_function, quiet_uploads


@pytest.fixture(autouse=True)
def quiet(local: LocalStack) -> Iterator[None]:
    with quiet_uploads(local):
        yield


def test_a_frame_alone_waits_for_the_call_that_has_it_sent(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given a picture, and the frame alone asked for
    key = local.drop_picture(make_sample(tmp_path / "alone.jpg"), {})
    place = {"bucket": local.stack.outputs["UploadBucket"], "key": key}
    made = call_function(local, "NormalizeFunction", place | {"size": "720x1280", "mode": "pad", "submit": False})
    local.download(made["copy"], tmp_path / "frame.jpg")
    assert (made["status"], made["copy"]["width"], made["copy"]["height"]) == ("ready", 720, 1280)

    # when a later picture went all its way, so that the frame's own event was dealt with too
    other = local.drop_picture(make_sample(tmp_path / "later.jpg"), {})
    call_function(local, "NormalizeFunction", {**place, "key": other})
    wait_for_jobs(other)
    [job] = local.find_jobs(key)
    assert job["status"] == "ready"

    # then a call has it sent
    sent = call_function(local, "SubmitFunction", place)
    assert sent["job_id"] == made["job_id"]
    [job] = wait_for_jobs(key)
    assert job["status"] == "completed"


def test_an_error_is_told_by_its_name(local: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    place = {"bucket": local.stack.outputs["UploadBucket"], "key": local.drop_picture(tmp_path / "text.jpg", {})}
    asked = [
        ("NormalizeFunction", place, "ImageRejected"),
        ("NormalizeFunction", place | {"mode": "pad"}, "RequestConflict"),
        ("NormalizeFunction", place | {"key": "nothing.jpg"}, "SourceRejected"),
        ("NormalizeFunction", place | {"bucket": local.stack.outputs["OutputBucket"]}, "SourceRejected"),
        ("NormalizeFunction", place | {"promt": "misspelled"}, "InvocationRejected"),
        ("SubmitFunction", place, "ImageRejected"),
        ("SubmitFunction", {"job_id": "video_0"}, "JobNotFound"),
    ]
    assert [call_function(local, name, event)["errorType"] for name, event, _ in asked] == [told for *_, told in asked]
