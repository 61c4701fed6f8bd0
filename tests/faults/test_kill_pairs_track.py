"""Two workers that die, the first of them in track: paid for once, and nothing vanishes."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.kill_cases import NewStack, judge, live, pairs_from


def test_two_kills_anywhere(new_stack: NewStack, record_property: Callable[..., None]) -> None:
    # Given every pair of boundaries: one that an undisturbed life passes, one that is passed after a kill there,
    cases = list(pairs_from(new_stack, "track"))
    # when a worker dies at each of the two,
    wrong = [said for case in cases for said in judge(live(new_stack, case), case)]
    # then every invariant holds.
    assert not wrong, "\n".join(wrong)
    record_property("counted", {"lives with two kills": {"the first in track": len(cases)}})
