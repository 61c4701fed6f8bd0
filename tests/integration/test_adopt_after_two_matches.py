"""A video is adopted if it is the only match in two checks in a row; otherwise an operator is alerted."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.errors import VideoListUnsupported, VideoServerUnavailableError
from sora_ready.domain.job import Job, Reconciliation, Status, timestamp
from sora_ready.domain.reconciliation import RECONCILE_BACKOFF, ListedVideo

from .run_steps import recorded, track
from .stack_fixtures import Stack

Listing = str | Exception
"""The videos in the server's list, one letter each; or the error that it raises."""

UNAVAILABLE = VideoServerUnavailableError("http_503", "The video server answered 503.")
UNSUPPORTED = VideoListUnsupported("no_list", "The server offers no list of its videos.")


class ListingServer(VideoServerClient):
    """A server that returns the next of `listings` for each check. All its videos match the job."""

    def __init__(self, job: Job, *listings: Listing) -> None:
        self._job = job
        self._listings = list(listings)

    def list_videos(self, since: datetime) -> list[ListedVideo]:
        listing = self._listings.pop(0)
        if isinstance(listing, Exception):
            raise listing
        created_at = int(datetime.fromisoformat(self._job.submission.started_at).timestamp()) + 1
        request = self._job.request
        return [
            ListedVideo(name, request.model, request.size, str(request.seconds), request.prompt, created_at)
            for name in listing
        ]


def reconcile(stack: Stack, job: Job, *listings: Listing) -> Job:
    """Check the list once for each of `listings`, each time when the next check is due."""
    server = ListingServer(job, *listings)
    stack.clock.advance(minutes=5)
    for _ in listings:
        job = track(stack, server, job.id)
        if job.status is Status.UNCONFIRMED:
            stack.clock.moment = datetime.fromisoformat(job.reconciliation.next_at)
    assert job == recorded(stack, job)
    return job


def test_a_video_that_matches_alone_twice_is_adopted(stack: Stack) -> None:
    job = reconcile(stack, stack.unconfirmed_job(), "a", "a")

    assert (job.status, job.server.id, job.error, job.reconciliation) == (
        Status.QUEUED,
        "a",
        None,
        Reconciliation(),
    )
    assert stack.ledger.find_owners({"a"}) == {"a": job.id}
    assert stack.polls() == [({"job_id": job.id, "polls": 0}, 10)]


@pytest.mark.parametrize("between", ["ab", "b", "", UNAVAILABLE], ids=["two", "another", "none", "unavailable"])
def test_two_matches_with_another_result_between_them_are_not_enough(stack: Stack, between: Listing) -> None:
    assert reconcile(stack, stack.unconfirmed_job(), "a", between, "a").status is Status.UNCONFIRMED


@pytest.mark.parametrize("between", ["ab", "", UNAVAILABLE, UNSUPPORTED], ids=["two", "none", "unavailable", "no list"])
def test_they_are_not_enough_after_the_alert_either(stack: Stack, between: Listing) -> None:
    # given a candidate in the last check but one, and not in the last one
    listings: list[Listing] = ["", "", "a", between]
    assert len(listings) == len(RECONCILE_BACKOFF) + 1

    # then the first daily check that finds it again is the first of two
    assert reconcile(stack, stack.unconfirmed_job(), *listings, "a").status is Status.UNCONFIRMED


def test_a_video_that_matches_on_two_days_in_a_row_is_still_adopted(stack: Stack) -> None:
    assert reconcile(stack, stack.unconfirmed_job(), "", "", "", "a", "a").status is Status.QUEUED


@pytest.mark.parametrize("listings", [[UNSUPPORTED], ["", "", "", ""], ["ab"] * 4], ids=["no list", "none", "two"])
def test_without_a_unique_match_an_operator_is_alerted_and_reminded_each_day(
    stack: Stack, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], listings: list[Listing]
) -> None:
    job = reconcile(stack, stack.unconfirmed_job(), *listings, *listings[-1:])

    metrics = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if "UnconfirmedJobsNeedOperator" in line
    ]
    assert (job.status, len(metrics)) == (Status.UNCONFIRMED, 2)
    assert [(metric["UnconfirmedJobsNeedOperator"], metric["stack"]) for metric in metrics] == [
        ([1.0], "sora-ready")
    ] * 2
    assert [record.message for record in caplog.records] == ["unconfirmed job needs an operator"] * 2
    assert "send it again, give it up, or adopt one of the server's videos" in job.error.hint
    assert job.reconciliation.candidates == (("a", "b") if listings[0] == "ab" else ())
    assert job.due_at == job.reconciliation.next_at


def test_the_same_message_twice_is_one_check(stack: Stack) -> None:
    job = stack.unconfirmed_job()
    stack.clock.advance(minutes=5)
    server = ListingServer(job, "a")
    first = track(stack, server, job.id)

    assert track(stack, server, job.id) == first
    assert first.reconciliation.checks == 1


def test_a_submission_that_may_still_be_running_is_not_looked_up(stack: Stack) -> None:
    job = stack.unconfirmed_job()

    checked = track(stack, ListingServer(job), job.id)

    assert checked.reconciliation.finding == "It is too early to tell."
    assert checked.due_at == timestamp(stack.clock() + RECONCILE_BACKOFF[0])


def test_two_unconfirmed_jobs_with_the_same_request_adopt_no_video(stack: Stack) -> None:
    one, other = stack.unconfirmed_job("one.jpg"), stack.unconfirmed_job("other.jpg")

    stack.clock.advance(minutes=5)
    checked = track(stack, ListingServer(one), one.id)

    assert checked.status is Status.UNCONFIRMED
    assert other.id in checked.reconciliation.finding
