"""A look that kills its worker each time ends with its job, and does not breed more looks until then."""

from __future__ import annotations

from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.kill_points import Killed


def test_a_download_that_always_kills_its_worker_ends_by_the_deadline(new_stack: NewStack) -> None:
    # Given a video whose download kills every worker,
    stack = new_stack()
    downloads = []

    def die(*_: object, **__: object) -> None:
        downloads.append(stack.clock())
        raise Killed("download")

    stack.server.download_video = die
    stack.drop("heavy.jpg", picture(), "a heavy one")
    # when a day has passed,
    stack.run(hours=24)
    # then the job has ended and says so, and it was tried a few times.
    job = stack.job(stack.sources[0])
    assert (job.status, job.error.code) == ("failed", "timed_out")
    assert 2 <= len(downloads) <= 20
    assert not find_violations(stack)
