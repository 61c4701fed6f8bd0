"""A video in the fake video server: accepted, rendered, downloaded, listed, deleted, and there after a restart."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageStat
from starlette.testclient import TestClient

from local.fake_video_server import FakeVideoServerConfig, ModelRules, create_app

CATALOG = {"sora-2": ModelRules(("64x48",), ("1", "20"))}
CONFIG = FakeVideoServerConfig(key="sk-test", render_seconds=0, catalog=CATALOG)


class Clock:
    """A clock that only the test moves; Unix seconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def open_client(config: FakeVideoServerConfig) -> TestClient:
    return TestClient(create_app(config), headers={"Authorization": "Bearer sk-test"})


@pytest.fixture
def client() -> Iterator[TestClient]:
    with open_client(CONFIG) as client:
        yield client


def gradient() -> Image.Image:
    """Return a 64x48 picture without edges: H.264's halved color keeps it almost unchanged."""
    across = Image.linear_gradient("L").rotate(90).resize((64, 48))
    down = Image.linear_gradient("L").resize((64, 48))
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def create(client: TestClient, prompt: str = "a calm sea", image: bytes | None = None, seconds: str = "1") -> Any:
    files: dict[str, Any] = {"prompt": (None, prompt.encode()), "seconds": (None, seconds.encode())}
    if image is not None:
        files["input_reference"] = ("f.png", image, "image/png")
    response = client.post("/v1/videos", files=files)
    assert response.status_code == 200, response.text
    return response.json()


