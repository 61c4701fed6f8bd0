"""The output of `make run` does not depend on which statuses of a job the polls happen to see."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from local.display import Display, JobProgress

STATUSES = ["received", "ready", "submitting"]


def output_of(*statuses: str, terminal: bool = False) -> str:
    out = io.StringIO()
    display = Display(Console(file=out, force_terminal=terminal, highlight=False, width=200))
    with JobProgress(display) as progress:
        for status in statuses:
            progress.show(status)
    return out.getvalue()


def steps_of(output: str) -> list[str]:
    return [line for line in output.splitlines() if "✓" in line]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_received_job_is_not_a_step(terminal: bool) -> None:
    # when
    lines = steps_of(output_of(*STATUSES, terminal=terminal))

    # then
    assert ["received" in line for line in lines] == [False, False]
    assert ["ready: the frame is saved" in lines[0], "submitting" in lines[1]] == [True, True]


def test_it_makes_no_difference_whether_received_was_seen() -> None:
    assert len(steps_of(output_of(*STATUSES))) == len(steps_of(output_of(*STATUSES[1:])))


def test_a_terminal_shows_received_at_the_bar() -> None:
    assert "received: the frame is being made" in output_of("received", terminal=True)
