"""The legal transitions of a job: the table, and what follows from it."""

from __future__ import annotations

import pytest

from sora_ready.domain.job import AT_SERVER, CANCELABLE, FINAL, INITIAL, TRANSITIONS, Status, statuses_before

EXPECTED = {
    "received": {"ready", "rejected", "canceled"},
    "ready": {"submitting", "held", "canceled"},
    "held": {"ready", "canceled"},
    "submitting": {"queued", "ready", "failed", "unconfirmed"},
    "unconfirmed": {"queued", "failed", "ready"},
    "queued": {"in_progress", "completed", "failed"},
    "in_progress": {"in_progress", "completed", "failed"},
    "completed": {"deleted"},
    "failed": {"deleted"},
    "rejected": {"deleted"},
    "canceled": {"deleted"},
    "deleted": set(),
}


def test_the_table_is_that_of_the_design() -> None:
    assert {str(status): {str(after) for after in following} for status, following in TRANSITIONS.items()} == EXPECTED


def test_every_status_has_a_row() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_a_final_status_is_left_only_by_deletion() -> None:
    assert {str(status) for status in FINAL} == {"completed", "failed", "rejected", "canceled", "deleted"}
    assert all(TRANSITIONS[status] <= {Status.DELETED} for status in FINAL)


def test_a_job_that_was_not_sent_can_be_canceled() -> None:
    assert {str(status) for status in CANCELABLE} == {"received", "ready", "held"}


@pytest.mark.parametrize("status", list(Status))
def test_statuses_before_is_the_inverse_of_the_table(status: Status) -> None:
    assert {str(before) for before in statuses_before(status)} == {
        before for before, following in EXPECTED.items() if status in following
    }


def test_only_a_ready_job_may_be_sent() -> None:
    assert statuses_before(Status.SUBMITTING) == {Status.READY}


def test_a_job_that_reached_the_server_is_never_sent_again() -> None:
    reached, new = set(AT_SERVER), set(AT_SERVER)
    while new:
        new = {after for status in new for after in TRANSITIONS[status]} - reached
        reached |= new

    assert Status.SUBMITTING not in reached
    assert Status.READY not in reached


def test_every_status_can_be_reached_from_an_upload() -> None:
    reached, new = set(INITIAL), set(INITIAL)
    while new:
        new = {after for status in new for after in TRANSITIONS[status]} - reached
        reached |= new

    assert reached == set(Status)


def test_every_status_leads_to_a_final_one() -> None:
    ending = set(FINAL)
    while grown := {status for status in Status if TRANSITIONS[status] & ending} - ending:
        ending |= grown

    assert ending == set(Status)
