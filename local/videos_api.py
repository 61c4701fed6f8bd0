"""The stack's API on this machine: where it is, the token that opens it, and what the emulator leaves out of it."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.deploy import ROOT, Stack
from local.emulator import Emulator


@dataclass(frozen=True, slots=True)
class VideosApi:
    """The API of a running stack: the SDK's `base_url` and its `api_key`."""

    url: str
    token: str


def find_videos_api(emulator: Emulator, stack: Stack) -> VideosApi:
    """Return where the stack's API is on this machine, and its token.

    The emulator serves it under a path of its own. It is called by another name than S3, so that a client who follows a
    link does not take the token along: on AWS, too, the two are different hosts.
    """
    address = emulator.endpoint.replace("127.0.0.1", "localhost")
    secret = emulator.client("secretsmanager").get_secret_value(SecretId=stack.outputs["ApiTokenSecret"])
    return VideosApi(f"{address}/_aws/execute-api/{_api_id(stack)}/v1", secret["SecretString"])


def list_models(door: VideosApi, ca_bundle: Path) -> list[str]:
    """Ask the API for its models, as any client would, and return their names. Raises `OSError` where it says no."""
    asked = urllib.request.Request(f"{door.url}/models", headers={"Authorization": f"Bearer {door.token}"})
    with urllib.request.urlopen(asked, context=ssl.create_default_context(cafile=ca_bundle), timeout=60) as answer:
        return [model["id"] for model in json.load(answer)["data"]]


def set_gateway_responses(emulator: Emulator, stack: Stack) -> None:
    """Give the API the template's own answers of API Gateway, which stand in its body where the emulator reads none."""
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    responses: dict[str, Any] = template["Resources"]["VideosApi"]["Properties"]["GatewayResponses"]
    gateway, api_id = emulator.client("apigateway"), _api_id(stack)
    for kind, response in responses.items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
            **({"statusCode": str(response["StatusCode"])} if "StatusCode" in response else {}),
        )
    gateway.create_deployment(restApiId=api_id, stageName="v1")


def _api_id(stack: Stack) -> str:
    found = re.match(r"https://(\w+)\.execute-api\.", stack.outputs["ApiUrl"])
    assert found, "the output ApiUrl begins with the API's id"
    return found[1]
