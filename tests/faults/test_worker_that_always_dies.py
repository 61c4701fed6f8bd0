"""A look that kills its worker each time ends with its job, and does not breed more looks until then."""

from __future__ import annotations

from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewWorld, picture
from tests.faults.kill_points import Killed


def test_a_download_that_always_kills_its_worker_ends_by_the_deadline(new_world: NewWorld) -> None:
    # Given a video whose download kills every worker,
    world = new_world()
    downloads = []

    def die(*_: object, **__: object) -> None:
        downloads.append(world.clock())
        raise Killed("download")

    world.server.download_video = die  # type: ignore[method-assign]
    world.drop("heavy.jpg", picture(), "a heavy one")
    # when a day has passed,
    world.run(hours=24)
    # then the job has ended and says so, and it was tried a few times.
    job = world.look(world.sources[0])
    assert (job.status, job.error.code) == ("failed", "timed_out")
    assert 2 <= len(downloads) <= 20
    assert not find_violations(world)
