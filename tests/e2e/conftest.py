"""The whole stack, once for all end-to-end tests: the real template on the emulator, and a quick stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.emulator import forget_account
from local.run import ENDED
from local.stack import LocalStack, start_stack

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    forget_account()
    with start_stack(tmp_path_factory.mktemp("stack"), render_seconds=0.2) as running:
        yield running


@pytest.fixture
def wait_for_jobs(local: LocalStack) -> Callable[..., list[dict[str, Any]]]:
    """Wait until a key has so many jobs and all of them have ended; return their records, oldest first."""

    def wait(key: str, count: int = 1) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        jobs: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            jobs = local.find_jobs(key)
            if len(jobs) >= count and all(job["status"] in ENDED for job in jobs):
                return jobs
            time.sleep(0.2)
        raise AssertionError(f"after {PATIENCE_SECONDS} s the jobs of {key!r} are {[job['status'] for job in jobs]}")

    return wait
