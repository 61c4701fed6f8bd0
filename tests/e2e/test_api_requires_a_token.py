"""Every route of the template is closed to whoever has no token, a wrong one, or one in the wrong place."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from samtranslator.yaml_helper import yaml_parse

from local.stack import LocalStack
from local.videos_api import VideosApi, list_models
from tests.openai_schema import ERROR, assert_holds

TEMPLATE = yaml_parse((Path(__file__).resolve().parents[2] / "template.yaml").read_text(encoding="utf-8"))
EVENTS: list[dict[str, Any]] = [
    event["Properties"]
    for function in TEMPLATE["Resources"].values()
    for event in function.get("Properties", {}).get("Events", {}).values()
    if event["Type"] == "Api"
]
ROUTES = sorted((event["Method"], re.sub(r"{[^}]+}", "video_1", event["Path"])) for event in EVENTS)


@pytest.fixture(scope="module")
def http(local: LocalStack) -> Iterator[httpx2.Client]:
    trust = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    with httpx2.Client(verify=trust, base_url=local.videos_api.url) as client:
        yield client


@pytest.fixture(scope="module")
def door(local: LocalStack) -> VideosApi:
    return local.videos_api


@pytest.fixture(scope="module")
def rotated_out(local: LocalStack) -> str:
    """A token that was good two rotations ago. The one that the other tests use is put back."""
    secrets, secret = local.emulator.client("secretsmanager"), local.stack.outputs["ApiTokenSecret"]
    old = "an-old-token-0123456789-0123456789-0123456789"
    for token in (old, "another-token-0123456789-0123456789-0123456789", local.videos_api.token):
        secrets.put_secret_value(SecretId=secret, SecretString=token)
    return old


def refused(http: httpx2.Client, method: str, path: str, **options: Any) -> None:
    answer = http.request(method, path, **options)
    assert answer.status_code == 401, (method, path, answer.text)
    if method != "HEAD":
        assert_holds(ERROR, answer.json())
        assert answer.json()["error"]["type"] == "authentication_error"


def test_the_template_has_routes() -> None:
    assert len(ROUTES) > 12
    assert ("POST", "/videos") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_opens_without_the_token(
    http: httpx2.Client, door: VideosApi, rotated_out: str, method: str, path: str
) -> None:
    refused(http, method, path)
    for header in (
        "",
        "Bearer",
        f"Bearer {'x' * 48}",
        f"Bearer {rotated_out}",
        f"Bearer {door.token[:-1]}",
        f"Bearer {door.token} x",
        f"Basic {door.token}",
        door.token,
    ):
        refused(http, method, path, headers={"Authorization": header})
    for place in ("X-Api-Key", "Api-Key", "Cookie", "X-Authorization"):
        refused(http, method, path, headers={place: f"Bearer {door.token}"})
    for name in ("api_key", "token", "Authorization", "access_token"):
        refused(http, method, path, params={name: f"Bearer {door.token}"})


def test_the_token_opens(http: httpx2.Client, door: VideosApi) -> None:
    answer = http.get("/models", headers={"Authorization": f"Bearer {door.token}"})
    assert (answer.status_code, answer.json()["object"]) == (200, "list")


def test_the_rehearsal_asks_as_any_client_does(local: LocalStack) -> None:
    assert "sora-2" in list_models(local.videos_api, local.emulator.ca_bundle)


def test_a_body_is_not_read_before_the_token(http: httpx2.Client, local: LocalStack) -> None:
    jobs = local.emulator.client("dynamodb").scan(TableName=local.stack.outputs["JobsTable"], Select="COUNT")["Count"]
    refused(http, "POST", "/videos", content=json.dumps({"input_reference": "data:;base64,UE5H"}))
    after = local.emulator.client("dynamodb").scan(TableName=local.stack.outputs["JobsTable"], Select="COUNT")["Count"]
    assert after == jobs
