"""A poll that crashes its worker every time: the job ends by its deadline, and polls do not multiply until then."""

from __future__ import annotations

from datetime import datetime

from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.kill_points import WorkerKilled


def test_a_job_whose_download_always_crashes_the_worker_ends_by_its_deadline(new_stack: NewStack) -> None:
    stack = new_stack()
    downloads: list[datetime] = []

    def crash(*_: object, **__: object) -> None:
        downloads.append(stack.clock())
        raise WorkerKilled("download")

    stack.video_server.download_video = crash
    stack.upload("heavy.jpg", picture(), "a heavy one")

    stack.run(hours=24)

    job = stack.job(stack.sources[0])
    assert (job.status, job.error.code) == ("failed", "timed_out")
    assert 2 <= len(downloads) <= 20
    assert not find_violations(stack)
