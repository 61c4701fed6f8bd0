"""The API responds to any request as its OpenAPI document says, and never with an error of its own."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from local.stack import LocalStack
from sora_ready.entrypoints.api.openapi import build_document
from sora_ready.entrypoints.api.routes import ROUTES

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def encode(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


MODES = {"valid": GenerationMode.POSITIVE, "invalid": GenerationMode.NEGATIVE}
# For each operation and mode: over a thousand requests in all.
CASES = 64
PICTURE = "data:image/png;base64," + base64.b64encode(encode(Image.effect_noise((64, 36), 60))).decode()
OPTIONS: dict[str, list[object]] = {
    "mode": ["cover", "blur", "sideways"],
    "size": ["auto", "1280x720", "1281x720", "tiktok"],
    "seconds": ["4", 4, "5"],
    "focus": ["auto", [0.5, 0.3], "0.5"],
    "crop": ["0 0 1 1", {"left_fraction": 0.5}, [1, 2]],
    "quality": [1, "100", 101],
    "preset": ["product", "none"],
}
# These operations succeed for at least some of their valid requests.
OFTEN_SUCCEED = {"create_video", "create_upload", "list_videos", "get_video", "list_models"}
DOCUMENT = schemathesis.openapi.from_dict(build_document())


@pytest.fixture(scope="module")
def session(local: LocalStack) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {local.videos_api.token}"
    # Neither a .netrc file nor a proxy of the user may change the requests.
    session.trust_env = False
    return session


@pytest.fixture(scope="module")
def video_id(local: LocalStack, session: requests.Session) -> str:
    """The id of a video that exists, and that ends by itself."""
    response = session.post(
        f"{local.videos_api.url}/videos",
        json={"input_reference": {"image_url": PICTURE}},
        verify=str(local.emulator.ca_bundle),
    )
    return str(response.json()["id"])


def generate_cases(name: str, mode: GenerationMode, video_id: str) -> Any:
    """Return requests for an operation. Where it needs a video, about half of them name one that exists."""
    results: Any = DOCUMENT.get_all_operations()
    operations = (result.ok() for result in results)
    operation = next(each for each in operations if each.definition.raw["operationId"] == name)
    cases = operation.as_strategy(generation_mode=mode)
    if name == "create_video" and mode is GenerationMode.POSITIVE:
        # No generator guesses a picture, so one is given, with any options beside it.
        choices = {name: st.sampled_from(values) for name, values in OPTIONS.items()}
        picture = {"prompt": "a calm sea", "input_reference": {"image_url": PICTURE}}
        return cases | st.fixed_dictionaries({}, optional=choices).flatmap(
            lambda options: operation.as_strategy(body=picture | options, media_type="application/json")
        )
    if "{video_id}" not in operation.path:
        return cases
    return cases | operation.as_strategy(path_parameters={"video_id": video_id})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", [route.operation for route in ROUTES])
def test_it_responds_as_its_document_says(
    local: LocalStack,
    session: requests.Session,
    video_id: str,
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
    @given(generate_cases(operation, MODES[mode], video_id))
    def send(case: Case) -> None:
        response = case.call_and_validate(
            base_url=local.videos_api.url,
            session=session,
            checks=CHECKS,
            allow_redirects=False,
            verify=str(local.emulator.ca_bundle),
        )
        seen[f"status {response.status_code}"] += 1

    send()
    assert seen["status 200"] or operation not in OFTEN_SUCCEED or mode != "valid"
    record_property("counted", {f"{mode} requests to the API": dict(seen)})
