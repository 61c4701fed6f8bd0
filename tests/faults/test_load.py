"""A thousand uploads, with a bad network and a bad server: none paid for twice, none lost, no day overspent."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx2

from local.fake_video_server import Fault, faults
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.simulated_stack import SimulatedStack

UPLOADS = 1000
# Of a thousand, some hundreds must wait for the next day, and for the day after.
BUDGET = Decimal("150.00")
CORRUPT = b"\xff\xd8\xff\xe0 no picture at all"


class BadServer:
    """A server that fails at random, by its own dice: before it began a video, or after."""

    def __init__(self, stack: SimulatedStack, dice: random.Random) -> None:
        self.did: Counter[str] = Counter()
        self._world = stack
        self._dice = dice
        stack.paid.faults.on("before_accepting", self._before)
        stack.paid.faults.on("after_accepting", self._after)

    def _before(self, _: Mapping[str, Any]) -> Fault | None:
        drawn = self._dice.random()
        if drawn < 0.10:
            return self._do("429s", faults.status(429, headers={"retry-after": "30"}))
        return self._do("5xx before", faults.status(503)) if drawn < 0.125 else None

    def _after(self, _: Mapping[str, Any]) -> Fault | None:
        drawn = self._dice.random()
        if drawn < 0.025:
            return self._do("5xx after", faults.accept_then(faults.status(502)))
        if drawn < 0.045:
            self._world.line.breaks.append(httpx2.ReadTimeout("too slow"))
            return self._do("timeouts after", None)
        return None

    def _do(self, what: str, fault: Fault | None) -> Fault | None:
        self.did[what] += 1
        return fault


def test_a_thousand_uploads(new_stack: NewStack, record_property: Callable[..., None]) -> None:
    # Given a server that fails in every way, a day's budget for less than half of the uploads, and an evening,
    dice = random.Random(1000)
    stack = new_stack(budget=BUDGET)
    stack.clock.advance(hours=13)
    server = BadServer(stack, dice)
    twice = corrupt = 0
    # when a thousand pictures are dropped within an hour, some twice announced, some corrupt, some alike in all,
    for number in range(UPLOADS):
        bad = dice.random() < 0.05
        alike = dice.random() < 0.10
        source = stack.drop(f"{number}.jpg", CORRUPT if bad else picture(), "the sea" if alike else f"sea {number}")
        corrupt += bad
        if dice.random() < 0.20:
            twice += 1
            stack.send_upload(source)
        if number % 50 == 49:
            stack.run(hours=0.05)
    stack.run(hours=24 * 7)
    # then nothing is paid twice, nothing is lost, no day is overspent by a cent,
    assert stack.is_quiet()
    assert not find_violations(stack)
    jobs = [stack.job(source) for source in stack.sources]
    statuses = Counter(str(job.status) for job in jobs)
    assert sum(statuses.values()) == UPLOADS
    assert statuses["rejected"] == corrupt
    assert statuses["failed"] == 0
    assert statuses["unconfirmed"] <= sum(server.did[kind] for kind in ("5xx before", "5xx after", "timeouts after"))
    bought = Counter(entry.idempotency_key for entry in stack.accepted())
    assert max(bought.values()) == 1
    # and the days were used up one after the other.
    spent = {
        job.submission.budget_day: stack.ledger.read_spent(job.submission.budget_day) for job in jobs if job.submission
    }
    assert len(spent) >= 3
    assert max(spent.values()) == BUDGET
    told = {f"ended {status}": count for status, count in statuses.items()} | dict(server.did)
    told |= {"announced twice": twice, "bought": len(bought), "bought twice": 0, "days": len(spent)}
    record_property("counted", {"the load": {**told, "uploads": UPLOADS}})
