"""The OpenAPI document is valid and current, and describes each route as the table does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from sora_ready.domain.options import OPTION_NAMES, OPTIONS
from sora_ready.entrypoints.api.openapi import SCHEMAS as API_SCHEMAS
from sora_ready.entrypoints.api.openapi import build_document
from sora_ready.entrypoints.api.routes import ROUTES, Route
from tests.openai_schema import CREATE, DELETED, OWN_FIELDS, QUERY, VIDEO, VIDEO_LIST

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = build_document()
SCHEMAS: dict[str, Any] = API_SCHEMAS


def operation(route: Route) -> dict[str, Any]:
    described: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return described


def test_the_file_is_current() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == DOCUMENT, "run .venv/bin/python -m local openapi"


def test_it_is_a_valid_document_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_lists_its_responses_and_requires_the_token(route: Route) -> None:
    described = operation(route)
    assert described["operationId"] == route.operation
    assert {"401", "429", "500", *map(str, route.errors)} <= set(described["responses"])
    assert "security" not in described
    assert DOCUMENT["security"] == [{"bearerToken": []}]


@pytest.mark.parametrize(
    ("name", "theirs", "own"),
    [("Video", VIDEO, OWN_FIELDS), ("VideoList", VIDEO_LIST, set()), ("DeletedVideo", DELETED, {"job"})],
)
def test_a_response_has_openais_fields_and_ours_are_marked(name: str, theirs: dict[str, Any], own: set[str]) -> None:
    ours = SCHEMAS[name]
    assert set(theirs["properties"]) | own == set(ours["properties"]) == set(ours["required"])
    assert {field for field, schema in ours["properties"].items() if schema.get("x-sora-ready")} == own


def test_a_request_may_have_openais_fields_and_ours_are_marked() -> None:
    ours = SCHEMAS["CreateVideo"]["properties"]
    assert set(CREATE["properties"]) <= set(ours)
    assert {name for name, schema in ours.items() if schema.get("x-sora-ready")} == set(ours) - set(
        CREATE["properties"]
    )
    # A picture is required here, and the stack has a default prompt.
    assert SCHEMAS["CreateVideo"]["required"] == ["input_reference"]


def test_the_list_takes_openais_parameters_and_status() -> None:
    [route] = [route for route in ROUTES if route.operation == "list_videos"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in operation(route)["parameters"]}
    ours = {name for name, schema in schemas.items() if schema.get("x-sora-ready")}
    assert set(schemas) - set(QUERY) == ours == {"status"}


def test_every_field_that_is_read_has_a_schema() -> None:
    assert set(OPTIONS) <= OPTION_NAMES
    assert set(SCHEMAS["CreateVideo"]["properties"]) == OPTION_NAMES | {"input_reference"}
    assert set(SCHEMAS["CreateUpload"]["properties"]) == OPTION_NAMES | {"file_name", "content_type", "bytes"}


def test_no_function_imports_the_schemas() -> None:
    root = FILE.parents[1]
    source = [path.read_text(encoding="utf-8") for path in (root / "functions").glob("*/app.py")]
    loaded = [path for path in (root / "layers" / "sora_ready").rglob("*.py") if path.name != "openapi.py"]
    source += [path.read_text(encoding="utf-8") for path in loaded]
    assert not any("api.schemas" in text or "api.openapi" in text for text in source)
