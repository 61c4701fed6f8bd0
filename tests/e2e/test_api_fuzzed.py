"""Whatever anybody sends to the API, it answers as its OpenAPI document says, and never with a fault of its own."""

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


MODES = {"as the document says": GenerationMode.POSITIVE, "as it does not": GenerationMode.NEGATIVE}
# For each operation and mode: over a thousand in all.
CASES = 64
PICTURE = "data:image/png;base64," + base64.b64encode(encode(Image.effect_noise((64, 36), 60))).decode()
ASKED = {
    "mode": ["cover", "blur", "sideways"],
    "size": ["auto", "1280x720", "1281x720", "tiktok"],
    "seconds": ["4", 4, "5"],
    "focus": ["auto", [0.5, 0.3], "0.5"],
    "crop": ["0 0 1 1", {"left_fraction": 0.5}, [1, 2]],
    "quality": [1, "100", 101],
    "preset": ["product", "none"],
}
# What is asked of these is answered, for some of what the document allows at least.
TAKES_ANYBODY = {"create_video", "create_upload", "list_videos", "get_video", "list_models"}
DOCUMENT = schemathesis.openapi.from_dict(build_document())


@pytest.fixture(scope="module")
def session(local: LocalStack) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {local.videos_api.token}"
    # Nothing that a person has in their environment may stand in for the token, or carry the calls elsewhere.
    session.trust_env = False
    return session


@pytest.fixture(scope="module")
def video_id(local: LocalStack, session: requests.Session) -> str:
    """A video that there is, and that ends by itself."""
    answer = session.post(
        f"{local.videos_api.url}/videos",
        json={"input_reference": {"image_url": PICTURE}},
        verify=str(local.emulator.ca_bundle),
    )
    return str(answer.json()["id"])


def find_cases(name: str, mode: GenerationMode, video_id: str) -> Any:
    """What to call an operation with: about half the time, of those that are about a video, for one that there is."""
    found = (result.ok() for result in DOCUMENT.get_all_operations())
    operation = next(one for one in found if one.definition.raw["operationId"] == name)
    cases = operation.as_strategy(generation_mode=mode)
    if name == "create_video" and mode is GenerationMode.POSITIVE:
        # Nobody guesses a picture: so one is given, and whatever else is asked for with it.
        asked = st.fixed_dictionaries({}, optional={field: st.sampled_from(values) for field, values in ASKED.items()})
        given = {"prompt": "a calm sea", "input_reference": {"image_url": PICTURE}}
        return cases | asked.flatmap(
            lambda options: operation.as_strategy(body=given | options, media_type="application/json")
        )
    if "{video_id}" not in operation.path:
        return cases
    return cases | operation.as_strategy(path_parameters={"video_id": video_id})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", [route.operation for route in ROUTES])
def test_it_answers_as_its_document_says(
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
    @given(find_cases(operation, MODES[mode], video_id))
    def answers(case: Case) -> None:
        answer = case.call_and_validate(
            base_url=local.videos_api.url,
            session=session,
            checks=CHECKS,
            allow_redirects=False,
            verify=str(local.emulator.ca_bundle),
        )
        seen[f"answered with {answer.status_code}"] += 1

    answers()
    assert seen["answered with 200"] or operation not in TAKES_ANYBODY or mode != "as the document says"
    record_property("counted", {f"calls of the API, {mode}": dict(seen)})
