"""One upload, one job: however often it is announced its id is the same, and no other upload has it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_ready.domain.job import SourceObject, whole_seconds
from sora_ready.domain.job_id import api_object_key, has_stable_id, make_job_id

VERSIONED = SourceObject("uploads", "a/photo.jpg", "etag-1", version_id="v1", sequencer="0055AED6")
PLAIN = SourceObject("uploads", "a/photo.jpg", "etag-1", sequencer="0055AED6", modified="2026-11-12T08:00:00Z")
UNSEEN = replace(PLAIN, modified=None)
NAMED = SourceObject("uploads", api_object_key("video_" + "0" * 32), "etag-1", sequencer="0055AED6")


def test_the_same_upload_is_the_same_job() -> None:
    assert make_job_id(replace(VERSIONED)) == make_job_id(VERSIONED)
    assert make_job_id(replace(PLAIN)) == make_job_id(PLAIN)


def test_an_id_stays_what_it_is_from_release_to_release() -> None:
    # Another id for an upload that was paid for would pay for it again.
    assert make_job_id(VERSIONED) == "video_994d87b5672d39a61d1ee53ea78b4a14"
    assert make_job_id(UNSEEN, "token") == "video_cef4ddb7213b9812735264d46caf3e59"
    assert make_job_id(PLAIN) == "video_10f67589c81e8dec2c17cc801e8e0cfe"


@pytest.mark.parametrize("source", [VERSIONED, PLAIN], ids=["with versions", "without versions"])
@pytest.mark.parametrize("other", [{"key": "a/photo2.jpg"}, {"key": "A/photo.jpg"}, {"bucket": "others"}])
def test_another_object_is_another_job(source: SourceObject, other: dict[str, Any]) -> None:
    assert make_job_id(replace(source, **other)) != make_job_id(source)


def test_a_new_version_is_a_new_job() -> None:
    assert make_job_id(replace(VERSIONED, version_id="v2")) != make_job_id(VERSIONED)


@pytest.mark.parametrize("other", [{"modified": "2026-11-12T08:00:01Z"}, {"etag": "etag-2"}])
def test_without_versions_another_second_or_content_is_a_new_job(other: dict[str, Any]) -> None:
    assert make_job_id(replace(PLAIN, **other)) != make_job_id(PLAIN)


@pytest.mark.parametrize("sequencer", ["0055AED7", None])
def test_whoever_looked_at_the_upload_needs_no_sequencer(sequencer: str | None) -> None:
    assert make_job_id(replace(PLAIN, sequencer=sequencer)) == make_job_id(PLAIN)


@pytest.mark.parametrize("other", [{"sequencer": "0055AED7"}, {"sequencer": None}, {"etag": "etag-2"}])
def test_an_upload_that_nobody_could_look_at_is_told_apart_by_its_sequencer(other: dict[str, Any]) -> None:
    assert make_job_id(replace(UNSEEN, **other)) != make_job_id(UNSEEN)
    assert make_job_id(UNSEEN) != make_job_id(PLAIN)


def test_only_an_upload_without_a_version_has_to_be_looked_at_to_know_its_job() -> None:
    assert [has_stable_id(source) for source in (VERSIONED, PLAIN, NAMED, UNSEEN)] == [True, True, True, False]


def test_the_second_in_which_an_upload_was_made_is_told_in_utc() -> None:
    moment = datetime(2026, 11, 12, 9, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert whole_seconds(moment) == "2026-11-12T08:30:15Z"


@pytest.mark.parametrize(
    "other", [{"sequencer": "0055AED7"}, {"sequencer": None}, {"etag": "etag-2"}, {"modified": "2026-11-12T08:00:00Z"}]
)
def test_with_a_version_nothing_else_is_needed_to_know_the_upload(other: dict[str, Any]) -> None:
    assert make_job_id(replace(VERSIONED, **other)) == make_job_id(VERSIONED)


def test_a_client_token_asks_for_another_job_of_the_same_upload() -> None:
    ids = {make_job_id(VERSIONED, token) for token in ("", "one", "two")}

    assert len(ids) == 3


def test_parts_that_join_to_the_same_text_are_still_told_apart() -> None:
    assert make_job_id(SourceObject("a", "b/c", "e")) != make_job_id(SourceObject("a/b", "c", "e"))
    assert make_job_id(SourceObject("a", "b", "ef", sequencer="g")) != make_job_id(
        SourceObject("a", "b", "e", sequencer="fg")
    )


@settings(max_examples=50)
@given(st.builds(SourceObject, st.text(), st.text(), st.text(), st.none() | st.text(), st.none() | st.text()))
def test_an_id_is_video_and_32_hex_digits(source: SourceObject) -> None:
    assert re.fullmatch(r"video_[0-9a-f]{32}", make_job_id(source))
