"""Whatever a file is called, it goes through."""

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
    local.drop_picture(picture, {}, key=key)
    [job] = wait_for_jobs(key)

    # then
    assert job["status"] == "completed"
    assert job["source"]["key"] == key


def test_the_long_key_is_as_long_as_it_says() -> None:
    assert 895 <= len(ODD_KEYS[1].encode()) <= 900


def test_a_folder_made_in_the_console_is_no_picture(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given
    bucket = local.stack.outputs["UploadBucket"]

    # when a folder is made, and then a picture is dropped into it
    local.emulator.client("s3").put_object(Bucket=bucket, Key="new folder/", Body=b"")
    local.drop_picture(make_sample(tmp_path / "p.jpg"), {}, key="new folder/p.jpg")
    wait_for_jobs("new folder/p.jpg")

    # then only the picture has a record
    assert local.find_jobs("new folder/") == []
