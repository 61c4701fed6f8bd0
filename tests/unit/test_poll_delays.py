"""How often the server is polled: soon at first, then less often, at most a minute apart, or as it advises."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sora_ready.adapters.queues import MAX_DELAY_SECONDS
from sora_ready.domain.polling import poll_delay_seconds


def polls_until(render_seconds: float, advised_ms: int | None = None) -> int:
    """Return how often a video that renders this long is polled."""
    clock, polls = 0, 0
    while True:
        clock += poll_delay_seconds(polls, advised_ms)
        polls += 1
        if clock >= render_seconds:
            return polls


def test_the_first_poll_comes_after_ten_seconds() -> None:
    assert poll_delay_seconds(0) == 10


def test_the_delays_grow_to_a_minute_and_stay_there() -> None:
    delays = [poll_delay_seconds(polls) for polls in range(30)]

    assert all(earlier < later or earlier == later == 60 for earlier, later in pairwise(delays))
    assert delays[6] < 60
    assert delays[8:] == [60] * 22


def test_the_delays_grow_gently() -> None:
    delays = [poll_delay_seconds(polls) for polls in range(30)]

    assert all(later <= earlier * 1.5 for earlier, later in pairwise(delays))


@pytest.mark.parametrize(("render_seconds", "most"), [(30, 4), (120, 8), (600, 16)])
def test_a_video_is_polled_only_so_often(render_seconds: int, most: int) -> None:
    assert polls_until(render_seconds) <= most


@pytest.mark.parametrize("render_seconds", [30, 120, 600])
def test_a_finished_video_is_noticed_within_a_minute(render_seconds: int) -> None:
    clock = sum(poll_delay_seconds(polls) for polls in range(polls_until(render_seconds)))

    assert clock - render_seconds <= 60


@pytest.mark.parametrize("polls", [0, 5, 100])
@pytest.mark.parametrize(("advised_ms", "seconds"), [(5_000, 5), (20_000, 20), (1_000, 1), (59_600, 60)])
def test_the_advice_of_the_server_is_honored(advised_ms: int, seconds: int, polls: int) -> None:
    assert poll_delay_seconds(polls, advised_ms) == seconds


@pytest.mark.parametrize(("advised_ms", "seconds"), [(0, 1), (-5_000, 1), (100, 1), (3_600_000, 60), (10**12, 60)])
def test_advice_is_bounded(advised_ms: int, seconds: int) -> None:
    assert poll_delay_seconds(0, advised_ms) == seconds


@pytest.mark.parametrize("advised_ms", [None, 0, 500, 30_000, 10**9])
@pytest.mark.parametrize("polls", [0, 1, 50, 1440])
def test_a_queue_can_delay_a_message_that_long(polls: int, advised_ms: int | None) -> None:
    delay = poll_delay_seconds(polls, advised_ms)

    assert isinstance(delay, int)
    assert 1 <= delay <= MAX_DELAY_SECONDS
