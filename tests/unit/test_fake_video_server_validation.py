"""Which create requests the fake video server accepts, and the error messages for the others."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from local.fake_video_server import SORA_CATALOG, FakeVideoServerConfig, ModelRules, create_app

SIZE = (64, 48)
CATALOG = {
    "sora-2": ModelRules(("64x48", "48x64"), ("1", "4", "8")),
    "sora-2-pro": ModelRules(("64x48", "128x96"), ("1", "4", "8", "12")),
}


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = create_app(FakeVideoServerConfig(key="sk-test", render_seconds=0, catalog=CATALOG))
    with TestClient(app, headers={"Authorization": "Bearer sk-test"}) as client:
        yield client


def picture(size: tuple[int, int] = SIZE, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


def create(client: TestClient, image: Any = None, **fields: str) -> Any:
    """Post a multipart form; `image` is (name, bytes, type)."""
    values = {"prompt": "a calm sea", **fields}
    # Without a file name a part is a plain field.
    files: dict[str, Any] = {name: (None, value.encode()) for name, value in values.items()}
    if image is not None:
        files["input_reference"] = image
    return client.post("/v1/videos", files=files)


def error_of(response: Any) -> dict[str, Any]:
    assert response.status_code == 400, response.text
    assert set(response.json()) == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error


def test_the_catalog_is_what_openai_documented() -> None:
    assert SORA_CATALOG["sora-2"].sizes == ("720x1280", "1280x720")
    assert set(SORA_CATALOG["sora-2-pro"].sizes) == {
        *("720x1280", "1280x720", "1024x1792", "1792x1024", "1080x1920", "1920x1080")
    }
    assert {rules.seconds for rules in SORA_CATALOG.values()} == {("4", "8", "12", "16", "20")}


def test_a_prompt_alone_gets_the_defaults() -> None:
    app = create_app(FakeVideoServerConfig(key="sk-test"))
    with TestClient(app, headers={"Authorization": "Bearer sk-test"}) as client:
        video = create(client).json()
    assert (video["model"], video["size"], video["seconds"]) == ("sora-2", "720x1280", "4")


def test_the_response_is_a_queued_video_with_every_member_of_the_sdks_type(client: TestClient) -> None:
    video = create(client, model="sora-2-pro", seconds="8", size="64x48").json()
    assert video.pop("id").startswith("video_")
    assert isinstance(video.pop("created_at"), int)
    assert video == {
        "object": "video",
        "model": "sora-2-pro",
        "status": "queued",
        "progress": 0,
        "completed_at": None,
        "expires_at": None,
        "size": "64x48",
        "seconds": "8",
        "prompt": "a calm sea",
        "error": None,
        "remixed_from_video_id": None,
    }


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_a_picture_of_the_requested_size_is_accepted(client: TestClient, kind: str, mime: str) -> None:
    assert create(client, ("f", picture(kind=kind), mime), size="64x48").status_code == 200


def test_a_picture_one_pixel_off_is_refused(client: TestClient) -> None:
    error = error_of(create(client, ("f.jpg", picture((65, 48)), "image/jpeg"), size="64x48"))
    assert error["message"] == "Inpaint image must match the requested width and height"
    assert (error["param"], error["code"]) == (None, None)


def test_orientation_in_exif_is_not_applied(client: TestClient) -> None:
    """The size of a phone's portrait picture is that of its stored pixels, 48x64, not of the picture upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = ("f.jpg", picture((48, 64), exif=exif), "image/jpeg")
    assert error_of(create(client, sideways, size="64x48"))["message"].startswith("Inpaint image must match")
    assert create(client, sideways, size="48x64").status_code == 200


@pytest.mark.parametrize("mime", [None, "application/octet-stream", "image/gif", "text/plain"])
def test_a_part_without_a_pictures_mime_type_is_refused(client: TestClient, mime: str | None) -> None:
    # A name without a suffix, or the client would guess the type from it.
    image = ("upload", picture()) if mime is None else ("upload", picture(), mime)
    error = error_of(create(client, image, size="64x48"))
    assert f"unsupported mimetype ('{mime or 'application/octet-stream'}')" in error["message"]
    assert error["param"] == "input_reference"


def test_a_file_that_is_not_what_its_mime_type_says_is_refused(client: TestClient) -> None:
    error = error_of(create(client, ("f.png", picture(kind="JPEG"), "image/png"), size="64x48"))
    assert "not image/png but JPEG" in error["message"]


@pytest.mark.parametrize("data", [b"", b"no picture", picture()[:-200]], ids=["empty", "text", "half"])
def test_a_file_that_does_not_decode_is_refused(client: TestClient, data: bytes) -> None:
    error = error_of(create(client, ("f.jpg", data, "image/jpeg"), size="64x48"))
    assert error["code"] == "invalid_image_file"


def test_a_reference_sent_as_text_is_refused(client: TestClient) -> None:
    error = error_of(create(client, input_reference="https://example.com/f.jpg"))
    assert error["message"] == "Invalid type for 'input_reference': expected a file, but got a string instead."


