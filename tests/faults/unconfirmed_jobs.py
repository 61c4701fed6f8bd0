"""Uploads whose submission got no response, and the server's list in which their videos are looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.fake_video_server import Fault, faults
from sora_ready.domain.job import Job, SourceObject
from tests.faults.in_process_server import ListRewrite
from tests.faults.invariants import find_violations
from tests.faults.kill_cases import picture
from tests.faults.simulated_stack import SimulatedStack

ACCEPTED_THEN_DROPPED = faults.accept_then_drop_connection()
DROPPED = faults.drop_connection()
NO_FAULT = faults.none()


def upload_one(stack: SimulatedStack, fault: Fault) -> SourceObject:
    """Upload a picture whose submission meets `fault`, and run the stack until it is idle."""
    stack.fake_server.faults.plan(fault)
    source = stack.upload("beach.jpg", picture(), "a calm sea")
    stack.run()
    return source


def upload_two(
    stack: SimulatedStack, first: Fault, second: Fault, *, prompts: tuple[str, str] = ("a calm sea",) * 2
) -> list[Job]:
    """Upload two pictures, whose submissions meet a fault each, and run the stack until it is idle."""
    stack.fake_server.faults.plan(first, second)
    sources = [stack.upload(f"{number}.jpg", picture(), prompt) for number, prompt in enumerate(prompts)]
    stack.run()
    assert not find_violations(stack)
    return [stack.job(source) for source in sources]


def change_each_video(change: Callable[[dict[str, Any]], Any]) -> ListRewrite:
    """Return a rewrite of the server's list that applies `change` to each video."""

    def rewrite(page: dict[str, Any]) -> tuple[int, Any]:
        for video in page["data"]:
            change(video)
        return 200, page

    return rewrite
