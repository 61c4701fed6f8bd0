"""The sample state machines: every state is reachable, and every error name exists."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from sora_ready.domain import errors

EVENTS = Path(__file__).resolve().parents[2] / "events"
MACHINES = sorted(path.name for path in EVENTS.glob("*.asl.json"))
WORKFLOWS = sorted(path.name for path in EVENTS.glob("workflow-*.yaml"))
OURS = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
OF_AWS = re.compile(r"(States|Lambda|Sfn|DynamoDB)\.\w+")
# An execution fails with these unless it retries them.
RETRYABLE = {"SubmissionNotAcceptedError", "JobLeasedError", "JobNotReadyError"}


def load(name: str) -> dict[str, Any]:
    machine: dict[str, Any] = json.loads((EVENTS / name).read_text(encoding="utf-8"))
    return machine


def nexts(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may follow this one."""
    for branch in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        yield from (branch[key] for key in ("Next", "Default") if key in branch)


def error_names(state: dict[str, Any]) -> set[str]:
    """The errors that a state retries or catches."""
    return {name for rule in (*state.get("Retry", ()), *state.get("Catch", ())) for name in rule["ErrorEquals"]}


def test_there_is_a_machine_for_each_way_to_wait() -> None:
    assert {"state-machine-task-token.asl.json", "state-machine-eventbridge.asl.json"} <= set(MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_is_reachable_and_has_a_successor_or_ends(name: str) -> None:
    machine = load(name)
    states = machine["States"]
    reached, new = {machine["StartAt"]}, {machine["StartAt"]}
    while new:
        new = {following for state in new for following in nexts(states[state])} - reached
        reached |= new
    assert reached == set(states)
    for state in states.values():
        assert ("Next" in state or "Choices" in state) != (
            state.get("End", False) or state["Type"] in {"Fail", "Succeed"}
        )


@pytest.mark.parametrize("name", MACHINES)
def test_every_error_name_exists(name: str) -> None:
    for state in load(name)["States"].values():
        assert {error for error in error_names(state) if not OF_AWS.fullmatch(error)} <= OURS


@pytest.mark.parametrize("name", [name for name in MACHINES if "answer" not in name])
def test_retryable_errors_are_retried_and_the_wait_has_a_timeout(name: str) -> None:
    states = load(name)["States"]
    assert error_names(states["Submit"]) >= RETRYABLE
    waits = [state for state in states.values() if state.get("Resource", "").endswith(".waitForTaskToken")]
    assert [state["TimeoutSeconds"] for state in waits] == [172_800]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_substitutes_every_placeholder_of_its_machines(name: str) -> None:
    for resource in yaml_parse((EVENTS / name).read_text(encoding="utf-8"))["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            text = (EVENTS / resource["Properties"]["DefinitionS3Location"]).read_text(encoding="utf-8")
            assert set(re.findall(r"\$\{(\w+)\}", text)) == set(resource["Properties"]["DefinitionSubstitutions"])
