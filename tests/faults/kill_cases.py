"""The life of one picture under one treatment: where its workers are killed or stopped, and how messages travel.

Each case has a name that makes it again: `python -m pytest tests/faults/test_kill_points.py -k named` runs the one that
the environment's FAULT_CASE names, such as `submit:submit_video#1 + sweep:start#2 @ late`.
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
    "mixed": Delivery(copies=2, late=90, mixed=True),
    "late": Delivery(late=1200),
}


@dataclass(frozen=True)
class Case:
    """`points` are struck in this order, if the run comes by."""

    points: tuple[str, ...]
    delivery: str = "once"

    def __str__(self) -> str:
        return " + ".join(self.points) + f" @ {self.delivery}"

    @classmethod
    def read(cls, name: str) -> Case:
        """Read back what `str` gave."""
        points, _, delivery = name.partition(" @ ")
        return cls(tuple(points.split(" + ")), delivery)


@cache
def picture() -> bytes:
    return jpeg(64, 48)


def live(new_stack: NewStack, case: Case, **options: Any) -> SimulatedStack:
    """Drop one picture, and drain."""
    stack = new_stack(case.points, DELIVERIES[case.delivery], **options)
    stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    return stack


def judge(stack: SimulatedStack, case: Case) -> list[str]:
    """Return what is wrong after a case, each with the case's name."""
    said = find_violations(stack)
    if not stack.is_quiet():
        said.append("it never became quiet")
    if stack.points.planned:
        said.append(f"{stack.points.planned} was not reached")
    return [f"{case}: {what}" for what in said]


def boundaries(new_stack: NewStack, case: Case) -> list[str]:
    """Return the boundaries that the case's run passes after its last strike."""
    points = live(new_stack, case).points
    return points.passed[points.passed.index(points.struck[-1]) + 1 :] if points.struck else points.passed


def pairs_from(new_stack: NewStack, step: str) -> Iterator[Case]:
    """Every pair of kill points whose first is in `step`, each under one delivery; all are used in turn."""
    turn = 0
    firsts: dict[str, list[str]] = {}
    for delivery in DELIVERIES:
        for point in boundaries(new_stack, Case((), delivery)):
            firsts.setdefault(point, []).append(delivery)
    for first, deliveries in firsts.items():
        if not first.startswith(f"{step}:"):
            continue
        seconds: dict[str, list[str]] = {}
        for delivery in deliveries:
            for point in boundaries(new_stack, Case((first,), delivery)):
                seconds.setdefault(point, []).append(delivery)
        for second, possible in seconds.items():
            turn += 1
            yield Case((first, second), possible[turn % len(possible)])
