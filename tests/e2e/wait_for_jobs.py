"""How the end-to-end tests wait for jobs and count their submissions, on any stack."""

from __future__ import annotations

import time

from local.fake_video_server import LoggedRequest
from local.run import END_STATUSES
from local.stack import JobRecord, LocalStack

TIMEOUT_SECONDS = 90


def wait_for_jobs(local: LocalStack, key: str, count: int = 1) -> list[JobRecord]:
    """Wait until a key has `count` jobs and all have ended; return their records, oldest first."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    jobs: list[JobRecord] = []
    while time.monotonic() < deadline:
        jobs = local.find_jobs(key)
        if len(jobs) >= count and all(job["status"] in END_STATUSES for job in jobs):
            return jobs
        time.sleep(0.2)
    raise AssertionError(f"after {TIMEOUT_SECONDS} s the jobs of {key!r} are {[job['status'] for job in jobs]}")


def submissions_of(local: LocalStack, job_id: str) -> list[LoggedRequest]:
    """Return the requests for a job's video that reached the fake video server."""
    assert local.server.fake_server
    return [entry for entry in local.server.fake_server.request_log.creates() if entry.idempotency_key == job_id]
