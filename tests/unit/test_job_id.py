"""One upload, one job: every event of an upload gives the same job id, and no other upload has that id."""

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
UNREAD = replace(PLAIN, modified=None)
FROM_API = SourceObject("uploads", api_object_key("video_" + "0" * 32), "etag-1", sequencer="0055AED6")


def test_the_same_upload_is_the_same_job() -> None:
    assert make_job_id(replace(VERSIONED)) == make_job_id(VERSIONED)
    assert make_job_id(replace(PLAIN)) == make_job_id(PLAIN)


def test_an_id_stays_the_same_from_release_to_release() -> None:
    # Another id for an upload that was paid for would be paid for again.
    assert make_job_id(VERSIONED) == "video_0b2e547986d3badf997626def33aec62"
    assert make_job_id(UNREAD) == "video_1388f2f051fe0856d19c2df95f88da34"
    assert make_job_id(PLAIN) == "video_ce791ff951b735e12aa23f40fd5d04f9"


@pytest.mark.parametrize("source", [VERSIONED, PLAIN], ids=["with versions", "without versions"])
@pytest.mark.parametrize("other", [{"key": "a/photo2.jpg"}, {"key": "A/photo.jpg"}, {"bucket": "others"}])
def test_another_object_is_another_job(source: SourceObject, other: dict[str, Any]) -> None:
    assert make_job_id(replace(source, **other)) != make_job_id(source)


def test_a_new_version_is_a_new_job() -> None:
    assert make_job_id(replace(VERSIONED, version_id="v2")) != make_job_id(VERSIONED)


@pytest.mark.parametrize("other", [{"modified": "2026-11-12T08:00:01Z"}, {"etag": "etag-2"}])
def test_without_versions_another_second_or_etag_is_a_new_job(other: dict[str, Any]) -> None:
    assert make_job_id(replace(PLAIN, **other)) != make_job_id(PLAIN)


@pytest.mark.parametrize("sequencer", ["0055AED7", None])
def test_with_its_modification_time_an_upload_needs_no_sequencer(sequencer: str | None) -> None:
    assert make_job_id(replace(PLAIN, sequencer=sequencer)) == make_job_id(PLAIN)


@pytest.mark.parametrize("other", [{"sequencer": "0055AED7"}, {"sequencer": None}, {"etag": "etag-2"}])
def test_without_its_modification_time_an_upload_is_identified_by_its_sequencer(other: dict[str, Any]) -> None:
    assert make_job_id(replace(UNREAD, **other)) != make_job_id(UNREAD)
    assert make_job_id(UNREAD) != make_job_id(PLAIN)


def test_only_an_upload_without_version_and_modification_time_has_no_stable_id() -> None:
    assert [has_stable_id(source) for source in (VERSIONED, PLAIN, FROM_API, UNREAD)] == [True, True, True, False]


def test_a_modification_time_is_utc_in_whole_seconds() -> None:
    moment = datetime(2026, 11, 12, 9, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert whole_seconds(moment) == "2026-11-12T08:30:15Z"


@pytest.mark.parametrize(
    "other", [{"sequencer": "0055AED7"}, {"sequencer": None}, {"etag": "etag-2"}, {"modified": "2026-11-12T08:00:00Z"}]
)
def test_a_version_alone_identifies_the_upload(other: dict[str, Any]) -> None:
    assert make_job_id(replace(VERSIONED, **other)) == make_job_id(VERSIONED)


def test_fields_that_join_to_the_same_text_give_different_ids() -> None:
    assert make_job_id(SourceObject("a", "b/c", "e")) != make_job_id(SourceObject("a/b", "c", "e"))
    assert make_job_id(SourceObject("a", "b", "ef", sequencer="g")) != make_job_id(
        SourceObject("a", "b", "e", sequencer="fg")
    )


@settings(max_examples=50)
@given(st.builds(SourceObject, st.text(), st.text(), st.text(), st.none() | st.text(), st.none() | st.text()))
def test_an_id_is_video_and_32_hex_digits(source: SourceObject) -> None:
    assert re.fullmatch(r"video_[0-9a-f]{32}", make_job_id(source))
