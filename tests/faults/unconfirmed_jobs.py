"""Pictures whose try to send them got no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.fake_video_server import Fault, faults
from sora_ready.domain.job import Job, SourceObject
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import picture
from tests.faults.simulated_stack import SimulatedStack

TAKEN = faults.accept_then_drop_connection()
LOST = faults.drop_connection()
FINE = faults.none()


def drop_two(
    stack: SimulatedStack, first: Fault, second: Fault, *, prompts: tuple[str, str] = ("a calm sea",) * 2
) -> list[Job]:
    """Drop two pictures, the server answering each as said, and drain."""
    stack.paid.faults.plan(first, second)
    sources = [stack.drop(f"{number}.jpg", picture(), prompt) for number, prompt in enumerate(prompts)]
    stack.run()
    assert not find_violations(stack)
    return [stack.job(source) for source in sources]


def drop_one(stack: SimulatedStack, answer: Fault) -> SourceObject:
    stack.paid.faults.plan(answer)
    source = stack.drop("beach.jpg", picture(), "a calm sea")
    stack.run()
    return source


def change_each(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], tuple[int, Any]]:
    """Have the server list its videos with a change to each."""

    def rewrite(page: dict[str, Any]) -> tuple[int, Any]:
        for video in page["data"]:
            change(video)
        return 200, page

    return rewrite
