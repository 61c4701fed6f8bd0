"""Every route of the template refuses requests without a token, with a wrong one, or with one in the wrong place."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from local.deploy import load_template
from local.stack import LocalStack, VideosApi
from tests.openai_schema import ERROR, assert_holds

EVENTS: list[dict[str, Any]] = [
    event["Properties"]
    for function in load_template()["Resources"].values()
    for event in function.get("Properties", {}).get("Events", {}).values()
    if event["Type"] == "Api"
]
ROUTES = sorted((event["Method"], re.sub(r"{[^}]+}", "video_1", event["Path"])) for event in EVENTS)


@pytest.fixture(scope="module")
def http(local: LocalStack) -> Iterator[httpx2.Client]:
    tls = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    with httpx2.Client(verify=tls, base_url=local.videos_api.url) as client:
        yield client


@pytest.fixture(scope="module")
def api(local: LocalStack) -> VideosApi:
    return local.videos_api


@pytest.fixture(scope="module")
def expired_token(local: LocalStack) -> str:
    """A token that was valid two rotations ago. The one of the other tests is valid again afterwards."""
    secrets, secret = local.emulator.client("secretsmanager"), local.stack.outputs["ApiTokenSecret"]
    expired = "an-old-token-0123456789-0123456789-0123456789"
    for token in (expired, "another-token-0123456789-0123456789-0123456789", local.videos_api.token):
        secrets.put_secret_value(SecretId=secret, SecretString=token)
    return expired


def expect_refusal(http: httpx2.Client, method: str, path: str, **options: Any) -> None:
    response = http.request(method, path, **options)
    assert response.status_code == 401, (method, path, response.text)
    if method != "HEAD":
        assert_holds(ERROR, response.json())
        assert response.json()["error"]["type"] == "authentication_error"


def test_the_template_has_routes() -> None:
    assert len(ROUTES) > 12
    assert ("POST", "/videos") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_responds_without_the_token(
    http: httpx2.Client, api: VideosApi, expired_token: str, method: str, path: str
) -> None:
    expect_refusal(http, method, path)
    for header in (
        "",
        "Bearer",
        f"Bearer {'x' * 48}",
        f"Bearer {expired_token}",
        f"Bearer {api.token[:-1]}",
        f"Bearer {api.token} x",
        f"Basic {api.token}",
        api.token,
    ):
        expect_refusal(http, method, path, headers={"Authorization": header})
    for name in ("X-Api-Key", "Api-Key", "Cookie", "X-Authorization"):
        expect_refusal(http, method, path, headers={name: f"Bearer {api.token}"})
    for name in ("api_key", "token", "Authorization", "access_token"):
        expect_refusal(http, method, path, params={name: f"Bearer {api.token}"})


def test_the_token_is_accepted(http: httpx2.Client, api: VideosApi) -> None:
    response = http.get("/models", headers={"Authorization": f"Bearer {api.token}"})
    assert (response.status_code, response.json()["object"]) == (200, "list")


def test_deploy_local_lists_the_models_like_any_client(local: LocalStack) -> None:
    assert "sora-2" in local.list_models()


def test_a_body_is_not_read_without_the_token(http: httpx2.Client, local: LocalStack) -> None:
    jobs = local.emulator.client("dynamodb").scan(TableName=local.stack.outputs["JobsTable"], Select="COUNT")["Count"]
    expect_refusal(http, "POST", "/videos", content=json.dumps({"input_reference": "data:;base64,UE5H"}))
    after = local.emulator.client("dynamodb").scan(TableName=local.stack.outputs["JobsTable"], Select="COUNT")["Count"]
    assert after == jobs
