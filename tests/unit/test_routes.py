"""The table of routes, the template and the operations say the same, and no route is open."""

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


def test_the_template_has_the_tables_routes() -> None:
    declared = {(event["Method"], event["Path"]) for event in EVENTS.values() if event["Path"] != CATCH_ALL}
    assert declared == {(route.method, route.path) for route in ROUTES}
    assert {event["RestApiId"]["Ref"] for event in EVENTS.values()} == {"VideosApi"}


def test_every_route_has_its_operation_and_every_operation_its_route() -> None:
    assert sorted(route.operation for route in ROUTES) == sorted(OPERATIONS)


def test_whatever_else_is_called_reaches_the_function() -> None:
    caught = {event["Method"] for event in EVENTS.values() if event["Path"] == CATCH_ALL}
    assert caught == {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


def test_every_route_asks_for_the_token_but_a_browsers_first_question() -> None:
    assert API["Auth"]["DefaultAuthorizer"] == "BearerToken"
    assert API["Auth"]["Authorizers"]["BearerToken"]["FunctionArn"] == {"Fn::GetAtt": ["Authorize", "Arn"]}
    open_ = [(event["Method"], event["Path"]) for event in EVENTS.values() if "Auth" in event]
    assert open_ == [("OPTIONS", CATCH_ALL)]


def test_an_answer_of_the_authorizer_is_kept_for_a_minute_at_most() -> None:
    assert API["Auth"]["Authorizers"]["BearerToken"]["Identity"]["ReauthorizeEvery"] <= 60


def test_the_stage_is_throttled_by_parameters() -> None:
    [setting] = API["MethodSettings"]
    assert (setting["ResourcePath"], setting["HttpMethod"]) == ("/*", "*")
    assert setting["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert setting["ThrottlingBurstLimit"] == {"Ref": "ApiBurstLimit"}
