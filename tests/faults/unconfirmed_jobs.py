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
    world: SimulatedStack, first: Fault, second: Fault, *, prompts: tuple[str, str] = ("a calm sea",) * 2
) -> list[Job]:
    """Drop two pictures, the server answering each as said, and drain."""
    world.paid.faults.plan(first, second)
    sources = [world.drop(f"{number}.jpg", picture(), prompt) for number, prompt in enumerate(prompts)]
    world.run()
    assert not find_violations(world)
    return [world.look(source) for source in sources]


def drop_one(world: SimulatedStack, answer: Fault) -> SourceObject:
    world.paid.faults.plan(answer)
    source = world.drop("beach.jpg", picture(), "a calm sea")
    world.run()
    return source


def change_each(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], tuple[int, Any]]:
    """Have the server list its videos with a change to each."""

    def rewrite(page: dict[str, Any]) -> tuple[int, Any]:
        for video in page["data"]:
            change(video)
        return 200, page

    return rewrite