def wait(client: TestClient, video_id: str, *, started: bool = False) -> Any:
    """Poll until the video has ended; with `started`, only until it is no longer `queued`."""
    running = ("queued",) if started else ("queued", "in_progress")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        video = client.get(f"/v1/videos/{video_id}").json()
        if video["status"] not in running:
            return video
        time.sleep(0.01)
    raise AssertionError(f"{video_id} is still {video['status']}")


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of two RGB pictures, in dB."""
    squares = ImageStat.Stat(ImageChops.difference(one, other)).sum2
    error = sum(squares) / (3 * one.width * one.height)
    return 99.0 if error == 0 else 10 * math.log10(255**2 / error)


def test_a_video_completes(client: TestClient) -> None:
    video = wait(client, create(client)["id"])
    assert (video["status"], video["progress"], video["error"]) == ("completed", 100, None)
    assert video["expires_at"] == pytest.approx(video["completed_at"] + 24 * 60 * 60, abs=1)


def test_the_mp4_starts_with_the_reference_and_then_moves(client: TestClient) -> None:
    picture = gradient()
    video = wait(client, create(client, image=png(picture))["id"])
    response = client.get(f"/v1/videos/{video['id']}/content")
    assert response.headers["content-type"] == "video/mp4"
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.content.index(b"moov") < response.content.index(b"mdat")
    with av.open(io.BytesIO(response.content), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, str(stream.average_rate)) == (64, 48, "30")
        frames: list[Image.Image] = [frame.to_image() for frame in container.decode(stream)]
    assert len(frames) == 30
    assert psnr(frames[0], picture) > 38
    assert psnr(frames[-1], picture) < psnr(frames[0], picture) - 3


def test_a_transparent_reference_is_rendered_on_black(client: TestClient) -> None:
    clear = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    video = wait(client, create(client, image=png(clear))["id"])
    thumbnail = client.get(f"/v1/videos/{video['id']}/content", params={"variant": "thumbnail"})
    with Image.open(io.BytesIO(thumbnail.content)) as shown:
        assert psnr(shown.convert("RGB"), Image.new("RGB", (64, 48))) > 38


def test_each_prompt_without_a_picture_gets_its_own_background(client: TestClient) -> None:
    ids = [create(client, prompt)["id"] for prompt in ("a calm sea", "a forest")]
    first, second = (wait(client, video_id)["id"] for video_id in ids)
    videos = [client.get(f"/v1/videos/{video_id}/content").content for video_id in (first, second)]
    assert videos[0] != videos[1]


def test_a_failed_job_has_an_error_and_no_content(client: TestClient) -> None:
    video = wait(client, create(client, "fail-render, please")["id"])
    assert video["status"] == "failed"
    assert video["error"] == {"code": "video_generation_failed", "message": "The video generation failed."}
    assert video["completed_at"] is None
    assert client.get(f"/v1/videos/{video['id']}/content").status_code == 404


def test_progress_grows_with_the_clock_even_if_the_render_is_faster() -> None:
    clock = Clock()
    with open_client(replace(CONFIG, render_seconds=10, clock=clock)) as client:
        video_id = create(client)["id"]
        wait(client, video_id, started=True)
        seen = []
        for _ in range(10):
            video = client.get(f"/v1/videos/{video_id}").json()
            assert video["status"] == "in_progress"
            seen.append(video["progress"])
            clock.now += 1
        assert seen == sorted(seen)
        assert seen[0] == 0
        video = wait(client, video_id)
        assert (video["progress"], video["completed_at"]) == (100, video["created_at"] + 10)


def test_responses_advise_when_to_poll_again() -> None:
    with open_client(replace(CONFIG, poll_after_ms=250)) as client:
        response = client.post("/v1/videos", json={"prompt": "a calm sea", "seconds": "1"})
        assert response.headers["openai-poll-after-ms"] == "250"
        again = client.get(f"/v1/videos/{response.json()['id']}")
        assert again.headers["openai-poll-after-ms"] == "250"


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/content"), ("DELETE", "")])
def test_an_unknown_video_is_not_found(client: TestClient, method: str, tail: str) -> None:
    response = client.request(method, f"/v1/videos/video_0{tail}")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "Video with id 'video_0' not found."


def test_content_is_served_in_ranges(client: TestClient) -> None:
    path = f"/v1/videos/{wait(client, create(client)['id'])['id']}/content"
    whole = client.get(path, params={"variant": "video"}).content
    part = client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"


def test_a_thumbnail_is_a_webp_and_there_are_no_spritesheets(client: TestClient) -> None:
    path = f"/v1/videos/{wait(client, create(client)['id'])['id']}/content"
    thumbnail = client.get(path, params={"variant": "thumbnail"})
    assert thumbnail.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(thumbnail.content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (64, 48))
    refused = client.get(path, params={"variant": "spritesheet"})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "variant"


def test_content_is_refused_before_completion_and_after_it_expires() -> None:
    clock = Clock()
    with open_client(replace(CONFIG, render_seconds=10, clock=clock)) as client:
        video_id = create(client)["id"]
        early = client.get(f"/v1/videos/{video_id}/content")
        assert (early.status_code, early.json()["error"]["code"]) == (404, "video_not_ready")
        clock.now += 10
        wait(client, video_id)
        assert client.get(f"/v1/videos/{video_id}/content").status_code == 200
        clock.now += 24 * 60 * 60
        late = client.get(f"/v1/videos/{video_id}/content")
        assert (late.status_code, late.json()["error"]["code"]) == (404, "video_expired")


def test_the_list_has_pages_newest_first(client: TestClient) -> None:
    created = [create(client, f"number {number}")["id"] for number in range(5)]
    first = client.get("/v1/videos", params={"limit": 2}).json()
    assert [video["id"] for video in first.pop("data")] == [created[4], created[3]]
    assert first == {"object": "list", "has_more": True, "first_id": created[4], "last_id": created[3]}
    rest = client.get("/v1/videos", params={"after": created[3]}).json()
    assert [video["id"] for video in rest["data"]] == [created[2], created[1], created[0]]
    assert rest["has_more"] is False
    oldest = client.get("/v1/videos", params={"order": "asc", "limit": 1}).json()
    assert [video["id"] for video in oldest["data"]] == [created[0]]


def test_an_empty_list_has_no_ids(client: TestClient) -> None:
    empty = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
    assert client.get("/v1/videos").json() == empty


def test_a_page_has_20_videos_by_default(client: TestClient) -> None:
    for number in range(21):
        create(client, f"fail-render {number}")
    assert len(client.get("/v1/videos").json()["data"]) == 20
    assert len(client.get("/v1/videos", params={"limit": 100}).json()["data"]) == 21


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "0"}, 400),
        ({"limit": "101"}, 400),
        ({"limit": "ten"}, 400),
        ({"limit": "--5"}, 400),
        ({"order": "up"}, 400),
        ({"before": "video_1"}, 400),
        ({"after": "video_1"}, 404),
    ],
)
def test_a_list_with_invalid_parameters_is_refused(client: TestClient, query: dict[str, str], status: int) -> None:
    assert client.get("/v1/videos", params=query).status_code == status


def test_a_video_is_deleted_once_it_has_ended() -> None:
    clock = Clock()
    with open_client(replace(CONFIG, render_seconds=10, clock=clock)) as client:
        video_id = create(client)["id"]
        refused = client.delete(f"/v1/videos/{video_id}")
        assert refused.status_code == 400
        assert "cannot be deleted" in refused.json()["error"]["message"]
        clock.now += 10
        wait(client, video_id)
        deleted = client.delete(f"/v1/videos/{video_id}").json()
        assert deleted == {"id": video_id, "object": "video.deleted", "deleted": True}
        assert client.get(f"/v1/videos/{video_id}").status_code == 404
        assert client.get("/v1/videos").json()["data"] == []


def test_the_models_are_those_of_the_catalog(client: TestClient) -> None:
    models = client.get("/v1/models").json()
    assert models["object"] == "list"
    assert [(model["id"], model["object"]) for model in models["data"]] == [("sora-2", "model")]


def test_a_restart_keeps_completed_videos_and_finishes_the_others(tmp_path: Path) -> None:
    config = replace(CONFIG, data=tmp_path / "fake-video-server")
    with open_client(config) as client:
        done = wait(client, create(client, image=png(gradient()))["id"])
        content = client.get(f"/v1/videos/{done['id']}/content").content
        # Too long to be rendered before the server stops.
        unfinished = create(client, seconds="20")
    assert not (tmp_path / "fake-video-server" / "videos" / f"{unfinished['id']}.mp4").exists()
    with open_client(config) as client:
        assert client.get(f"/v1/videos/{done['id']}").json() == done
        assert client.get(f"/v1/videos/{done['id']}/content").content == content
        assert wait(client, unfinished["id"])["status"] == "completed"
        assert [video["id"] for video in client.get("/v1/videos").json()["data"]] == [
            unfinished["id"],
            done["id"],
        ]
