"""An unfinished job is due at some time; a job that has ended never is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sora_ready.domain.job import DUE_AFTER, FINAL, Status
from sora_ready.domain.polling import MAX_POLL_SECONDS


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_an_unfinished_job_is_due_within_an_hour(status: Status) -> None:
    assert timedelta(minutes=1) <= DUE_AFTER[status] <= timedelta(hours=1)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_job_that_has_ended_is_never_due(status: Status) -> None:
    assert status not in DUE_AFTER


def test_a_job_at_the_server_is_due_only_after_its_own_message_is_overdue() -> None:
    longest = timedelta(seconds=MAX_POLL_SECONDS)

    assert all(DUE_AFTER[status] > 2 * longest for status in (Status.QUEUED, Status.IN_PROGRESS))


def test_an_upload_is_due_only_after_all_receives_of_its_message() -> None:
    # Three receives, six minutes apart.
    assert DUE_AFTER[Status.RECEIVED] > 3 * timedelta(seconds=360)
