"""A stateful test: random events happen to a few jobs in random order, and the invariants hold after every one."""

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
FAULTS = {
    "refuses": faults.status(400),
    "is rate limited": faults.status(429, headers={"retry-after": "20"}),
    "fails before acceptance": faults.status(500),
    "fails after acceptance": faults.accept_then(faults.status(502)),
    "drops the connection before acceptance": faults.drop_connection(),
    "drops the connection after acceptance": faults.accept_then_drop_connection(),
    "does not find the video": faults.on_retrieve(faults.status(404)),
    "fails a poll": faults.on_retrieve(faults.status(503)),
    "fails a download": faults.on_content(faults.status(500)),
}
MAX_JOBS = 3
any_number = st.integers(0, 40)


class StackMachine(RuleBasedStateMachine):
    """Rules that do something to a stack. The stack's and the server's own records are checked after each."""

    new_stack: NewStack

    def __init__(self) -> None:
        super().__init__()
        self.stack: SimulatedStack = type(self).new_stack()

    @precondition(lambda self: len(self.stack.sources) < MAX_JOBS)
    @rule(good=st.sampled_from([True, True, True, False]), prompt=st.sampled_from(["a calm sea", "a storm"]))
    def upload(self, good: bool, prompt: str) -> None:
        key = f"{len(self.stack.sources)}.jpg"
        self.stack.upload(key, picture() if good else CORRUPT, prompt)

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number)
    def deliver(self, number: int) -> None:
        self.stack.deliver(self._message(number))

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number, boundaries=st.integers(0, 9))
    def deliver_and_kill_the_worker(self, number: int, boundaries: int) -> None:
        self.stack.kill_points.kill_after = boundaries
        self.stack.deliver(self._message(number))
        self.stack.kill_points.kill_after = None

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number)
    def deliver_a_duplicate(self, number: int) -> None:
        message = self._message(number)
        self.stack.messages.append(replace(message, number=next(self.stack.numbers)))
        self.stack.deliver(message)

    @precondition(lambda self: self.stack.messages)
    @rule(number=any_number, minutes=st.integers(1, 60))
    def deliver_later(self, number: int, minutes: int) -> None:
        self._message(number).due_at = self.stack.clock()
        self.stack.clock.advance(minutes=minutes)

    @precondition(lambda self: any(message.queue != "normalize" for message in self.stack.messages))
    @rule(number=any_number)
    def lose_a_message(self, number: int) -> None:
        messages = [message for message in self.stack.messages if message.queue != "normalize"]
        self.stack.messages.remove(messages[number % len(messages)])

    @rule(minutes=st.sampled_from([1, 4, 11, 35]))
    def advance_the_clock(self, minutes: int) -> None:
        self.stack.clock.advance(minutes=minutes)

    @rule()
    def run(self) -> None:
        self.stack.run(hours=0.5)

    @rule(boundaries=st.none() | st.integers(0, 6))
    def sweep(self, boundaries: int | None) -> None:
        self.stack.kill_points.kill_after = boundaries
        self.stack.sweep()
        self.stack.kill_points.kill_after = None

    @rule(fault=st.sampled_from(list(FAULTS)))
    def plan_a_fault(self, fault: str) -> None:
        self.stack.fake_server.faults.plan(FAULTS[fault])

    @rule()
    def plan_a_timeout(self) -> None:
        self.stack.transport.response_errors.append(httpx2.ReadTimeout("no response within a minute"))

    @precondition(lambda self: self._unconfirmed())
    @rule(number=any_number, decision=st.sampled_from(["send_again", "give_up", "adopt"]))
    def resolve(self, number: int, decision: str) -> None:
        unconfirmed = self._unconfirmed()
        source = unconfirmed[number % len(unconfirmed)]
        # An operator who adopts a video can see which picture it shows.
        bought = [entry for entry in self.stack.accepted() if entry.idempotency_key == self.stack.job(source).id]
        if decision != "adopt" or bought:
            with suppress(SoraReadyError):
                self.stack.resolve(source, decision, str(bought[-1].video_id) if decision == "adopt" else "")

    @invariant()
    def no_invariant_is_violated(self) -> None:
        assert not find_violations(self.stack, idle=False)

    def teardown(self) -> None:
        self.stack.fake_server.faults.clear()
        self.stack.transport.response_errors.clear()
        self.stack.run(hours=30)
        assert self.stack.is_idle()
        assert not find_violations(self.stack)

    def _message(self, number: int) -> Message:
        return self.stack.messages[number % len(self.stack.messages)]

    def _unconfirmed(self) -> list[SourceObject]:
        return [
            source
            for source in self.stack.sources
            if (job := self.stack.find_job(source)) and job.status == "unconfirmed"
        ]


def test_random_events_in_random_order_break_no_invariant(new_stack: NewStack) -> None:
    machine = type("BoundStackMachine", (StackMachine,), {"new_stack": staticmethod(new_stack)})
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
