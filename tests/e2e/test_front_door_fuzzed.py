"""Whatever anybody sends to the API, it answers as its OpenAPI document says, and never with a fault of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from local.stack import LocalStack
from sora_ready.front_door.openapi import build_document
from sora_ready.front_door.routes import ROUTES

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODES = {"as the document says": GenerationMode.POSITIVE, "as it does not": GenerationMode.NEGATIVE}
# For each operation and mode: over a thousand in all.
CASES = 70
DOCUMENT = schemathesis.openapi.from_dict(build_document())


@pytest.fixture(scope="module")
def session(local: LocalStack) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {local.front_door.token}"
    # Nothing that a person has in their environment may stand in for the token, or carry the calls elsewhere.
    session.trust_env = False
    return session


def find_operation(name: str) -> Any:
    found = (result.ok() for result in DOCUMENT.get_all_operations())
    return next(operation for operation in found if operation.definition.raw["operationId"] == name)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", [route.operation for route in ROUTES])
def test_it_answers_as_its_document_says(
    local: LocalStack,
    session: requests.Session,
    record_property: Callable[[str, object], None],
    operation: str,
    mode: str,
) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(find_operation(operation).as_strategy(generation_mode=MODES[mode]))
    def answers(case: Case) -> None:
        answer = case.call_and_validate(
            base_url=local.front_door.url,
            session=session,
            checks=CHECKS,
            allow_redirects=False,
            verify=str(local.emulator.ca_bundle),
        )
        seen[f"answered with {answer.status_code}"] += 1

    answers()
    record_property("counted", {f"calls of the API, {mode}": dict(seen)})
