"""One run of one picture through the stack: where its workers are killed or paused, and how messages are delivered.

A case is repeated by its name: `python -m pytest tests/faults/test_kill_points.py -k named` runs the one that the
environment's FAULT_CASE names, such as `submit:submit_video#1 + sweep:start#2 @ late`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.faults.invariants import find_violations
from tests.faults.simulated_stack import Delivery, SimulatedStack
from tests.integration.stack_fixtures import jpeg

NewStack = Callable[..., SimulatedStack]
DELIVERIES = {
    "once": Delivery(),
    "twice": Delivery(copies=2),
    "mixed": Delivery(copies=2, max_delay_seconds=90, shuffled=True),
    "late": Delivery(max_delay_seconds=1200),
}


@dataclass(frozen=True)
class KillCase:
    """`kill_points` are triggered in this order, each if the run passes it."""

    kill_points: tuple[str, ...]
    delivery: str = "once"

    def __str__(self) -> str:
        return " + ".join(self.kill_points) + f" @ {self.delivery}"

    @classmethod
    def from_name(cls, name: str) -> KillCase:
        """Read back what `str` returned."""
        kill_points, _, delivery = name.partition(" @ ")
        return cls(tuple(kill_points.split(" + ")), delivery)


@cache
def picture() -> bytes:
    return jpeg(64, 48)


def run_case(new_stack: NewStack, case: KillCase, **options: Any) -> SimulatedStack:
    """Upload one picture to a new stack, and run the stack until it is idle."""
    stack = new_stack(case.kill_points, DELIVERIES[case.delivery], **options)
    stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    return stack


def case_violations(stack: SimulatedStack, case: KillCase) -> list[str]:
    """Return the invariants that do not hold after a case, each with the case's name."""
    violations = find_violations(stack)
    if not stack.is_idle():
        violations.append("it never became idle")
    if stack.kill_points.planned:
        violations.append(f"{stack.kill_points.planned} was not passed")
    return [f"{case}: {violation}" for violation in violations]


def list_boundaries(new_stack: NewStack, case: KillCase) -> list[str]:
    """Return the boundaries that the case's run passes after its last kill."""
    kill_points = run_case(new_stack, case).kill_points
    if not kill_points.triggered:
        return kill_points.passed
    return kill_points.passed[kill_points.passed.index(kill_points.triggered[-1]) + 1 :]


def kill_pairs(new_stack: NewStack, step: str) -> Iterator[KillCase]:
    """Yield every pair of kill points whose first is in `step`, each under one delivery. The deliveries take turns.

    The first is a boundary of a run without kills. The second is one that the run passes after the first kill.
    """
    count = 0
    deliveries_of_first: dict[str, list[str]] = {}
    for delivery in DELIVERIES:
        for boundary in list_boundaries(new_stack, KillCase((), delivery)):
            deliveries_of_first.setdefault(boundary, []).append(delivery)
    for first, deliveries in deliveries_of_first.items():
        if not first.startswith(f"{step}:"):
            continue
        deliveries_of_second: dict[str, list[str]] = {}
        for delivery in deliveries:
            for boundary in list_boundaries(new_stack, KillCase((first,), delivery)):
                deliveries_of_second.setdefault(boundary, []).append(delivery)
        for second, possible in deliveries_of_second.items():
            count += 1
            yield KillCase((first, second), possible[count % len(possible)])


def check_kill_pairs(new_stack: NewStack, step: str) -> int:
    """Run every pair of kill points whose first is in `step`; return their count. Fails if an invariant is violated."""
    cases = list(kill_pairs(new_stack, step))
    violations = [violation for case in cases for violation in case_violations(run_case(new_stack, case), case)]
    assert not violations, "\n".join(violations)
    return len(cases)
