"""Errors in OpenAI's format: each class has its status, type and param, whoever sends the response."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from sora_ready.domain import errors
from sora_ready.entrypoints.api import errors as api_errors
from sora_ready.entrypoints.api.errors import ERROR_TYPES, to_request_error
from tests.openai_schema import ERROR, assert_holds

RESOURCES = yaml_parse((Path(__file__).resolve().parents[2] / "template.yaml").read_text(encoding="utf-8"))["Resources"]
GATEWAY: dict[str, Any] = RESOURCES["VideosApi"]["Properties"]["GatewayResponses"]
CASES: list[tuple[errors.SoraReadyError, int, str | None]] = [
    (api_errors.ParameterRejected("invalid_json", "No.", param="body"), 400, "body"),
    (errors.RequestRejected("size", "1x1", "body", ["64x48"]), 400, "size"),
    (errors.SourceRejected("source_archived", "No."), 400, "input_reference"),
    (errors.DecisionRejected("invalid_video_id", "No."), 400, "video_id"),
    (errors.Rejected("odd", "No."), 400, None),
    (api_errors.OriginRefused("origin_not_allowed", "No."), 401, None),
    (api_errors.ResourceNotFound("video_not_found", "No.", param="video_id"), 404, "video_id"),
    (api_errors.ResourceNotFound("unknown_url", "No."), 404, None),
    (api_errors.MethodNotAllowedError("PUT", ["GET", "POST"]), 405, None),
    (api_errors.StateConflict("video_not_ready", "No."), 409, None),
    (errors.JobConflict("video_in_progress", "No."), 409, "video_id"),
    (errors.JobConflict("video_deleted", "No."), 409, "Idempotency-Key"),
    (errors.JobConflict("idempotency_key_reused", "No."), 409, "Idempotency-Key"),
    (errors.TransitionRefused("video_1", "ready", "queued"), 409, None),
    (errors.VideoClaimedError("video_1", "video_2"), 409, None),
    (api_errors.BodyTooLargeError(4_500_000), 413, None),
]


def returned(error: errors.SoraReadyError) -> api_errors.RequestError:
    request_error = to_request_error(error)
    assert request_error is not None
    return request_error


def body_of(error: api_errors.RequestError) -> Any:
    """The body as JSON, once it was written and read."""
    return json.loads(json.dumps(error.to_body()))


@pytest.mark.parametrize(("error", "status", "param"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_has_its_status_type_and_param(error: errors.SoraReadyError, status: int, param: str | None) -> None:
    request_error = returned(error)
    body = body_of(request_error)
    assert_holds(ERROR, body)
    detail = body["error"]
    assert (request_error.status, detail["type"]) == (status, ERROR_TYPES[status])
    assert (detail["param"], detail["code"]) == (param, error.code)


def test_a_job_that_is_not_found_is_a_video_that_is_not_found() -> None:
    detail = body_of(returned(errors.JobNotFound("video_1")))["error"]
    assert (detail["code"], detail["param"], detail["type"]) == ("video_not_found", "video_id", "not_found_error")


def test_a_hint_is_part_of_the_message() -> None:
    error = errors.VideoClaimedError("video_1", "video_2")
    assert body_of(returned(error))["error"]["message"] == f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    "error",
    [errors.SettingsError("setting_missing", "No."), errors.VideoServerUnavailableError("away", "No.")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_the_caller_cannot_fix_is_internal(error: errors.SoraReadyError) -> None:
    assert to_request_error(error) is None


def test_an_internal_error_contains_its_request_id_and_no_details() -> None:
    error = api_errors.InternalError("GET", "3f1c9e52")
    assert_holds(ERROR, body_of(error))
    assert error.status == 500
    assert "3f1c9e52" in body_of(error)["error"]["message"]


def test_the_sdk_does_not_retry_what_stays_a_conflict_or_may_have_had_effects() -> None:
    conflict = returned(errors.JobConflict("video_in_progress", "No."))
    assert conflict.headers == api_errors.InternalError("POST", "1").headers == {"x-should-retry": "false"}
    assert api_errors.InternalError("GET", "1").headers == {}


def test_a_method_that_is_not_allowed_gets_the_allowed_ones() -> None:
    assert api_errors.MethodNotAllowedError("PUT", ["GET", "POST"]).headers == {"Allow": "GET, POST"}


@pytest.mark.parametrize("kind", sorted(GATEWAY))
def test_api_gateways_own_responses_have_the_same_format(kind: str) -> None:
    text = GATEWAY[kind]["ResponseTemplates"]["application/json"]
    body = json.loads(text.replace("$context.error.messageString", '"Something."'))
    assert_holds(ERROR, body)
    if "StatusCode" in GATEWAY[kind]:
        assert body["error"]["type"] == ERROR_TYPES[GATEWAY[kind]["StatusCode"]]


def test_no_response_of_api_gateway_keeps_its_own_format() -> None:
    assert {"UNAUTHORIZED", "ACCESS_DENIED", "REQUEST_TOO_LARGE", "THROTTLED", "DEFAULT_4XX", "DEFAULT_5XX"} <= set(
        GATEWAY
    )
    assert {GATEWAY[kind]["StatusCode"] for kind in ("UNAUTHORIZED", "ACCESS_DENIED")} == {401}


def test_a_body_too_large_gets_the_same_response_from_the_function_and_from_api_gateway() -> None:
    body = body_of(api_errors.BodyTooLargeError(4_500_000))
    assert json.loads(GATEWAY["REQUEST_TOO_LARGE"]["ResponseTemplates"]["application/json"]) == body
    assert "POST /v1/uploads" in body["error"]["message"]
