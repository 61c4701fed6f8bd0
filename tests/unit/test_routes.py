"""The table of routes, the template and the operations agree, and every route requires the token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from sora_ready.entrypoints.api.dispatch import OPERATIONS
from sora_ready.entrypoints.api.routes import ROUTES

RESOURCES = yaml_parse((Path(__file__).resolve().parents[2] / "template.yaml").read_text(encoding="utf-8"))["Resources"]
API, FUNCTION = RESOURCES["VideosApi"]["Properties"], RESOURCES["Api"]["Properties"]
EVENTS: dict[str, Any] = {name: event["Properties"] for name, event in FUNCTION["Events"].items()}
CATCH_ALL = "/{proxy+}"


def test_the_template_has_the_routes_of_the_table() -> None:
    declared = {(event["Method"], event["Path"]) for event in EVENTS.values() if event["Path"] != CATCH_ALL}
    assert declared == {(route.method, route.path) for route in ROUTES}
    assert {event["RestApiId"]["Ref"] for event in EVENTS.values()} == {"VideosApi"}


def test_every_route_has_an_operation_and_every_operation_a_route() -> None:
    assert sorted(route.operation for route in ROUTES) == sorted(OPERATIONS)


def test_every_other_request_reaches_the_function() -> None:
    methods = {event["Method"] for event in EVENTS.values() if event["Path"] == CATCH_ALL}
    assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


def test_every_route_requires_the_token_except_preflight_requests() -> None:
    assert API["Auth"]["DefaultAuthorizer"] == "BearerToken"
    assert API["Auth"]["Authorizers"]["BearerToken"]["FunctionArn"] == {"Fn::GetAtt": ["Authorize", "Arn"]}
    without_token = [(event["Method"], event["Path"]) for event in EVENTS.values() if "Auth" in event]
    assert without_token == [("OPTIONS", CATCH_ALL)]


def test_the_authorizers_policy_is_cached_for_at_most_a_minute() -> None:
    assert API["Auth"]["Authorizers"]["BearerToken"]["Identity"]["ReauthorizeEvery"] <= 60


def test_parameters_throttle_the_stage() -> None:
    [setting] = API["MethodSettings"]
    assert (setting["ResourcePath"], setting["HttpMethod"]) == ("/*", "*")
    assert setting["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert setting["ThrottlingBurstLimit"] == {"Ref": "ApiBurstLimit"}
