"""`python -m local wire`: EventBridge comes to a bucket's notifications, and nothing that was there goes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from local.bucket_notifications import (
    BucketNotifications,
    ConnectBucketError,
    connect_bucket,
    list_entries,
    merge_event_bridge,
    show_difference,
)

from .fake_notifications import BUCKET, OWNER, SHUFFLED, THERE, Bucket


def wire(bucket: Bucket, *, agree: Callable[[], bool] = lambda: True) -> tuple[bool, str]:
    said: list[str] = []
    wiring = BucketNotifications(bucket, BUCKET, OWNER, pause=lambda _: None)  # type: ignore[arg-type]
    return connect_bucket(wiring, say=said.append, agree=agree), "\n".join(said)


# ---------------------------------------------------------------- what is written


def test_event_bridge_comes_to_what_is_there_and_the_whole_is_written() -> None:
    bucket = Bucket(THERE)

    wired, said = wire(bucket)

    assert wired
    assert bucket.writes == [{**THERE, "EventBridgeConfiguration": {}}]
    assert "3 other notifications are there as before" in said


def test_a_bucket_without_any_notification_is_wired_too() -> None:
    bucket = Bucket({})

    assert wire(bucket)[0]
    assert bucket.writes == [{"EventBridgeConfiguration": {}}]


def test_a_bucket_that_is_wired_already_is_left_alone() -> None:
    bucket = Bucket({**THERE, "EventBridgeConfiguration": {}})

    wired, said = wire(bucket, agree=lambda: pytest.fail("there is nothing to ask"))

    assert wired
    assert bucket.writes == []
    assert "already" in said


def test_the_difference_shows_what_comes_and_all_that_stays() -> None:
    lines = show_difference(THERE, merge_event_bridge(THERE)).splitlines()

    added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
    assert added == ['+  "EventBridgeConfiguration": {},']
    assert not [line for line in lines if line.startswith("-") and not line.startswith("---")]
    assert [name for name in ("thumbnails", "audit", "index") if any(name in line for line in lines)] == [
        "thumbnails",
        "audit",
        "index",
    ]


# ---------------------------------------------------------------- what is not


def test_nothing_is_written_where_the_person_disagrees() -> None:
    bucket = Bucket(THERE)

    wired, said = wire(bucket, agree=lambda: False)

    assert not wired
    assert bucket.writes == []
    assert said.endswith("Nothing was written.")


def test_nothing_is_written_over_what_somebody_else_changed_meanwhile() -> None:
    bucket = Bucket(THERE)

    def agree_late() -> bool:
        bucket.configuration = {**THERE, "TopicConfigurations": []}
        return True

    with pytest.raises(ConnectBucketError, match=r"changed while you looked at them\. Nothing was written"):
        wire(bucket, agree=agree_late)

    assert bucket.writes == []


def test_the_same_notifications_in_another_order_are_no_change() -> None:
    bucket = Bucket(THERE)

    def agree_late() -> bool:
        bucket.configuration = SHUFFLED
        return True

    assert wire(bucket, agree=agree_late)[0]
    assert list_entries(SHUFFLED) == sorted(list_entries(SHUFFLED), key=list_entries(THERE).index)


# ---------------------------------------------------------------- what is read back


def test_what_s3_does_not_show_at_once_is_waited_for() -> None:
    bucket = Bucket(THERE)
    bucket.unseen = 3

    assert wire(bucket)[0]


@pytest.mark.parametrize("lost", [*THERE, "EventBridgeConfiguration"])
def test_what_s3_did_not_keep_is_named_with_all_that_was_there(lost: str) -> None:
    bucket = Bucket(THERE)
    bucket.keep = lambda written: {kind: entries for kind, entries in written.items() if kind != lost}

    with pytest.raises(ConnectBucketError) as refused:
        wire(bucket)

    assert f"Missing: {lost}" in str(refused.value)
    assert json.dumps(THERE) in str(refused.value)
