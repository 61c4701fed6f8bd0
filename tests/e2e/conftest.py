"""The whole stack, once for all end-to-end tests: the real template on the emulator, and a quick fake video server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from local.emulator import Emulator, forget_account, start_emulator
from local.stack import LocalStack, VideoServer, start_fake_server, start_stack
from tests.e2e import wait_for_jobs as waiting
from tests.e2e.run_readme import folder_with_stack_up  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    forget_account()
    # A day of these tests asks for more videos than the default budget pays for.
    budget = {"DailyBudgetUsd": "1000"}
    with start_stack(tmp_path_factory.mktemp("stack"), render_seconds=0.2, parameters=budget) as running:
        yield running


@pytest.fixture
def wait_for_jobs(local: LocalStack) -> Callable[..., list[dict[str, Any]]]:
    """Wait until a key has so many jobs and all of them have ended; return their records, oldest first."""
    return partial(waiting.wait_for_jobs, local)


@pytest.fixture(scope="module")
def empty_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, VideoServer]]:
    """An emulator of the test's own in which nothing is deployed yet, and a quick fake video server."""
    forget_account()
    folder = tmp_path_factory.mktemp("account")
    with (
        start_fake_server(folder / "fake-video-server", render_seconds=0.2) as server,
        start_emulator(folder / "emulator.log") as emulator,
    ):
        yield emulator, server
