"""What `make run` prints does not depend on which moments of a job it happened to see."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from local.display import Display

SEEN = [{"status": "received"}, {"status": "ready"}, {"status": "submitting"}]


def printed(*seen: dict[str, str], terminal: bool = False) -> list[str]:
    out = io.StringIO()
    with Display(Console(file=out, force_terminal=terminal, highlight=False, width=200)) as display:
        for job in seen:
            display.show_job(job)
    return [line for line in out.getvalue().splitlines() if "✓" in line]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_picture_that_was_only_seen_is_not_ticked_off(terminal: bool) -> None:
    # when
    lines = printed(*SEEN, terminal=terminal)

    # then
    assert ["received" in line for line in lines] == [False, False]
    assert ["ready: the frame is saved" in lines[0], "submitting" in lines[1]] == [True, True]


def test_whether_it_was_seen_makes_no_difference() -> None:
    assert len(printed(*SEEN)) == len(printed(*SEEN[1:]))


def test_a_terminal_shows_it_at_the_bar() -> None:
    # given
    out = io.StringIO()

    # when
    with Display(Console(file=out, force_terminal=True, width=200)) as display:
        display.show_job({"status": "received"})

    # then
    assert "received: seen, the frame is being made" in out.getvalue()
