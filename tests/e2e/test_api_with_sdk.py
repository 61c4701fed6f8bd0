"""OpenAI's own SDK, pointed at `make up`: any picture becomes a video, and each error is the SDK's typed exception."""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types import Video
from PIL import Image

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.measure_media import open_picture, psnr, read_clip
from tests.openai_schema import ERROR, VIDEO, VIDEO_LIST, assert_holds

PICTURE = {"prompt": "a calm sea", "seconds": "4"}
Connect = Callable[..., OpenAI]


@pytest.fixture(scope="module")
def connect(local: LocalStack) -> Iterator[Connect]:
    trust = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    opened = []

    def connect(token: str = local.videos_api.token, **options: Any) -> OpenAI:
        http = openai.DefaultHttpxClient(verify=trust)
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
    """A picture of 4032×3024 that lies on its side, as phones write it: upright it is 3024×4032."""
    path = make_sample(tmp_path_factory.mktemp("phone") / "sample.jpg")
    upright = Image.open(path).convert("RGB").resize((3024, 4032))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", quality=85, exif=exif)
    return out.getvalue()


@pytest.fixture(scope="module")
def finished(client: OpenAI, phone_jpeg: bytes) -> Video:
    """The phone's picture, sent and waited for."""
    return client.videos.create_and_poll(
        prompt="a calm sea",
        size="1280x720",
        seconds="4",
        input_reference=("IMG_0001.jpg", phone_jpeg, "image/jpeg"),
        extra_body={"mode": "pad", "background": "white", "crop": {"left_fraction": 0.1, "right_fraction": 0.9}},
        poll_interval_ms=200,
    )


def small_picture(client: OpenAI, **options: Any) -> Video:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (20, 90, 160)).save(picture, "PNG")
    return client.videos.create(**PICTURE, input_reference=picture.getvalue(), **options)


def test_a_phones_sideways_picture_becomes_the_video_that_was_asked_for(
    client: OpenAI, finished: Video, tmp_path: Path
) -> None:
    assert (finished.status, finished.size, finished.seconds, finished.progress) == ("completed", "1280x720", "4", 100)
    assert_holds(VIDEO, finished.to_dict(mode="json") | {"job": {}})
    client.videos.download_content(finished.id).write_to_file(tmp_path / "video.mp4")
    client.get(f"/videos/{finished.id}/content?variant=ready", cast_to=openai.HttpxBinaryResponseContent).write_to_file(
        tmp_path / "ready.jpg"
    )
    clip, ready = read_clip(tmp_path / "video.mp4"), open_picture(tmp_path / "ready.jpg")
    assert (clip.codec, clip.size, round(clip.seconds, 1)) == ("h264", (1280, 720), 4.0)
    assert psnr(clip.first_frame, ready) > 30
    # upright and cropped it is 2419×4032, so there is white on both sides
    assert min(ready.getpixel((5, 360))) > 250


def test_the_picture_can_be_had_again_as_it_was_sent(client: OpenAI, finished: Video, phone_jpeg: bytes) -> None:
    url = f"/videos/{finished.id}/content?variant=source"
    assert client.get(url, cast_to=openai.HttpxBinaryResponseContent).read() == phone_jpeg


def test_the_token_goes_nowhere_but_to_the_api(client: OpenAI, finished: Video, local: LocalStack) -> None:
    seen: list[tuple[str, bool]] = []
    trust = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    hook = {"request": [lambda request: seen.append((request.url.host, "authorization" in request.headers))]}
    http = openai.DefaultHttpxClient(verify=trust, event_hooks=hook)
    with OpenAI(base_url=local.videos_api.url, api_key=local.videos_api.token, http_client=http) as watched:
        watched.videos.download_content(finished.id)
    assert seen == [("localhost", True), ("127.0.0.1", False)]


def test_a_video_is_retrieved_as_it_was_told(client: OpenAI, finished: Video) -> None:
    assert client.videos.retrieve(finished.id) == finished


def test_a_list_over_45_jobs_has_no_gaps_and_no_repeats_while_others_arrive(client: OpenAI) -> None:
    # given 45 videos and those that were there before
    with ThreadPoolExecutor(4) as pool:
        made = {video.id for video in pool.map(lambda _: small_picture(client), range(45))}
    for order in ("asc", "desc"):
        # when a page at a time is read, and between the pages new ones come
        seen, late = [], []
        page = client.videos.list(limit=10, order=order)
        while True:
            assert_holds(VIDEO_LIST, page.to_dict(mode="json") | {"object": "list"})
            seen += [video.id for video in page.data]
            if not page.has_next_page():
                break
            if len(late) < 3:
                late.append(small_picture(client).id)
            page = page.get_next_page()
        # then each is there once
        assert len(seen) == len(set(seen))
        assert made <= set(seen)
        assert set(late) <= set(seen) if order == "asc" else set(late).isdisjoint(seen)
        made |= set(late)


def test_a_deleted_video_is_gone_with_its_files(client: OpenAI, local: LocalStack) -> None:
    video = client.videos.poll(small_picture(client).id, poll_interval_ms=200)
    told = client.videos.delete(video.id)
    assert (told.id, told.object, told.deleted) == (video.id, "video.deleted", True)
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


