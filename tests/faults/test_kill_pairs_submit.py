"""Two workers are killed, the first of them in submit: nothing is bought twice, and no upload is lost."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.kill_cases import NewStack, check_kill_pairs


def test_two_killed_workers_break_no_invariant(new_stack: NewStack, record_property: Callable[..., None]) -> None:
    count = check_kill_pairs(new_stack, "submit")

    record_property("counted", {"runs with two kills": {"with the first in submit": count}})
