"""Errors in OpenAI's words: each class has its status, whoever answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from sora_ready.domain import errors
from sora_ready.entrypoints.api.error_responses import TYPES, error_response, internal_error
from tests.openai_schema import ERROR, assert_holds

RESOURCES = yaml_parse((Path(__file__).resolve().parents[2] / "template.yaml").read_text(encoding="utf-8"))["Resources"]
GATEWAY: dict[str, Any] = RESOURCES["VideosApi"]["Properties"]["GatewayResponses"]
CASES: list[tuple[errors.SoraReadyError, int, str | None]] = [
    (errors.ParameterRejected("invalid_json", "No.", param="body"), 400, "body"),
    (errors.RequestRejected("size", "1x1", "body", ["64x48"]), 400, "size"),
    (errors.OriginRefused("origin_not_allowed", "No."), 401, None),
    (errors.ResourceNotFound("video_not_found", "No.", param="video_id"), 404, "video_id"),
    (errors.RouteNotFound("unknown_url", "No."), 404, None),
    (errors.MethodNotAllowedError("PUT", ["GET", "POST"]), 405, None),
    (errors.JobConflict("video_in_progress", "No."), 409, None),
    (errors.TransitionRefused("video_1", "ready", "queued"), 409, None),
    (errors.VideoClaimedError("video_1", "video_2"), 409, None),
    (errors.BodyTooLargeError(4_500_000), 413, None),
]


@pytest.mark.parametrize(("error", "status", "param"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_has_its_status_type_and_param(error: errors.SoraReadyError, status: int, param: str | None) -> None:
    answer = error_response(error)
    assert answer is not None
    assert_holds(ERROR, answer.body)
    told = answer.body["error"]
    assert (answer.status, told["type"], told["param"], told["code"]) == (status, TYPES[status], param, error.code)


@pytest.mark.parametrize(
    "error",
    [errors.SettingsError("setting_missing", "No."), errors.VideoServerUnavailableError("away", "No.")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_caller_cannot_mend_is_a_fault(error: errors.SoraReadyError) -> None:
    assert error_response(error) is None


def test_a_fault_tells_its_request_id_and_nothing_else() -> None:
    answer = internal_error("GET", "3f1c9e52")
    assert_holds(ERROR, answer.body)
    assert answer.status == 500
    assert "3f1c9e52" in answer.body["error"]["message"]


def test_the_sdk_shall_not_repeat_what_stays_a_conflict_or_may_have_been_taken() -> None:
    conflict = error_response(errors.JobConflict("video_in_progress", "No."))
    assert conflict is not None
    assert conflict.headers == internal_error("POST", "1").headers == {"x-should-retry": "false"}
    assert internal_error("GET", "1").headers == {}


def test_a_wrong_method_is_told_the_right_ones() -> None:
    answer = error_response(errors.MethodNotAllowedError("PUT", ["GET", "POST"]))
    assert answer is not None
    assert answer.headers == {"Allow": "GET, POST"}


@pytest.mark.parametrize("kind", sorted(GATEWAY))
def test_what_api_gateway_answers_by_itself_is_in_the_same_words(kind: str) -> None:
    text = GATEWAY[kind]["ResponseTemplates"]["application/json"]
    told = json.loads(text.replace("$context.error.messageString", '"Something."'))
    assert_holds(ERROR, told)
    if "StatusCode" in GATEWAY[kind]:
        assert told["error"]["type"] == TYPES[GATEWAY[kind]["StatusCode"]]


def test_no_answer_of_api_gateway_keeps_its_own_words() -> None:
    assert {"UNAUTHORIZED", "ACCESS_DENIED", "REQUEST_TOO_LARGE", "THROTTLED", "DEFAULT_4XX", "DEFAULT_5XX"} <= set(
        GATEWAY
    )
    assert {GATEWAY[kind]["StatusCode"] for kind in ("UNAUTHORIZED", "ACCESS_DENIED")} == {401}


def test_a_body_too_large_is_told_alike_by_the_function_and_by_api_gateway() -> None:
    limit = 4_500_000
    ours = error_response(errors.BodyTooLargeError(limit))
    assert ours is not None
    assert json.loads(GATEWAY["REQUEST_TOO_LARGE"]["ResponseTemplates"]["application/json"]) == ours.body
    assert "POST /v1/uploads" in ours.body["error"]["message"]