def raised(kind: type[openai.APIStatusError], call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    assert_holds(ERROR, error.value.response.json())
    body: dict[str, Any] = error.value.response.json()["error"]
    return body


def test_what_cannot_be_served_is_a_bad_request(client: OpenAI) -> None:
    told = raised(openai.BadRequestError, lambda: small_picture(client, size="1x1"))
    assert (told["param"], told["code"]) == ("size", "invalid_size")
    assert raised(openai.BadRequestError, lambda: client.videos.create(prompt="x"))["param"] == "input_reference"
    told = raised(openai.BadRequestError, lambda: small_picture(client, extra_body={"width": 5}))
    assert (told["param"], told["code"]) == ("width", "unknown_parameter")


def test_a_wrong_token_is_an_authentication_error(connect: Connect) -> None:
    stranger = connect("x" * 48)
    assert raised(openai.AuthenticationError, stranger.videos.list)["code"] == "invalid_api_key"


def test_a_video_that_is_not_there_is_not_found(client: OpenAI) -> None:
    assert raised(openai.NotFoundError, lambda: client.videos.retrieve("video_" + "0" * 32))["param"] == "video_id"
    assert raised(openai.NotFoundError, lambda: client.get("/nothing", cast_to=object))["code"] == "unknown_url"


def test_the_same_key_with_another_body_is_a_conflict_and_not_repeated(connect: Connect) -> None:
    posts: list[str] = []
    client, key = connect(), {"Idempotency-Key": "a conflict"}
    client._client.event_hooks = {"request": [lambda request: posts.append(request.method)]}
    small_picture(client, extra_headers=key)
    told = raised(openai.ConflictError, lambda: small_picture(client, extra_headers=key, extra_body={"mode": "pad"}))
    assert told["code"] == "idempotency_key_reused"
    assert posts == ["POST", "POST"]


def test_what_is_not_ready_is_a_conflict(client: OpenAI) -> None:
    told = client.post("/uploads", body={}, cast_to=object)
    assert isinstance(told, dict)
    error = raised(openai.ConflictError, lambda: client.videos.download_content(told["id"]))
    assert error["code"] == "video_not_ready"


def test_a_method_that_a_path_does_not_take_is_refused_with_those_that_it_does(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        client.put("/videos", cast_to=object)
    assert (error.value.status_code, error.value.response.headers["allow"]) == (405, "GET, POST")


def test_too_many_calls_at_once_are_a_rate_limit_error(local: LocalStack, connect: Connect) -> None:
    gateway, api_id = local.emulator.client("apigateway"), local.videos_api.url.split("/")[-2]

    def throttle(rate: str, burst: str) -> None:
        told = {"rateLimit": rate, "burstLimit": burst}
        operations = [{"op": "replace", "path": f"/*/*/throttling/{name}", "value": told[name]} for name in told]
        gateway.update_stage(restApiId=api_id, stageName="v1", patchOperations=operations)

    throttle("0", "0")
    try:
        client = connect(max_retries=0)
        assert raised(openai.RateLimitError, client.models.list)["code"] == "rate_limit_exceeded"
    finally:
        throttle("50", "100")


def test_a_body_that_is_too_large_names_the_other_way(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        client.videos.create(**PICTURE, input_reference=("big.bin", b"x" * 10_000_000))
    assert error.value.status_code == 413
    assert "POST /v1/uploads" in error.value.message


# ---------------------------------------------------------------- once, however often it is asked for


def test_twenty_calls_at_once_under_one_key_are_one_job_and_one_post(
    client: OpenAI, local: LocalStack, phone_jpeg: bytes
) -> None:
    def send(_: int) -> str:
        picture = ("IMG_0001.jpg", phone_jpeg, "image/jpeg")
        key = {"Idempotency-Key": "twenty at once"}
        return client.videos.create(**PICTURE, input_reference=picture, extra_headers=key).id

    with ThreadPoolExecutor(20) as pool:
        [video_id] = set(pool.map(send, range(20)))
    assert client.videos.poll(video_id, poll_interval_ms=200).status == "completed"
    assert local.server.fake_server
    posts = [entry for entry in local.server.fake_server.request_log.creates() if entry.idempotency_key == video_id]
    assert len(posts) == 1


# ---------------------------------------------------------------- large pictures, by a form


def post_form(local: LocalStack, told: dict[str, Any], data: bytes, **changed: str) -> httpx2.Response:
    trust = ssl.create_default_context(cafile=local.emulator.ca_bundle)
    with httpx2.Client(verify=trust) as http:
        return http.post(told["url"], data=told["fields"] | changed, files={"file": ("big.jpg", data)})


def ask_for_form(client: OpenAI, **asked: Any) -> dict[str, Any]:
    told = client.post("/uploads", body=asked, cast_to=object)
    assert isinstance(told, dict)
    return told


def test_a_picture_that_is_posted_by_the_form_becomes_a_video(
    client: OpenAI, local: LocalStack, phone_jpeg: bytes
) -> None:
    told = ask_for_form(client, prompt="a calm sea", size="720x1280", bytes=len(phone_jpeg), content_type="image/jpeg")
    assert client.videos.retrieve(told["id"]).status == "queued"
    assert post_form(local, told, phone_jpeg).status_code in {200, 201, 204}
    video = client.videos.poll(told["id"], poll_interval_ms=200)
    assert (video.status, video.size) == ("completed", "720x1280")


def test_the_form_takes_no_other_bytes_key_type_or_request(client: OpenAI, local: LocalStack) -> None:
    told = ask_for_form(client, bytes=100, content_type="image/jpeg")
    assert post_form(local, told, b"x" * 101).status_code == 400
    assert post_form(local, told, b"x" * 99).status_code == 400
    other = {"key": "videos/other.jpg"}, {"Content-Type": "text/html"}, {"x-amz-meta-request": "0" * 64}
    for changed in (*other, {"x-amz-meta-size": "1x1"}, {"x-amz-tagging": "<Tagging/>"}):
        assert post_form(local, told, b"x" * 100, **changed).status_code == 403, changed
    listed = local.emulator.client("s3").list_objects_v2(Bucket=local.stack.outputs["UploadBucket"])
    assert told["id"] not in str(listed.get("Contents"))
