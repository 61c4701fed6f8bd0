"""OpenAI's own SDK against the stack's API: any picture becomes a video, and each error is a typed exception."""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types import Video
from PIL import Image

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.measure_media import open_picture, pixel_at, psnr, read_clip
from tests.e2e.wait_for_jobs import submissions_of
from tests.openai_schema import ERROR, VIDEO, VIDEO_LIST, assert_holds

Connect = Callable[..., OpenAI]


@pytest.fixture(scope="module")
def connect(local: LocalStack) -> Iterator[Connect]:
    tls = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    opened = []

    def connect(token: str = local.videos_api.token, **options: Any) -> OpenAI:
        http = openai.DefaultHttpxClient(verify=tls)
        opened.append(OpenAI(base_url=local.videos_api.url, api_key=token, http_client=http, **options))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def client(connect: Connect) -> OpenAI:
    return connect()


@pytest.fixture(scope="module")
def phone_jpeg(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sideways picture of 4032×3024 pixels, as phones store it: upright it is 3024×4032."""
    path = make_sample(tmp_path_factory.mktemp("phone") / "sample.jpg")
    upright = Image.open(path).convert("RGB").resize((3024, 4032))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", quality=85, exif=exif)
    return out.getvalue()


@pytest.fixture(scope="module")
def completed(client: OpenAI, phone_jpeg: bytes) -> Video:
    """The completed video of the phone's picture."""
    return client.videos.create_and_poll(
        prompt="a calm sea",
        size="1280x720",
        seconds="4",
        input_reference=("IMG_0001.jpg", phone_jpeg, "image/jpeg"),
        extra_body={"mode": "pad", "background": "white", "crop": {"left_fraction": 0.1, "right_fraction": 0.9}},
        poll_interval_ms=200,
    )


def create_small(client: OpenAI, **options: Any) -> Video:
    """Create a video of a small picture."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (20, 90, 160)).save(picture, "PNG")
    return client.videos.create(prompt="a calm sea", seconds="4", input_reference=picture.getvalue(), **options)


def test_a_phones_sideways_picture_becomes_the_requested_video(
    client: OpenAI, completed: Video, tmp_path: Path
) -> None:
    assert (completed.status, completed.size, completed.seconds, completed.progress) == (
        "completed",
        "1280x720",
        "4",
        100,
    )
    assert_holds(VIDEO, completed.to_dict(mode="json") | {"job": {}})
    client.videos.download_content(completed.id).write_to_file(tmp_path / "video.mp4")
    client.get(
        f"/videos/{completed.id}/content?variant=ready", cast_to=openai.HttpxBinaryResponseContent
    ).write_to_file(tmp_path / "ready.jpg")
    clip, ready = read_clip(tmp_path / "video.mp4"), open_picture(tmp_path / "ready.jpg")
    assert (clip.codec, clip.size, round(clip.seconds, 1)) == ("h264", (1280, 720), 4.0)
    assert psnr(clip.first_frame, ready) > 30
    # upright and cropped it is 2419×4032, so both sides are white
    assert min(pixel_at(ready, 5, 360)) > 250


def test_the_source_picture_can_be_downloaded_unchanged(client: OpenAI, completed: Video, phone_jpeg: bytes) -> None:
    url = f"/videos/{completed.id}/content?variant=source"
    assert client.get(url, cast_to=openai.HttpxBinaryResponseContent).read() == phone_jpeg


def test_the_token_is_sent_to_the_api_only(client: OpenAI, completed: Video, local: LocalStack) -> None:
    requests: list[tuple[str, bool]] = []
    tls = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    hooks = {"request": [lambda request: requests.append((request.url.host, "authorization" in request.headers))]}
    http = openai.DefaultHttpxClient(verify=tls, event_hooks=hooks)
    with OpenAI(base_url=local.videos_api.url, api_key=local.videos_api.token, http_client=http) as watched:
        watched.videos.download_content(completed.id)
    assert requests == [("localhost", True), ("127.0.0.1", False)]


def test_a_retrieved_video_is_the_same_as_the_created_one(client: OpenAI, completed: Video) -> None:
    assert client.videos.retrieve(completed.id) == completed


def test_a_list_of_over_45_videos_has_no_gaps_and_no_repeats_while_others_arrive(client: OpenAI) -> None:
    # given 45 videos, besides those of other tests
    with ThreadPoolExecutor(4) as pool:
        created = {video.id for video in pool.map(lambda _: create_small(client), range(45))}
    orders: tuple[Literal["asc", "desc"], ...] = ("asc", "desc")
    for order in orders:
        # when the list is read page by page, and new videos arrive in between
        seen: list[str] = []
        late: list[str] = []
        page = client.videos.list(limit=10, order=order)
        while True:
            assert_holds(VIDEO_LIST, page.to_dict(mode="json") | {"object": "list"})
            seen += [video.id for video in page.data]
            if not page.has_next_page():
                break
            if len(late) < 3:
                late.append(create_small(client).id)
            page = page.get_next_page()
        # then each is in the list once
        assert len(seen) == len(set(seen))
        assert created <= set(seen)
        assert set(late) <= set(seen) if order == "asc" else set(late).isdisjoint(seen)
        created |= set(late)


def test_a_deleted_video_is_gone_with_its_files(client: OpenAI, local: LocalStack) -> None:
    video = client.videos.poll(create_small(client).id, poll_interval_ms=200)
    response = client.videos.delete(video.id)
    assert (response.id, response.object, response.deleted) == (video.id, "video.deleted", True)
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)
    s3 = local.emulator.client("s3")
    for bucket in ("UploadBucket", "OutputBucket"):
        left = s3.list_objects_v2(Bucket=local.stack.outputs[bucket]).get("Contents", [])
        assert [item["Key"] for item in left if video.id in item["Key"]] == []


def test_the_models_are_the_catalogs(client: OpenAI) -> None:
    assert {"sora-2", "sora-2-pro"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("sora-2").object == "model"


# ---------------------------------------------------------------- each error is the SDK's typed exception


def error_of(kind: type[openai.APIStatusError], request: Callable[[], object]) -> dict[str, Any]:
    """Return the error that a request gets, after checking its class and its JSON."""
    with pytest.raises(kind) as error:
        request()
    assert type(error.value) is kind
    assert_holds(ERROR, error.value.response.json())
    body: dict[str, Any] = error.value.response.json()["error"]
    return body


def test_invalid_fields_are_a_bad_request(client: OpenAI) -> None:
    error = error_of(openai.BadRequestError, lambda: create_small(client, size="1x1"))
    assert (error["param"], error["code"]) == ("size", "invalid_size")
    assert error_of(openai.BadRequestError, lambda: client.videos.create(prompt="x"))["param"] == "input_reference"
    error = error_of(openai.BadRequestError, lambda: create_small(client, extra_body={"width": 5}))
    assert (error["param"], error["code"]) == ("width", "unknown_parameter")


def test_a_wrong_token_is_an_authentication_error(connect: Connect) -> None:
    client = connect("x" * 48)
    assert error_of(openai.AuthenticationError, client.videos.list)["code"] == "invalid_api_key"


def test_an_unknown_video_is_not_found(client: OpenAI) -> None:
    assert error_of(openai.NotFoundError, lambda: client.videos.retrieve("video_" + "0" * 32))["param"] == "video_id"
    assert error_of(openai.NotFoundError, lambda: client.get("/nothing", cast_to=object))["code"] == "unknown_url"


def test_the_same_key_with_another_body_is_a_conflict_that_the_sdk_does_not_retry(connect: Connect) -> None:
    posts: list[str] = []
    client, key = connect(), {"Idempotency-Key": "a conflict"}
    client._client.event_hooks = {"request": [lambda request: posts.append(request.method)]}
    create_small(client, extra_headers=key)
    error = error_of(openai.ConflictError, lambda: create_small(client, extra_headers=key, extra_body={"mode": "pad"}))
    assert error["code"] == "idempotency_key_reused"
    assert posts == ["POST", "POST"]


def test_content_that_is_not_ready_is_a_conflict(client: OpenAI) -> None:
    upload = create_upload(client)
    error = error_of(openai.ConflictError, lambda: client.videos.download_content(upload["id"]))
    assert error["code"] == "video_not_ready"


def test_a_method_that_a_path_does_not_allow_is_refused_with_the_allowed_ones(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        client.put("/videos", cast_to=object)
    assert (error.value.status_code, error.value.response.headers["allow"]) == (405, "GET, POST")


def test_too_many_requests_at_once_are_a_rate_limit_error(local: LocalStack, connect: Connect) -> None:
    gateway, api_id = local.emulator.client("apigateway"), local.stack.api_id

    def throttle(rate: str, burst: str) -> None:
        limits = {"rateLimit": rate, "burstLimit": burst}
        operations = [{"op": "replace", "path": f"/*/*/throttling/{name}", "value": limits[name]} for name in limits]
        gateway.update_stage(restApiId=api_id, stageName="v1", patchOperations=operations)

    throttle("0", "0")
    try:
        client = connect(max_retries=0)
        assert error_of(openai.RateLimitError, client.models.list)["code"] == "rate_limit_exceeded"
    finally:
        throttle("50", "100")


def test_a_body_that_is_too_large_is_refused_with_the_route_for_large_pictures(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        client.videos.create(prompt="a calm sea", input_reference=("big.bin", b"x" * 10_000_000))
    assert error.value.status_code == 413
    assert "POST /v1/uploads" in error.value.message


# ---------------------------------------------------------------- repeated requests


def test_twenty_requests_at_once_with_one_key_are_one_job_and_one_submission(
    client: OpenAI, local: LocalStack, phone_jpeg: bytes
) -> None:
    def send(_: int) -> str:
        picture = ("IMG_0001.jpg", phone_jpeg, "image/jpeg")
        key = {"Idempotency-Key": "twenty at once"}
        video = client.videos.create(prompt="a calm sea", seconds="4", input_reference=picture, extra_headers=key)
        return video.id

    with ThreadPoolExecutor(20) as pool:
        [video_id] = set(pool.map(send, range(20)))
    assert client.videos.poll(video_id, poll_interval_ms=200).status == "completed"
    assert len(submissions_of(local, video_id)) == 1


# ---------------------------------------------------------------- large pictures, with an upload form


def post_form(local: LocalStack, upload: dict[str, Any], data: bytes, changes: dict[str, str]) -> httpx2.Response:
    """Send the form of an upload, with changed fields, to S3."""
    tls = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    with httpx2.Client(verify=tls) as http:
        return http.post(upload["url"], data=upload["fields"] | changes, files={"file": ("big.jpg", data)})


def create_upload(client: OpenAI, **fields: object) -> dict[str, Any]:
    """Create a job whose picture is sent with a form; return its id, and the form's URL and fields."""
    upload = client.post("/uploads", body=fields, cast_to=object)
    assert isinstance(upload, dict)
    return upload


def test_a_picture_that_is_sent_with_the_form_becomes_a_video(
    client: OpenAI, local: LocalStack, phone_jpeg: bytes
) -> None:
    fields = {"prompt": "a calm sea", "size": "720x1280", "bytes": len(phone_jpeg), "content_type": "image/jpeg"}
    upload = create_upload(client, **fields)
    assert client.videos.retrieve(upload["id"]).status == "queued"
    assert post_form(local, upload, phone_jpeg, {}).status_code in {200, 201, 204}
    video = client.videos.poll(upload["id"], poll_interval_ms=200)
    assert (video.status, video.size) == ("completed", "720x1280")


def test_the_form_accepts_no_other_length_key_type_or_request(client: OpenAI, local: LocalStack) -> None:
    upload = create_upload(client, bytes=100, content_type="image/jpeg")
    assert post_form(local, upload, b"x" * 101, {}).status_code == 400
    assert post_form(local, upload, b"x" * 99, {}).status_code == 400
    for changes in (
        {"key": "videos/other.jpg"},
        {"Content-Type": "text/html"},
        {"x-amz-meta-request": "0" * 64},
        {"x-amz-meta-size": "1x1"},
        {"x-amz-tagging": "<Tagging/>"},
    ):
        assert post_form(local, upload, b"x" * 100, changes).status_code == 403, changes
    listed = local.emulator.client("s3").list_objects_v2(Bucket=local.stack.outputs["UploadBucket"])
    assert upload["id"] not in str(listed.get("Contents"))
