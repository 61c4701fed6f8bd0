"""A thousand uploads on a bad network to a bad server: none is bought twice, none is lost, no day is overspent."""

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
# Low enough that hundreds of jobs are held until the next day, and some until the day after.
BUDGET = Decimal("150.00")
CORRUPT = b"\xff\xd8\xff\xe0 no picture at all"


class RandomFaults:
    """Faults of the server at random, before or after it accepts a video. `counts` has how many of each kind."""

    def __init__(self, stack: SimulatedStack, generator: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._stack = stack
        self._random = generator
        stack.fake_server.faults.on("before_accepting", self._before_accepting)
        stack.fake_server.faults.on("after_accepting", self._after_accepting)

    def _before_accepting(self, _: Mapping[str, Any]) -> Fault | None:
        drawn = self._random.random()
        if drawn < 0.10:
            return self._count("429s", faults.status(429, headers={"retry-after": "30"}))
        return self._count("5xx before acceptance", faults.status(503)) if drawn < 0.125 else None

    def _after_accepting(self, _: Mapping[str, Any]) -> Fault | None:
        drawn = self._random.random()
        if drawn < 0.025:
            return self._count("5xx after acceptance", faults.accept_then(faults.status(502)))
        if drawn < 0.045:
            self._stack.transport.response_errors.append(httpx2.ReadTimeout("too slow"))
            return self._count("timeouts after acceptance", None)
        return None

    def _count(self, kind: str, fault: Fault | None) -> Fault | None:
        self.counts[kind] += 1
        return fault


def test_a_thousand_uploads_are_each_bought_once_within_the_budget(
    new_stack: NewStack, record_property: Callable[..., None]
) -> None:
    # Given a server that fails in every way, and a day's budget for less than half of the uploads
    generator = random.Random(1000)
    stack = new_stack(budget=BUDGET)
    stack.clock.advance(hours=13)
    server = RandomFaults(stack, generator)
    duplicates = corrupt = 0
    # When a thousand pictures are uploaded within an hour: some events come twice, some pictures are corrupt, and some
    # requests are equal
    for number in range(UPLOADS):
        is_corrupt = generator.random() < 0.05
        is_equal = generator.random() < 0.10
        data, prompt = CORRUPT if is_corrupt else picture(), "the sea" if is_equal else f"sea {number}"
        source = stack.upload(f"{number}.jpg", data, prompt)
        corrupt += is_corrupt
        if generator.random() < 0.20:
            duplicates += 1
            stack.send_upload(source)
        if number % 50 == 49:
            stack.run(hours=0.05)
    stack.run(hours=24 * 7)
    # Then nothing is bought twice, nothing is lost, and no day is overspent by a cent
    assert stack.is_idle()
    assert not find_violations(stack)
    jobs = [stack.job(source) for source in stack.sources]
    statuses = Counter(str(job.status) for job in jobs)
    assert sum(statuses.values()) == UPLOADS
    assert statuses["rejected"] == corrupt
    assert statuses["failed"] == 0
    assert statuses["unconfirmed"] <= sum(count for kind, count in server.counts.items() if kind != "429s")
    bought = Counter(entry.idempotency_key for entry in stack.accepted())
    assert max(bought.values()) == 1
    # And the days' budgets are spent one after the other
    days = {job.submission.budget_day for job in jobs if job.submission}
    spent = {day: stack.ledger.read_spent(day) for day in days}
    assert len(spent) >= 3
    assert max(spent.values()) == BUDGET
    counted = {f"ended {status}": count for status, count in statuses.items()} | dict(server.counts)
    counted |= {"duplicate events": duplicates, "bought": len(bought), "bought twice": 0, "days": len(spent)}
    record_property("counted", {"the load": {**counted, "uploads": UPLOADS}})