@pytest.mark.parametrize("name", ["width", "n_seconds", "mode", "input_reference[image_url]"])
def test_an_unknown_field_is_refused(client: TestClient, name: str) -> None:
    error = error_of(create(client, **{name: "1"}))
    assert error["message"] == f"Unknown parameter: '{name}'."
    assert error["param"] == name


def test_a_repeated_field_is_refused(client: TestClient) -> None:
    parts = [("prompt", (None, b"one")), ("prompt", (None, b"two"))]
    error = error_of(client.post("/v1/videos", files=parts))
    assert error["code"] == "duplicate_parameter"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seconds": "15"}, "Invalid value: '15'. Supported values are: '1', '4', and '8'."),
        ({"seconds": "12"}, "Invalid value: '12'. Supported values are: '1', '4', and '8'."),
        ({"seconds": "4.0"}, "Invalid value: '4.0'. Supported values are: '1', '4', and '8'."),
        ({"size": "128x96"}, "Invalid value: '128x96'. Supported values are: '64x48' and '48x64'."),
        ({"model": "sora-1"}, "Invalid value: 'sora-1'. Supported values are: 'sora-2' and 'sora-2-pro'."),
    ],
)
def test_a_value_that_the_model_does_not_support_is_refused_with_the_supported_ones(
    client: TestClient, fields: dict[str, str], message: str
) -> None:
    error = error_of(create(client, **fields))
    assert error["message"] == message
    assert (error["param"], error["code"]) == (next(iter(fields)), "invalid_value")


def test_a_length_is_refused_for_one_model_and_accepted_for_another(client: TestClient) -> None:
    assert create(client, model="sora-2", seconds="12").status_code == 400
    assert create(client, model="sora-2-pro", seconds="12").status_code == 200


def test_a_prompt_is_required(client: TestClient) -> None:
    error = error_of(client.post("/v1/videos", files={"model": (None, b"sora-2")}))
    assert error["message"] == "Missing required parameter: 'prompt'."
    assert (error["param"], error["code"]) == ("prompt", "missing_required_parameter")


def test_a_prompt_has_1_to_32000_characters(client: TestClient) -> None:
    # Characters, not bytes: é is two bytes.
    assert create(client, prompt="é" * 32_000).status_code == 200
    too_long = error_of(create(client, prompt="é" * 32_001))
    assert "maximum length 32000, but got a string with length 32001" in too_long["message"]
    assert error_of(create(client, prompt=""))["code"] == "empty_string"


def test_moderation_blocks_a_prompt(client: TestClient) -> None:
    error = error_of(create(client, prompt="please moderation-block this"))
    assert error["message"] == "Your request was blocked by our moderation system."
    assert error["code"] == "moderation_blocked"


def test_json_is_accepted_without_a_picture_only(client: TestClient) -> None:
    response = client.post("/v1/videos", json={"prompt": "a calm sea", "seconds": "4"})
    assert response.status_code == 200
    with_picture = {"prompt": "a calm sea", "input_reference": {"image_url": "https://example.com/f.jpg"}}
    error = error_of(client.post("/v1/videos", json=with_picture))
    assert error["message"].startswith("Invalid type for 'input_reference': expected a file, but got an object")


def test_seconds_are_a_string(client: TestClient) -> None:
    error = error_of(client.post("/v1/videos", json={"prompt": "a calm sea", "seconds": 4}))
    assert error["message"] == (
        "Invalid type for 'seconds': expected one of '1', '4', and '8', but got an integer instead."
    )


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_broken_json_is_refused(client: TestClient, body: bytes) -> None:
    error_of(client.post("/v1/videos", content=body, headers={"Content-Type": "application/json"}))


def test_a_broken_form_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    error_of(client.post("/v1/videos", content=b"no parts", headers=headers))


def test_any_other_content_type_is_refused(client: TestClient) -> None:
    error = error_of(client.post("/v1/videos", data={"prompt": "a calm sea"}))
    assert error["code"] == "unsupported_content_type"


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer sk-other", "Basic sk-test", "sk-test"])
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/models", "/v1/videos/video_1/content"])
def test_every_request_needs_the_key(client: TestClient, authorization: str | None, path: str) -> None:
    del client.headers["authorization"]
    response = client.get(path, headers={"Authorization": authorization} if authorization else {})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
    assert "sk-other" not in json.dumps(response.json())


@pytest.mark.parametrize("path", ["/v1/video", "/v1/videos/", "/v1/videos/video_1/remix"])
def test_a_path_that_does_not_exist_is_refused_without_a_redirect(client: TestClient, path: str) -> None:
    response = client.post(path, follow_redirects=False)
    assert response.status_code == 404
    assert response.json()["error"]["message"] == f"Invalid URL (POST {path})"


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", "192.168.1.4", "::", ""])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        FakeVideoServerConfig(host=host)


@pytest.mark.parametrize("size", ["64x47", "64", "64×48", "-64x48"])
def test_a_catalog_with_a_size_that_cannot_be_rendered_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match=r"size"):
        FakeVideoServerConfig(catalog={"sora-2": ModelRules((size,), ("4",))})
