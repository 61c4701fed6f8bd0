"""The functions invoked directly, with the roles that the template gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.deployed_samples import invoke_function, uploads_ignored


@pytest.fixture(autouse=True)
def no_upload_events(local: LocalStack) -> Iterator[None]:
    with uploads_ignored(local):
        yield


def test_a_frame_alone_is_submitted_by_a_later_invocation(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given a picture, of which only the frame is requested
    key = local.upload_picture(make_sample(tmp_path / "alone.jpg"), {})
    source = {"bucket": local.stack.outputs["UploadBucket"], "key": key}
    ready = invoke_function(local, "NormalizeFunction", source | {"size": "720x1280", "mode": "pad", "submit": False})
    local.download_output(ready["copy"]["key"], tmp_path / "frame.jpg")
    assert (ready["status"], ready["copy"]["width"], ready["copy"]["height"]) == ("ready", 720, 1280)

    # when a later picture has become a video, so that the event of the ready copy has been processed too
    other = local.upload_picture(make_sample(tmp_path / "later.jpg"), {})
    invoke_function(local, "NormalizeFunction", {**source, "key": other})
    wait_for_jobs(other)
    [job] = local.find_jobs(key)
    assert job["status"] == "ready"

    # then an invocation of submit sends it
    submitted = invoke_function(local, "SubmitFunction", source)
    assert submitted["job_id"] == ready["job_id"]
    [job] = wait_for_jobs(key)
    assert job["status"] == "completed"


def test_an_error_has_the_name_of_its_class(local: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    key = local.upload_picture(tmp_path / "text.jpg", {})
    source = {"bucket": local.stack.outputs["UploadBucket"], "key": key}
    cases = [
        ("NormalizeFunction", source, "ImageRejected"),
        ("NormalizeFunction", source | {"mode": "pad"}, "RequestConflict"),
        ("NormalizeFunction", source | {"key": "nothing.jpg"}, "SourceRejected"),
        ("NormalizeFunction", source | {"bucket": local.stack.outputs["OutputBucket"]}, "SourceForbidden"),
        ("NormalizeFunction", source | {"promt": "misspelled"}, "InvocationRejected"),
        ("SubmitFunction", source, "ImageRejected"),
        ("SubmitFunction", {"job_id": "video_0"}, "JobNotFound"),
    ]
    errors = [invoke_function(local, name, event)["errorType"] for name, event, _ in cases]
    assert errors == [error for *_, error in cases]
