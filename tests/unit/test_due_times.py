"""Whatever goes on is looked at again at some time; what has ended never is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sora_ready.domain.job import DUE_AFTER, FINAL, Status
from sora_ready.domain.polling import LAST_POLL_SECONDS


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_a_job_that_goes_on_is_looked_at_again(status: Status) -> None:
    assert timedelta(minutes=1) <= DUE_AFTER[status] <= timedelta(hours=1)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_job_that_has_ended_is_not(status: Status) -> None:
    assert status not in DUE_AFTER


def test_a_job_at_the_server_is_woken_only_after_its_own_message_is_overdue() -> None:
    longest = timedelta(seconds=LAST_POLL_SECONDS)

    assert all(DUE_AFTER[status] > 2 * longest for status in (Status.QUEUED, Status.IN_PROGRESS))


def test_an_upload_is_announced_again_only_after_its_message_has_had_its_tries() -> None:
    # Three tries, six minutes apart.
    assert DUE_AFTER[Status.RECEIVED] > 3 * timedelta(seconds=360)
