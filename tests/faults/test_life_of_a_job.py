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
from sora_ready.domain.job import SourceObject
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.simulated_stack import Message, SimulatedStack

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
    """What is drawn, is done to the stack; the stack's own ledger is the model that it is judged by."""

    new_stack: NewStack

    def __init__(self) -> None:
        super().__init__()
        self.stack: SimulatedStack = type(self).new_stack()

    @precondition(lambda self: len(self.stack.sources) < MOST_JOBS)
    @rule(good=st.sampled_from([True, True, True, False]), prompt=st.sampled_from(["a calm sea", "a storm"]))
    def drop(self, good: bool, prompt: str) -> None:
        key = f"{len(self.stack.sources)}.jpg"
        self.stack.drop(key, picture() if good else CORRUPT, prompt)

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number)
    def deliver(self, number: int) -> None:
        self.stack.deliver(self._message(number))

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number, boundary=st.integers(0, 9))
    def deliver_to_a_worker_that_dies(self, number: int, boundary: int) -> None:
        self.stack.points.kill_in = boundary
        self.stack.deliver(self._message(number))
        self.stack.points.kill_in = None

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number)
    def deliver_twice(self, number: int) -> None:
        message = self._message(number)
        self.stack.messages.append(replace(message, number=next(self.stack.numbers)))
        self.stack.deliver(message)

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number, minutes=st.integers(1, 60))
    def deliver_later(self, number: int, minutes: int) -> None:
        self._message(number).due = self.stack.clock()
        self.stack.clock.advance(minutes=minutes)

    @precondition(lambda self: any(message.queue != "normalize" for message in self.stack.messages))
    @rule(number=any_number)
    def lose(self, number: int) -> None:
        messages = [message for message in self.stack.messages if message.queue != "normalize"]
        self.stack.messages.remove(messages[number % len(messages)])

    @rule(minutes=st.sampled_from([1, 4, 11, 35]))
    def advance(self, minutes: int) -> None:
        self.stack.clock.advance(minutes=minutes)

    @rule()
    def go_on(self) -> None:
        self.stack.run(hours=0.5)

    @rule(boundary=st.none() | st.integers(0, 6))
    def sweep(self, boundary: int | None) -> None:
        self.stack.points.kill_in = boundary
        self.stack.sweep()
        self.stack.points.kill_in = None

    @rule(answer=st.sampled_from(list(ANSWERS)))
    def have_the_server_answer(self, answer: str) -> None:
        self.stack.paid.faults.plan(ANSWERS[answer])

    @rule()
    def have_the_server_be_too_slow(self) -> None:
        self.stack.line.breaks.append(httpx2.ReadTimeout("no answer within a minute"))

    @precondition(lambda self: self._unconfirmed())
    @rule(number=any_number, decision=st.sampled_from(["send_again", "give_up", "adopt"]))
    def decide(self, number: int, decision: str) -> None:
        unconfirmed = self._unconfirmed()
        source = unconfirmed[number % len(unconfirmed)]
        # A person who adopts knows which picture a video shows.
        made = [entry for entry in self.stack.accepted() if entry.idempotency_key == self.stack.job(source).id]
        if decision != "adopt" or made:
            with suppress(SoraReadyError):
                self.stack.decide(source, decision, str(made[-1].video_id) if decision == "adopt" else "")

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert not find_violations(self.stack, drained=False)

    def teardown(self) -> None:
        self.stack.paid.faults.clear()
        self.stack.line.breaks.clear()
        self.stack.run(hours=30)
        assert self.stack.is_quiet()
        assert not find_violations(self.stack)

    def _message(self, number: int) -> Message:
        return self.stack.messages[number % len(self.stack.messages)]

    def _unconfirmed(self) -> list[SourceObject]:
        return [
            source
            for source in self.stack.sources
            if (job := self.stack.job_of(source)) and job.status == "unconfirmed"
        ]


def test_whatever_happens(new_stack: NewStack) -> None:
    machine = type("LifeHere", (Life,), {"new_stack": staticmethod(new_stack)})
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
