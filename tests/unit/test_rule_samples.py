"""The sample rules: which statuses and which stack they match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from sora_ready.domain.job import FINAL, Status

EVENTS = Path(__file__).resolve().parents[2] / "events"
SAMPLES = ["rule-lambda.yaml", "rule-mail.yaml", "workflow-eventbridge.yaml"]


def load(name: str) -> dict[str, Any]:
    sample: dict[str, Any] = yaml_parse((EVENTS / name).read_text(encoding="utf-8"))
    return sample


def pattern(name: str) -> dict[str, Any]:
    """The `detail` that a sample's one rule matches."""
    (rule,) = [part for part in load(name)["Resources"].values() if part["Type"] == "AWS::Events::Rule"]
    detail: dict[str, Any] = rule["Properties"]["EventPattern"]["detail"]
    return detail


@pytest.mark.parametrize("name", SAMPLES)
def test_a_rule_matches_jobs_that_do_not_continue_by_themselves(name: str) -> None:
    statuses = set(pattern(name)["status"])
    assert statuses
    assert statuses <= FINAL | {Status.UNCONFIRMED}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_rule_matches_every_stack_on_the_bus_unless_one_is_named(name: str) -> None:
    sample = load(name)
    assert sample["Parameters"]["Stack"]["Default"] == ""
    assert sample["Conditions"] == {"OfOneStack": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stack"}, ""]}]}}
    assert pattern(name)["stack"] == {"Fn::If": ["OfOneStack", [{"Ref": "Stack"}], {"Ref": "AWS::NoValue"}]}
