"""`python -m local connect-bucket`: EventBridge is added to a bucket's notifications, and no other one is removed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from local import CommandError
from local.connect_bucket import (
    BucketNotifications,
    connect_bucket,
    list_entries,
    merge_event_bridge,
    show_difference,
)

from .fake_notifications import BUCKET, OTHERS, OTHERS_SHUFFLED, OWNER, FakeS3


def connect(s3: FakeS3, *, confirm: Callable[[], bool] = lambda: True) -> tuple[bool, str]:
    """Return whether the bucket is connected, and what was printed."""
    lines: list[str] = []
    notifications = BucketNotifications(s3, BUCKET, OWNER, sleep=lambda _: None)  # type: ignore[arg-type]  # a fake
    return connect_bucket(notifications, lines.append, confirm=confirm), "\n".join(lines)


# ---------------------------------------------------------------- what is written


def test_event_bridge_is_added_and_the_whole_configuration_is_written() -> None:
    s3 = FakeS3(OTHERS)

    connected, output = connect(s3)

    assert connected
    assert s3.writes == [{**OTHERS, "EventBridgeConfiguration": {}}]
    assert "3 other notifications are as before" in output


def test_a_bucket_without_any_notification_is_connected_too() -> None:
    s3 = FakeS3({})

    assert connect(s3)[0]
    assert s3.writes == [{"EventBridgeConfiguration": {}}]


def test_a_bucket_that_is_connected_already_stays_as_it_is() -> None:
    s3 = FakeS3({**OTHERS, "EventBridgeConfiguration": {}})

    connected, output = connect(s3, confirm=lambda: pytest.fail("there is nothing to confirm"))

    assert connected
    assert s3.writes == []
    assert "already" in output


def test_the_difference_shows_what_is_added_and_all_that_stays() -> None:
    lines = show_difference(OTHERS, merge_event_bridge(OTHERS)).splitlines()

    added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
    assert added == ['+  "EventBridgeConfiguration": {},']
    assert not [line for line in lines if line.startswith("-") and not line.startswith("---")]
    assert [name for name in ("thumbnails", "audit", "index") if any(name in line for line in lines)] == [
        "thumbnails",
        "audit",
        "index",
    ]


# ---------------------------------------------------------------- what is not


def test_nothing_is_written_without_a_yes() -> None:
    s3 = FakeS3(OTHERS)

    connected, output = connect(s3, confirm=lambda: False)

    assert not connected
    assert s3.writes == []
    assert output.endswith("Nothing was written.")


def test_nothing_is_written_if_the_configuration_changed_in_the_meantime() -> None:
    s3 = FakeS3(OTHERS)

    def change_then_confirm() -> bool:
        s3.configuration = {**OTHERS, "TopicConfigurations": []}
        return True

    with pytest.raises(CommandError, match=r"changed while you looked at them\. Nothing was written"):
        connect(s3, confirm=change_then_confirm)

    assert s3.writes == []


def test_the_same_notifications_in_another_order_are_not_a_change() -> None:
    s3 = FakeS3(OTHERS)

    def shuffle_then_confirm() -> bool:
        s3.configuration = OTHERS_SHUFFLED
        return True

    assert connect(s3, confirm=shuffle_then_confirm)[0]
    assert list_entries(OTHERS_SHUFFLED) == sorted(list_entries(OTHERS_SHUFFLED), key=list_entries(OTHERS).index)


# ---------------------------------------------------------------- what is read back


def test_a_write_that_is_not_visible_at_once_is_read_again() -> None:
    s3 = FakeS3(OTHERS)
    s3.stale_reads = 3

    assert connect(s3)[0]


@pytest.mark.parametrize("lost", [*OTHERS, "EventBridgeConfiguration"])
def test_an_entry_that_s3_did_not_store_is_named_with_the_configuration_before(lost: str) -> None:
    s3 = FakeS3(OTHERS)
    s3.store = lambda written: {kind: entries for kind, entries in written.items() if kind != lost}

    with pytest.raises(CommandError) as refused:
        connect(s3)

    assert f"Missing: {lost}" in str(refused.value)
    assert json.dumps(OTHERS) in str(refused.value)
