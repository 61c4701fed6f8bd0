"""A key of any kind is processed."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.sample import make_sample
from local.stack import LocalStack

ODD_KEYS = [
    "holiday photos/a b+c%20d&e=1,猫.jpg",
    "ü/" + "长" * 296 + ".jpg",
    "no-suffix",
    "100%.JPG",
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=["mixed", "900 bytes", "no suffix", "percent"])
def test_a_key_of_any_kind_becomes_a_video(local: LocalStack, wait_for_jobs, tmp_path: Path, key: str) -> None:
    # given
    picture = make_sample(tmp_path / "picture.jpg")

    # when
    local.upload_picture(picture, {}, key=key)
    [job] = wait_for_jobs(key)

    # then
    assert job["status"] == "completed"
    assert job["source"]["key"] == key


def test_the_long_key_has_900_bytes() -> None:
    assert 895 <= len(ODD_KEYS[1].encode()) <= 900


def test_a_folder_that_the_console_creates_is_ignored(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given
    bucket = local.stack.outputs["UploadBucket"]

    # when a folder is created, and then a picture is uploaded to it
    local.emulator.client("s3").put_object(Bucket=bucket, Key="new folder/", Body=b"")
    local.upload_picture(make_sample(tmp_path / "p.jpg"), {}, key="new folder/p.jpg")
    wait_for_jobs("new folder/p.jpg")

    # then only the picture has a record
    assert local.find_jobs("new folder/") == []
