"""A video is adopted when it was seen alone in two looks that follow each other; else a person is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import VideoListUnsupported, VideoServerUnavailableError
from sora_ready.domain.job import Job, Status, timestamp
from sora_ready.domain.reconciliation import RECONCILE_BACKOFF, ListedVideo
from sora_ready.pipeline import reconcile as step
from sora_ready.pipeline.reconcile import NEEDS_A_PERSON

from .run_steps import recorded, track
from .stack_fixtures import Stack

AWAY = VideoServerUnavailableError("http_503", "The video server answered 503.")
SILENT = VideoListUnsupported("no_list", "The server offers no list of its videos.")


class Lists(VideoServerClient):
    """A server that lists, look by look, the videos of these names, all alike; or raises what it is told to."""

    def __init__(self, job: Job, *looks: str | Exception) -> None:
        made = int(datetime.fromisoformat(job.submission.started_at).timestamp()) + 1
        asked = {name: str(job.request[name]) for name in ("model", "size", "seconds", "prompt")}
        self._looks = [
            look if isinstance(look, Exception) else [ListedVideo(name, created_at=made, **asked) for name in look]
            for look in looks
        ]

    def list_videos(self, since: datetime) -> list[ListedVideo]:
        look = self._looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return look


def look_until_settled(stack: Stack, job: Job, *looks: str | Exception) -> Job:
    """Look as often as there are `looks`, each when the record says so."""
    server = Lists(job, *looks)
    stack.clock.advance(minutes=5)
    for _ in looks:
        job = track(stack, server, job.id)
        if job.reconciliation:
            stack.clock.moment = datetime.fromisoformat(job.reconciliation.next_at)
    assert job == recorded(stack, job)
    return job


def test_a_video_seen_alone_twice_is_the_jobs(stack: Stack) -> None:
    job = look_until_settled(stack, stack.unconfirmed_job(), "a", "a")

    assert (job.status, job.server.id, job.error, job.reconciliation) == (Status.QUEUED, "a", {}, {})
    assert stack.ledger.find_owners({"a"}) == {"a": job.id}
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 10)]


@pytest.mark.parametrize("between", ["ab", "b", "", AWAY], ids=["two", "another", "none", "away"])
def test_two_looks_with_another_between_them_do_not_count(stack: Stack, between: str | Exception) -> None:
    assert look_until_settled(stack, stack.unconfirmed_job(), "a", between, "a").status is Status.UNCONFIRMED


@pytest.mark.parametrize("between", ["ab", "", AWAY, SILENT], ids=["two", "none", "away", "no list"])
def test_they_do_not_count_after_a_person_was_asked_either(stack: Stack, between: str | Exception) -> None:
    # given a candidate just before the last look, and a last look without it
    looks: list[str | Exception] = ["", "", "a", between]
    assert len(looks) == len(RECONCILE_BACKOFF) + 1

    # then the first look of the next days that shows it again is the first of two
    assert look_until_settled(stack, stack.unconfirmed_job(), *looks, "a").status is Status.UNCONFIRMED


def test_what_is_seen_on_two_days_in_a_row_is_still_adopted(stack: Stack) -> None:
    assert look_until_settled(stack, stack.unconfirmed_job(), "", "", "", "a", "a").status is Status.QUEUED


@pytest.mark.parametrize("looks", [[SILENT], ["", "", "", ""], ["ab"] * 4], ids=["no list", "none", "two"])
def test_where_the_list_does_not_tell_a_person_is_asked_and_reminded_each_day(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, looks: list[Any]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(step.logger, "error", lambda message, **_: told.append(message))

    job = look_until_settled(stack, stack.unconfirmed_job(), *looks, *looks[-1:])

    assert (job.status, told) == (Status.UNCONFIRMED, [NEEDS_A_PERSON] * 2)
    assert "send it again, give it up, or name the server's video" in job.error.hint
    assert job.reconciliation.candidates == (["a", "b"] if looks[0] == "ab" else [])
    assert job.due_at == job.reconciliation.next_at


def test_the_same_message_twice_is_one_look(stack: Stack) -> None:
    job = stack.unconfirmed_job()
    stack.clock.advance(minutes=5)
    server = Lists(job, "a")
    first = track(stack, server, job.id)

    assert track(stack, server, job.id) == first
    assert first.reconciliation.checks == 1


def test_a_try_that_may_still_be_under_way_is_not_looked_up(stack: Stack) -> None:
    job = stack.unconfirmed_job()

    looked = track(stack, Lists(job), job.id)

    assert looked.reconciliation.finding == "It is too early to tell."
    assert looked.due_at == timestamp(stack.clock() + RECONCILE_BACKOFF[0])


def test_two_jobs_in_doubt_that_asked_for_the_same_are_given_no_video(stack: Stack) -> None:
    one, other = stack.unconfirmed_job("one.jpg"), stack.unconfirmed_job("other.jpg")

    stack.clock.advance(minutes=5)
    looked = track(stack, Lists(one), one.id)

    assert looked.status is Status.UNCONFIRMED
    assert other.id in looked.reconciliation.finding
