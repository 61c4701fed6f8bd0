"""The metric of jobs that need an operator is written as the stack's alarm reads it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from sora_ready.adapters.metrics import Metrics


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The line of the embedded metric format, written where Powertools' variables would add to it."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "payments")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Other")
    Metrics("films").count_job_needs_operator()
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return parsed


def test_the_stack_is_the_only_dimension(line: dict[str, Any]) -> None:
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "SoraReady",
            "Dimensions": [["stack"]],
            "Metrics": [{"Name": "UnconfirmedJobsNeedOperator", "Unit": "Count"}],
        }
    ]
    assert (line["stack"], line["UnconfirmedJobsNeedOperator"]) == ("films", [1.0])


def test_lambda_keeps_the_line_at_every_log_level(line: dict[str, Any]) -> None:
    # Lambda takes a line without a level, or without an RFC 3339 timestamp, for INFO.
    assert line["level"] == "ERROR"
    assert datetime.fromisoformat(str(line["timestamp"])).tzinfo is not None
