"""Removes the settings of a real video server from the environment, so that no test can spend money.

The summary shows what the tests counted: the sum of `record_property("counted", {"a heading": {"a kind": 3}})` over all
tests, and the highest value of `record_property("highest", {"a heading, in MB": 166})`.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict

import pytest

for name in ("VIDEO_API_BASE_URL", "VIDEO_API_KEY", "VIDEO_MODELS"):
    os.environ.pop(name, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    highest: dict[str, float] = {}
    # A report carries its test's properties from an xdist worker to this process.
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        if getattr(report, "when", None) != "call":
            continue
        for name, value in report.user_properties:
            for heading, recorded in value.items() if name in {"counted", "highest"} else ():
                if name == "counted":
                    counted[heading].update(recorded)
                else:
                    highest[heading] = max(recorded, highest.get(heading, recorded))
    if counted or highest:
        terminalreporter.section("counted")
    for heading, kinds in counted.items():
        terminalreporter.line(f"{heading}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    for heading, value in highest.items():
        terminalreporter.line(f"{heading}: {value}")
