"""Which video in a server's list a job in doubt may have started: none that could be another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sora_ready.domain.job import Job, SourceObject, Status, timestamp
from sora_ready.domain.reconciliation import (
    GRACE,
    SKEW,
    ListedVideo,
    MatchResult,
    can_be_settled,
    fingerprint,
    match_videos,
    overlap,
    submission_window,
)

BEGUN = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)
LEASE = timedelta(minutes=3)
REQUEST = {"model": "sora-2", "size": "1280x720", "seconds": 4, "prompt": "a calm sea"}


def job(begun: datetime = BEGUN, **request: Any) -> Job:
    attempt = {"id": "a", "started_at": timestamp(begun), "lease_until": timestamp(begun + LEASE)}
    made = timestamp(begun)
    source = SourceObject("uploads", "beach.jpg", "etag")
    return Job("video_1", Status.UNCONFIRMED, source, made, made, request=REQUEST | request, attempt=attempt)


def listed(video_id: str = "v1", **other: Any) -> ListedVideo:
    """A video as the server lists it that the job may have started."""
    told: dict[str, Any] = {**REQUEST, "seconds": "4", "created_at": int(BEGUN.timestamp()) + 1}
    return ListedVideo(video_id, **(told | other))


def test_the_one_video_that_says_all_that_was_asked_for_is_meant() -> None:
    match = match_videos(job(), [listed("v1"), listed("v2", prompt="a storm")], claimed=())

    assert match == MatchResult(("v1",))
    assert match.unique == "v1"


@pytest.mark.parametrize(
    "other", [{"model": "sora-2-pro"}, {"size": "720x1280"}, {"seconds": "8"}, {"prompt": "a calm sea "}]
)
def test_a_video_of_another_request_is_not_meant(other: dict[str, Any]) -> None:
    assert match_videos(job(), [listed(**other)], claimed=()) == MatchResult(())


def test_two_videos_alike_are_no_answer() -> None:
    match = match_videos(job(), [listed("v1"), listed("v2")], claimed=())

    assert match.exact == ("v1", "v2")
    assert match.unique is None


def test_a_video_of_another_job_is_not_meant_and_leaves_the_other_alone() -> None:
    assert match_videos(job(), [listed("v1"), listed("v2")], claimed={"v1"}).unique == "v2"
    assert match_videos(job(), [listed("v1")], claimed={"v1"}) == MatchResult(())


@pytest.mark.parametrize("silent", ["prompt", "created_at"])
def test_a_video_of_which_too_little_is_told_may_be_meant_and_is_no_answer(silent: str) -> None:
    match = match_videos(job(), [listed(**{silent: None})], claimed=())

    assert match == MatchResult((), ("v1",))
    assert match.unique is None


@pytest.mark.parametrize("silent", ["prompt", "created_at"])
def test_a_video_that_may_be_meant_spoils_one_that_matches(silent: str) -> None:
    assert match_videos(job(), [listed("v1"), listed("v2", **{silent: None})], claimed=()).unique is None


@pytest.mark.parametrize("silent", ["model", "size", "seconds"])
def test_a_server_that_leaves_out_size_length_or_model_still_tells_enough(silent: str) -> None:
    assert match_videos(job(), [listed(**{silent: None})], claimed=()).unique == "v1"


def test_a_video_told_to_be_of_another_request_is_not_meant_whatever_else_is_left_out() -> None:
    assert match_videos(job(), [listed(created_at=None, prompt="a storm")], claimed=()) == MatchResult(())


@pytest.mark.parametrize(
    ("seconds", "meant"), [(-61, False), (-60, True), (0, True), (180, True), (240, True), (241, False)]
)
def test_a_video_begun_outside_the_try_and_the_clocks_skew_is_not_meant(seconds: int, *, meant: bool) -> None:
    video = listed(created_at=int(BEGUN.timestamp()) + seconds)

    assert (match_videos(job(), [video], claimed=()).unique == "v1") is meant


def test_the_window_is_the_lease_and_the_skew_on_both_sides() -> None:
    assert submission_window(job()) == (BEGUN - SKEW, BEGUN + LEASE + SKEW)


def test_a_try_may_be_settled_only_once_it_is_over_and_its_traces_can_be_seen() -> None:
    over = BEGUN + LEASE + SKEW + GRACE

    assert not can_be_settled(job(), over - timedelta(milliseconds=1))
    assert can_be_settled(job(), over)


@pytest.mark.parametrize(("minutes", "both"), [(0, True), (5, True), (-5, True), (5.001, False), (-5.001, False)])
def test_two_tries_overlap_where_one_video_could_be_of_either(minutes: float, *, both: bool) -> None:
    other = job(BEGUN + timedelta(minutes=minutes))

    assert overlap(job(), other) is both
    assert overlap(other, job()) is both


def test_jobs_that_asked_for_the_same_have_one_fingerprint() -> None:
    assert fingerprint(REQUEST) == fingerprint(REQUEST | {"seconds": "4", "mode": "pad", "price_usd": "0.40"})


@pytest.mark.parametrize("other", [{"model": "m"}, {"size": "1x1"}, {"seconds": 8}, {"prompt": "a storm"}])
def test_jobs_that_asked_for_something_else_have_another(other: dict[str, Any]) -> None:
    assert fingerprint(REQUEST) != fingerprint(REQUEST | other)


def test_what_was_asked_for_cannot_be_shifted_from_one_field_into_the_next() -> None:
    shifted = {"model": 'm", "1x1', "size": "", "seconds": 4, "prompt": "p"}

    assert fingerprint(shifted) != fingerprint({"model": "m", "size": "1x1", "seconds": 4, "prompt": "p"})


def test_a_fingerprint_does_not_tell_the_prompt() -> None:
    assert "calm" not in fingerprint(REQUEST)
    assert len(fingerprint(REQUEST)) == 16


def test_only_the_last_try_is_looked_for() -> None:
    # given a job that was sent again a day later
    again = replace(job(), attempt=job(BEGUN + timedelta(days=1)).submission)

    # then what the first try may have started is not taken for the second's
    assert match_videos(again, [listed()], claimed=()) == MatchResult(())
