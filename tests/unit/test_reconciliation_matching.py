"""Which video in the server's list an unconfirmed job may have started: never one that could be another job's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.domain.job import Job, SourceObject, Status, Submission, timestamp
from sora_ready.domain.reconciliation import (
    CLOCK_SKEW,
    LIST_DELAY,
    ListedVideo,
    MatchResult,
    can_be_settled,
    fingerprint,
    match_videos,
    submission_window,
    windows_overlap,
)

from .job_parts import REQUEST, make_request

STARTED = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)
LEASE = timedelta(minutes=3)


def attempt(started: datetime = STARTED) -> Submission:
    return Submission("a", timestamp(started), timestamp(started + LEASE), Decimal("0.40"), "2026-11-12")


def job(started: datetime = STARTED) -> Job:
    now = timestamp(started)
    source = SourceObject("uploads", "beach.jpg", "etag")
    return Job("video_1", Status.UNCONFIRMED, source, now, now, request=REQUEST, submission=attempt(started))


def listed(video_id: str = "v1", **fields: Any) -> ListedVideo:
    """A video, as the server lists it, that the job may have started."""
    created_at = int(STARTED.timestamp()) + 1
    video = ListedVideo(video_id, REQUEST.model, REQUEST.size, str(REQUEST.seconds), REQUEST.prompt, created_at)
    return replace(video, **fields)


def test_the_one_video_with_all_fields_of_the_request_matches() -> None:
    match = match_videos(job(), [listed("v1"), listed("v2", prompt="a storm")], claimed=())

    assert match == MatchResult(("v1",))
    assert match.unique == "v1"


@pytest.mark.parametrize(
    "other", [{"model": "sora-2-pro"}, {"size": "720x1280"}, {"seconds": "8"}, {"prompt": "a calm sea "}]
)
def test_a_video_of_another_request_does_not_match(other: dict[str, Any]) -> None:
    assert match_videos(job(), [listed(**other)], claimed=()) == MatchResult(())


def test_two_equal_videos_have_no_unique_match() -> None:
    match = match_videos(job(), [listed("v1"), listed("v2")], claimed=())

    assert match.exact == ("v1", "v2")
    assert match.unique is None


def test_a_video_claimed_by_another_job_does_not_match() -> None:
    assert match_videos(job(), [listed("v1"), listed("v2")], claimed={"v1"}).unique == "v2"
    assert match_videos(job(), [listed("v1")], claimed={"v1"}) == MatchResult(())


@pytest.mark.parametrize("missing", ["prompt", "created_at"])
def test_a_video_without_prompt_or_time_is_ambiguous(missing: str) -> None:
    match = match_videos(job(), [listed(**{missing: None})], claimed=())

    assert match == MatchResult((), ("v1",))
    assert match.unique is None


@pytest.mark.parametrize("missing", ["prompt", "created_at"])
def test_an_ambiguous_video_prevents_a_unique_match(missing: str) -> None:
    assert match_videos(job(), [listed("v1"), listed("v2", **{missing: None})], claimed=()).unique is None


@pytest.mark.parametrize("missing", ["model", "size", "seconds"])
def test_a_video_without_size_seconds_or_model_still_matches(missing: str) -> None:
    assert match_videos(job(), [listed(**{missing: None})], claimed=()).unique == "v1"


def test_a_video_with_another_prompt_does_not_match_even_without_a_time() -> None:
    assert match_videos(job(), [listed(created_at=None, prompt="a storm")], claimed=()) == MatchResult(())


@pytest.mark.parametrize(
    ("seconds", "matches"), [(-61, False), (-60, True), (0, True), (180, True), (240, True), (241, False)]
)
def test_a_video_matches_only_within_the_lease_and_the_clock_skew(seconds: int, *, matches: bool) -> None:
    video = listed(created_at=int(STARTED.timestamp()) + seconds)

    assert (match_videos(job(), [video], claimed=()).unique == "v1") is matches


def test_the_window_is_the_lease_with_the_clock_skew_on_both_sides() -> None:
    assert submission_window(attempt()) == (STARTED - CLOCK_SKEW, STARTED + LEASE + CLOCK_SKEW)


def test_an_attempt_can_be_settled_only_once_the_list_must_show_its_video() -> None:
    over = STARTED + LEASE + CLOCK_SKEW + LIST_DELAY

    assert not can_be_settled(attempt(), over - timedelta(milliseconds=1))
    assert can_be_settled(attempt(), over)


@pytest.mark.parametrize(
    ("minutes", "overlapping"), [(0, True), (5, True), (-5, True), (5.001, False), (-5.001, False)]
)
def test_two_attempts_overlap_if_one_video_could_be_of_either(minutes: float, *, overlapping: bool) -> None:
    other = attempt(STARTED + timedelta(minutes=minutes))

    assert windows_overlap(attempt(), other) is overlapping
    assert windows_overlap(other, attempt()) is overlapping


def test_equal_requests_have_one_fingerprint() -> None:
    assert fingerprint(REQUEST) == fingerprint(make_request(mode="pad", price_usd=Decimal("0.80")))


@pytest.mark.parametrize("other", [{"model": "m"}, {"size": "1x1"}, {"seconds": 8}, {"prompt": "a storm"}])
def test_another_request_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert fingerprint(REQUEST) != fingerprint(make_request(**other))


def test_text_shifted_from_one_field_into_the_next_has_another_fingerprint() -> None:
    shifted = make_request(model='m", "1x1', size="")

    assert fingerprint(shifted) != fingerprint(make_request(model="m", size="1x1"))


def test_a_fingerprint_does_not_reveal_the_prompt() -> None:
    assert "calm" not in fingerprint(REQUEST)
    assert len(fingerprint(REQUEST)) == 16


def test_only_the_last_attempt_is_matched() -> None:
    sent_again_a_day_later = replace(job(), submission=attempt(STARTED + timedelta(days=1)))

    assert match_videos(sent_again_a_day_later, [listed()], claimed=()) == MatchResult(())
