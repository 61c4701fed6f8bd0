"""A backlog through S3 Batch Operations: its report is right, the budget holds, and nothing is bought twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.faults.invariants import find_violations
from tests.faults.kill_cases import NewStack, picture
from tests.faults.run_batch_job import BatchJob, put_older_object
from tests.faults.simulated_stack import SimulatedStack, utc_day

KEYS, CORRUPT, MISSING = 500, 25, 10
BUDGET = Decimal("80.00")
BOUGHT_A_DAY = 200


def make_keys() -> list[str]:
    """Return keys with every kind of character that a manifest has to encode."""
    patterns = ("holiday/{} beach.jpg", "a+b/{}%20.jpg", "假日/{},海滩.jpg", 'it"s/{}&more=1.jpg', "{}.jpg")
    return [patterns[number % len(patterns)].format(number) for number in range(KEYS)]


def count_bought(stack: SimulatedStack) -> Counter[str]:
    """Return how many submissions the server accepted on each day."""
    return Counter(utc_day(entry.time) for entry in stack.accepted())


def test_a_manifest_of_five_hundred_keys_is_reported_and_bought_once_within_the_budget(
    new_stack: NewStack, record_property: Callable[..., None]
) -> None:
    # Given a manifest of 500 keys in random order; 25 of their pictures are corrupt, and 10 are missing
    stack = new_stack(budget=BUDGET)
    manifest = make_keys()
    random.Random(500).shuffle(manifest)
    corrupt, missing = set(manifest[:CORRUPT]), set(manifest[CORRUPT : CORRUPT + MISSING])
    manifest.sort()
    for key in manifest:
        if key not in missing:
            put_older_object(stack, key, picture()[:400] if key in corrupt else picture())

    # When a Batch job with arguments runs it
    first = BatchJob(stack, "first", arguments={"prompt": "the sea", "mode": "pad"})
    report = first.run(manifest)

    # Then each task has its own result code, and a failed one says why
    assert {key for key, (code, _) in report.items() if code == "PermanentFailure"} == corrupt | missing
    assert first.count_codes() == {"PermanentFailure": CORRUPT + MISSING, "Succeeded": KEYS - CORRUPT - MISSING}
    assert all(" is rejected, corrupt: " in report[key][1] for key in corrupt)
    assert all(report[key][1].startswith("source_missing: ") for key in missing)
    good = [source for source in stack.sources if source.key not in corrupt]
    assert {report[source.key][1] for source in good} == {f"{stack.job(source).id} is ready" for source in good}
    requests = [stack.job(source).request for source in good]
    assert {(request.prompt, request.mode) for request in requests} == {("the sea", "pad")}

    # And as many are bought as the day's budget covers; the others are held
    stack.run(hours=15)
    assert count_bought(stack) == {"2026-11-12": BOUGHT_A_DAY}
    assert stack.ledger.read_spent("2026-11-12") == BUDGET
    assert Counter(str(stack.job(source).status) for source in good) == {
        "completed": BOUGHT_A_DAY,
        "held": len(good) - BOUGHT_A_DAY,
    }

    # When the manifest runs again, with other arguments, and in the other schema
    before = {source: stack.job(source) for source in stack.sources}
    for again in (BatchJob(stack, "second", arguments={"prompt": "a storm"}), BatchJob(stack, "third", schema="1.0")):
        again.run(manifest)
        # Then the report is the same, no job changes, and nothing is sent
        assert again.count_codes() == first.count_codes()
        assert all(again.report[key] == report[key] for key in corrupt | missing)
    stack.run(hours=0.5)
    assert {source: stack.job(source) for source in stack.sources} == before
    assert count_bought(stack) == {"2026-11-12": BOUGHT_A_DAY}

    # When days pass, then each picture is bought once, and no day exceeds its budget
    stack.run(hours=24 * 3)
    BatchJob(stack, "fourth").run(manifest)
    stack.run(hours=24)
    assert list(count_bought(stack).values()) == [BOUGHT_A_DAY] * 2 + [len(good) - 2 * BOUGHT_A_DAY]
    assert {str(stack.job(source).status) for source in good} == {"completed"}
    assert not find_violations(stack)
    counted = {"keys": KEYS, "corrupt": CORRUPT, "missing": MISSING, "runs": 4, "bought": len(good), "bought twice": 0}
    record_property("counted", {"the backlog": counted})


def test_a_held_upload_is_sent_before_a_held_backlog(new_stack: NewStack) -> None:
    # Given a backlog for many days, a budget of a dollar a day, and an upload after the day's budget is spent
    stack = new_stack(budget=Decimal(1))
    old = [put_older_object(stack, f"old/{number}.jpg", picture()) for number in range(10)]
    BatchJob(stack, "first").run([source.key for source in old])
    stack.run(hours=2)
    fresh = stack.upload("fresh.jpg", picture(), "a calm sea")
    stack.run(hours=1)
    assert stack.job(fresh).status == "held"

    # Then the upload is the first job of the next day
    stack.run(hours=24)
    assert stack.job(fresh).status == "completed"
    bought_next_day = [entry.idempotency_key for entry in stack.accepted() if utc_day(entry.time) == "2026-11-13"]
    assert bought_next_day[0] == stack.job(fresh).id
    assert len(bought_next_day) == 2


def test_a_key_that_is_twice_in_a_manifest_is_one_job(new_stack: NewStack) -> None:
    stack = new_stack()
    put_older_object(stack, "a.jpg", picture())
    BatchJob(stack, "first").run(["a.jpg", "a.jpg"])
    stack.run()
    assert len(stack.accepted()) == 1
    assert not find_violations(stack)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_backfill_killed_at_any_boundary_loses_nothing_and_buys_nothing_twice(
    new_stack: NewStack, attempts: int, record_property: Callable[..., None]
) -> None:
    def run_backfill(*kill_points: str) -> tuple[SimulatedStack, BatchJob]:
        stack = new_stack(kill_points)
        put_older_object(stack, "a.jpg", picture())
        job = BatchJob(stack, "first", attempts=attempts)
        job.run(["a.jpg"])
        return stack, job

    passed = run_backfill()[0].kill_points.passed
    boundaries = [boundary for boundary in passed if boundary.startswith("backfill:")]
    assert len(boundaries) > 6
    for boundary in boundaries:
        # When the function is killed there, and Batch Operations retries the task or not
        stack, job = run_backfill(boundary)
        assert stack.kill_points.triggered == [boundary]
        assert job.count_codes() == ({"TemporaryFailure": 1} if attempts == 1 else {"Succeeded": 1}), boundary
        # and the manifest is run once more, because of the report
        stack.run()
        assert BatchJob(stack, "second").run(["a.jpg"])["a.jpg"][0] == "Succeeded"
        stack.run()
        # Then the picture becomes one video
        assert [str(stack.job(source).status) for source in stack.sources] == ["completed"], boundary
        assert not find_violations(stack), boundary
    name = "with 1 attempt" if attempts == 1 else f"with {attempts} attempts"
    record_property("counted", {"killed backfills": {name: len(boundaries)}})


def test_a_recorded_picture_whose_backfill_was_killed_needs_no_second_run(new_stack: NewStack) -> None:
    stack = new_stack(("backfill:s3.GetObject#1",))
    put_older_object(stack, "a.jpg", picture())
    assert BatchJob(stack, "first", attempts=1).run(["a.jpg"])["a.jpg"][0] == "TemporaryFailure"
    # The sweep sends it to normalize.
    stack.run()
    assert stack.job(stack.sources[0]).status == "completed"
    assert not find_violations(stack)
