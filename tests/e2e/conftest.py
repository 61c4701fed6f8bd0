"""The whole stack, once for all end-to-end tests: the real template on the emulator, and a fast fake video server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from local.emulator import Emulator, clear_aws_environment, start_emulator
from local.stack import JobRecord, LocalStack, VideoServer, start_fake_server, start_stack
from tests.e2e import wait_for_jobs as waiting
from tests.e2e.run_readme import folder_with_stack_up  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    clear_aws_environment()
    folder = tmp_path_factory.mktemp("stack")
    # The tests of one run create more videos than the default budget of a day pays for.
    budget = {"DailyBudgetUsd": "1000"}
    with (
        start_fake_server(folder / "fake-video-server", render_seconds=0.2) as server,
        start_stack(folder, server, parameters=budget) as running,
    ):
        yield running


@pytest.fixture
def wait_for_jobs(local: LocalStack) -> Callable[..., list[JobRecord]]:
    """Wait until a key has `count` jobs (default 1) and all have ended; return their records, oldest first."""
    return partial(waiting.wait_for_jobs, local)


@pytest.fixture(scope="module")
def empty_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, VideoServer]]:
    """An emulator for one module's tests, without a stack yet, and a fast fake video server."""
    clear_aws_environment()
    folder = tmp_path_factory.mktemp("account")
    with (
        start_fake_server(folder / "fake-video-server", render_seconds=0.2) as server,
        start_emulator(folder / "emulator.log") as emulator,
    ):
        yield emulator, server
