"""A backlog through S3 Batch Operations: the report tells the truth, the budget holds, nothing is bought twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.run_batch_job import BatchJob, lay_down
from tests.faults.simulated_stack import SimulatedStack

KEYS, CORRUPT, MISSING = 500, 25, 10
DAY = Decimal("80.00")
PER_DAY = 200


def odd_keys() -> list[str]:
    """Keys as people have them: with everything that a manifest has to encode."""
    shapes = ("holiday/{} beach.jpg", "a+b/{}%20.jpg", "假日/{},海滩.jpg", 'it"s/{}&more=1.jpg', "{}.jpg")
    return [shapes[number % len(shapes)].format(number) for number in range(KEYS)]


def bought(stack: SimulatedStack) -> Counter[str]:
    """How many paid requests the server took on each day."""
    return Counter(stack.day_of(entry.time) for entry in stack.accepted())


def test_five_hundred_keys_with_corrupt_and_missing_ones(
    new_stack: NewStack, record_property: Callable[..., None]
) -> None:
    # Given a manifest of 500 keys, 25 of whose pictures are corrupt and 10 of whose are not there, all mixed,
    stack = new_stack(budget=DAY)
    manifest = odd_keys()
    random.Random(500).shuffle(manifest)
    corrupt, missing = set(manifest[:CORRUPT]), set(manifest[CORRUPT : CORRUPT + MISSING])
    manifest.sort()
    for key in manifest:
        if key not in missing:
            lay_down(stack, key, picture()[:400] if key in corrupt else picture())

    # when Batch Operations goes through it, asking for the same of all,
    first = BatchJob(stack, "first", arguments={"prompt": "the sea", "mode": "pad"})
    report = first.run(manifest)

    # then each task has the code that is its own, with a reason where it failed,
    assert {key for key, (code, _) in report.items() if code == "PermanentFailure"} == corrupt | missing
    assert first.codes() == {"PermanentFailure": CORRUPT + MISSING, "Succeeded": KEYS - CORRUPT - MISSING}
    assert all(" is rejected, corrupt: " in report[key][1] for key in corrupt)
    assert all(report[key][1].startswith("source_missing: ") for key in missing)
    good = [source for source in stack.sources if source.key not in corrupt]
    assert {report[source.key][1] for source in good} == {f"{stack.job(source).id} is ready" for source in good}
    assert {(stack.job(source).request.prompt, stack.job(source).request.mode) for source in good} == {
        ("the sea", "pad")
    }

    # and as much is bought as the day pays for; the rest waits.
    stack.run(hours=15)
    assert bought(stack) == {"2026-11-12": PER_DAY}
    assert stack.ledger.read_spent("2026-11-12") == DAY
    assert Counter(str(stack.job(source).status) for source in good) == {
        "completed": PER_DAY,
        "held": len(good) - PER_DAY,
    }

    # When the same manifest is run again, with other arguments, in the other schema,
    before = {source: stack.job(source) for source in stack.sources}
    for again in (BatchJob(stack, "second", arguments={"prompt": "a storm"}), BatchJob(stack, "third", schema="1.0")):
        again.run(manifest)
        # then the report says the same of each, and nothing has changed and nothing is sent.
        assert again.codes() == first.codes()
        assert all(again.report[key] == report[key] for key in corrupt | missing)
    stack.run(hours=0.5)
    assert {source: stack.job(source) for source in stack.sources} == before
    assert bought(stack) == {"2026-11-12": PER_DAY}

    # When the days pass, then all of it is bought, each picture once, no day beyond its budget.
    stack.run(hours=24 * 3)
    BatchJob(stack, "fourth").run(manifest)
    stack.run(hours=24)
    assert list(bought(stack).values()) == [PER_DAY] * 2 + [len(good) - 2 * PER_DAY]
    assert {str(stack.job(source).status) for source in good} == {"completed"}
    assert not find_violations(stack)
    counted = {"keys": KEYS, "corrupt": CORRUPT, "missing": MISSING, "runs": 4, "bought": len(good), "bought twice": 0}
    record_property("counted", {"the backlog": counted})


def test_what_people_drop_goes_before_a_backlog_that_waits(new_stack: NewStack) -> None:
    # Given a backlog for many days, and a dollar a day,
    stack = new_stack(budget=Decimal(1))
    old = [lay_down(stack, f"old/{number}.jpg", picture()) for number in range(10)]
    BatchJob(stack, "first").run([source.key for source in old])
    stack.run(hours=2)
    # when a picture is dropped on a day that is spent,
    fresh = stack.drop("fresh.jpg", picture(), "a calm sea")
    stack.run(hours=1)
    assert stack.job(fresh).status == "held"
    # then it is the first of the next day.
    stack.run(hours=24)
    assert stack.job(fresh).status == "completed"
    bought_next_day = [entry.idempotency_key for entry in stack.accepted() if stack.day_of(entry.time) == "2026-11-13"]
    assert bought_next_day[0] == stack.job(fresh).id
    assert len(bought_next_day) == 2


def test_the_same_key_twice_in_a_manifest_is_one_job(new_stack: NewStack) -> None:
    stack = new_stack()
    lay_down(stack, "a.jpg", picture())
    BatchJob(stack, "first").run(["a.jpg", "a.jpg"])
    stack.run()
    assert len(stack.accepted()) == 1
    assert not find_violations(stack)


@pytest.mark.parametrize("tries", [1, 3])
def test_a_function_that_dies_at_any_boundary_loses_nothing_and_buys_nothing_twice(
    new_stack: NewStack, tries: int, record_property: Callable[..., None]
) -> None:
    def live(*points: str) -> tuple[SimulatedStack, BatchJob]:
        stack = new_stack(points)
        lay_down(stack, "a.jpg", picture())
        job = BatchJob(stack, "first", tries=tries)
        job.run(["a.jpg"])
        return stack, job

    # Given each boundary that the function passes for one picture,
    points = [point for point in live()[0].points.passed if point.startswith("backfill:")]
    assert len(points) > 6
    for point in points:
        # when it dies there, and Batch Operations tries it again or does not,
        stack, job = live(point)
        assert stack.points.struck == [point]
        assert job.codes() == ({"TemporaryFailure": 1} if tries == 1 else {"Succeeded": 1}), point
        # and whoever reads the report runs the manifest once more,
        stack.run()
        assert BatchJob(stack, "second").run(["a.jpg"])["a.jpg"][0] == "Succeeded"
        stack.run()
        # then the picture becomes one video.
        assert [str(stack.job(source).status) for source in stack.sources] == ["completed"], point
        assert not find_violations(stack), point
    record_property("counted", {"backfills that died": {f"{tries} tries": len(points)}})


def test_a_picture_on_record_whose_function_died_needs_no_second_run(new_stack: NewStack) -> None:
    stack = new_stack(("backfill:s3.GetObject#1",))
    lay_down(stack, "a.jpg", picture())
    assert BatchJob(stack, "first", tries=1).run(["a.jpg"])["a.jpg"][0] == "TemporaryFailure"
    # Sweep has normalize take it up.
    stack.run()
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)
