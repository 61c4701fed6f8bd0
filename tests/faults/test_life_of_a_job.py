"""Anything may happen to a few jobs, in any order: after every step, and at the end, the invariants hold."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import httpx2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from local.fake_video_server import faults
from sora_ready.domain.errors import SoraReadyError
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewWorld, picture
from tests.faults.simulated_stack import SimulatedStack

CORRUPT = b"\xff\xd8\xff\xe0 no picture at all"
ANSWERS = {
    "refuses": faults.status(400),
    "asks to wait": faults.status(429, headers={"retry-after": "20"}),
    "fails": faults.status(500),
    "fails after it began": faults.accept_then(faults.status(502)),
    "hangs up": faults.drop_connection(),
    "hangs up after it began": faults.accept_then_drop_connection(),
    "does not know the video": faults.on_retrieve(faults.status(404)),
    "cannot tell of the video": faults.on_retrieve(faults.status(503)),
    "breaks off the download": faults.on_content(faults.status(500)),
}
MOST_JOBS = 3
any_number = st.integers(0, 40)


class Life(RuleBasedStateMachine):
    """What is drawn, is done to the world; the world's own ledger is the model that it is judged by."""

    new_world: NewWorld

    def __init__(self) -> None:
        super().__init__()
        self.world: SimulatedStack = type(self).new_world()

    @precondition(lambda self: len(self.world.sources) < MOST_JOBS)
    @rule(good=st.sampled_from([True, True, True, False]), prompt=st.sampled_from(["a calm sea", "a storm"]))
    def drop(self, good: bool, prompt: str) -> None:
        key = f"{len(self.world.sources)}.jpg"
        self.world.drop(key, picture() if good else CORRUPT, prompt)

    @precondition(lambda self: self.world.messages)
    @rule(number=any_number)
    def deliver(self, number: int) -> None:
        self.world.deliver(self._message(number))

    @precondition(lambda self: self.world.messages)
    @rule(number=any_number, boundary=st.integers(0, 9))
    def deliver_to_a_worker_that_dies(self, number: int, boundary: int) -> None:
        self.world.points.kill_in = boundary
        self.world.deliver(self._message(number))
        self.world.points.kill_in = None

    @precondition(lambda self: self.world.messages)
    @rule(number=any_number)
    def deliver_twice(self, number: int) -> None:
        message = self._message(number)
        self.world.messages.append(replace(message, number=next(self.world.numbers)))
        self.world.deliver(message)

    @precondition(lambda self: self.world.messages)
    @rule(number=any_number, minutes=st.integers(1, 60))
    def deliver_later(self, number: int, minutes: int) -> None:
        self._message(number).due = self.world.clock()
        self.world.clock.advance(minutes=minutes)

    @precondition(lambda self: any(message.queue != "normalize" for message in self.world.messages))
    @rule(number=any_number)
    def lose(self, number: int) -> None:
        messages = [message for message in self.world.messages if message.queue != "normalize"]
        self.world.messages.remove(messages[number % len(messages)])

    @rule(minutes=st.sampled_from([1, 4, 11, 35]))
    def advance(self, minutes: int) -> None:
        self.world.clock.advance(minutes=minutes)

    @rule()
    def go_on(self) -> None:
        self.world.run(hours=0.5)

    @rule(boundary=st.none() | st.integers(0, 6))
    def sweep(self, boundary: int | None) -> None:
        self.world.points.kill_in = boundary
        self.world.sweep()
        self.world.points.kill_in = None

    @rule(answer=st.sampled_from(list(ANSWERS)))
    def have_the_server_answer(self, answer: str) -> None:
        self.world.paid.faults.plan(ANSWERS[answer])

    @rule()
    def have_the_server_be_too_slow(self) -> None:
        self.world.line.breaks.append(httpx2.ReadTimeout("no answer within a minute"))

    @precondition(lambda self: self._doubted())
    @rule(number=any_number, decision=st.sampled_from(["send_again", "give_up", "adopt"]))
    def decide(self, number: int, decision: str) -> None:
        doubted = self._doubted()
        source = doubted[number % len(doubted)]
        # A person who adopts knows which picture a video shows.
        made = [entry for entry in self.world.accepted() if entry.idempotency_key == self.world.look(source).id]
        if decision != "adopt" or made:
            with suppress(SoraReadyError):
                self.world.decide(source, decision, str(made[-1].video_id) if decision == "adopt" else "")

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert not find_violations(self.world, drained=False)

    def teardown(self) -> None:
        self.world.paid.faults.clear()
        self.world.line.breaks.clear()
        self.world.run(hours=30)
        assert self.world.is_quiet()
        assert not find_violations(self.world)

    def _message(self, number: int):
        return self.world.messages[number % len(self.world.messages)]

    def _doubted(self):
        return [
            source
            for source in self.world.sources
            if (job := self.world.job_of(source)) and job.status == "unconfirmed"
        ]


def test_whatever_happens(new_world: NewWorld) -> None:
    machine = type("LifeHere", (Life,), {"new_world": staticmethod(new_world)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
