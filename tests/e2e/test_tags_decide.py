"""The tags of a picture decide its frame; an option that cannot be used is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.measure_media import open_picture, pixel_at
from tests.e2e.wait_for_jobs import submissions_of

SIZES = ["1280x720", "720x1280", "landscape_720p", "tiktok", "auto"]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("pictures") / "sample.jpg")


def test_size_and_mode_tags_change_the_frame(local: LocalStack, wait_for_jobs, picture: Path, tmp_path: Path) -> None:
    # given the same picture, twice
    local.upload_picture(picture, {"size": "1280x720", "mode": "cover"}, key="wide.jpg")
    local.upload_picture(picture, {"size": "720x1280", "mode": "pad", "background": "white"}, key="tall.jpg")

    # when
    [wide], [tall] = wait_for_jobs("wide.jpg"), wait_for_jobs("tall.jpg")

    # then
    local.download_output(wide["copy"]["key"], tmp_path / "wide.jpg")
    local.download_output(tall["copy"]["key"], tmp_path / "tall.jpg")
    assert open_picture(tmp_path / "wide.jpg").size == (1280, 720)
    bars = open_picture(tmp_path / "tall.jpg")
    assert bars.size == (720, 1280)
    assert min(pixel_at(bars, 360, 5)) > 250  # a white bar above
    assert max(pixel_at(bars, 360, 640)) < 250  # the picture in the middle


def test_focus_crop_and_format_tags_change_the_frame(
    local: LocalStack, wait_for_jobs, picture: Path, tmp_path: Path
) -> None:
    # given tags for all of them
    options = {"size": "tiktok", "mode": "blur", "crop": "0.5 0 1 1", "format": "png", "focus": "auto"}
    local.upload_picture(picture, options, key="tagged.jpg")

    # when
    [job] = wait_for_jobs("tagged.jpg")

    # then
    assert job["status"] == "completed"
    assert (job["copy"]["mode"], job["copy"]["content_type"]) == ("blur", "image/png")
    assert job["copy"]["region"] == [0.5, 0, 1, 1]
    local.download_output(job["copy"]["key"], tmp_path / "tagged.png")
    assert open_picture(tmp_path / "tagged.png").size == (720, 1280)
    assert {job["option_sources"][name] for name in options} == {"tag"}


def test_unknown_tags_are_ignored_and_no_tags_are_needed(local: LocalStack, wait_for_jobs, picture: Path) -> None:
    # given
    local.upload_picture(picture, {"project": "spring", "cost-center": "42"}, key="foreign-tags.jpg")
    local.upload_picture(picture, {}, key="no-tags.jpg")

    # when
    [foreign], [bare] = wait_for_jobs("foreign-tags.jpg"), wait_for_jobs("no-tags.jpg")

    # then
    assert foreign["status"] == bare["status"] == "completed"
    assert foreign["request"] == bare["request"]
    assert set(bare["option_sources"].values()) == {"default"}


@pytest.mark.parametrize(
    ("options", "field", "allowed"),
    [
        ({"size": "1280x721"}, "size", SIZES),
        ({"mode": "zoom"}, "mode", ["cover", "pad", "blur", "stretch", "auto"]),
        (
            {"size": "1792x1024", "model": "sora-2"},
            "size",
            ["1280x720", "720x1280", "landscape_720p", "tiktok", "auto"],
        ),
    ],
)
def test_an_unusable_option_is_refused_with_what_is_allowed(
    local: LocalStack, wait_for_jobs, picture: Path, options: dict[str, str], field: str, allowed: list[str]
) -> None:
    # given
    key = f"refused-{field}-{options[field]}-{len(options)}.jpg"

    # when
    local.upload_picture(picture, options, key=key)
    [job] = wait_for_jobs(key)

    # then
    assert job["status"] == "rejected"
    assert job["error"]["field"] == field
    assert job["error"]["value"] == options[field]
    assert set(allowed) <= set(job["error"]["allowed"])
    assert all(word in job["error"]["message"] for word in [field, options[field], *allowed])
    assert submissions_of(local, job["job_id"]) == []
