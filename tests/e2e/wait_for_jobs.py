"""How the end-to-end tests wait for jobs, on whichever stack."""

from __future__ import annotations

import time
from typing import Any

from local.run import ENDED
from local.stack import LocalStack

PATIENCE_SECONDS = 90


def wait_for_jobs(local: LocalStack, key: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until a key has so many jobs and all of them have ended; return their records, oldest first."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    jobs: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        jobs = local.find_jobs(key)
        if len(jobs) >= count and all(job["status"] in ENDED for job in jobs):
            return jobs
        time.sleep(0.2)
    raise AssertionError(f"after {PATIENCE_SECONDS} s the jobs of {key!r} are {[job['status'] for job in jobs]}")
