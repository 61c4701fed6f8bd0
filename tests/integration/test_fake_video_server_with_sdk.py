"""The fake video server through the official SDK, over a real connection, and as a process."""

from __future__ import annotations

import io
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import httpx2
import openai
import pytest
from openai import OpenAI
from PIL import Image, ImageChops, ImageStat

from local.fake_video_server import FakeVideoServer, FakeVideoServerConfig, faults, serve

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-local"


@pytest.fixture
def fake_server() -> Iterator[FakeVideoServer]:
    with serve(FakeVideoServerConfig(key=KEY, render_seconds=0, poll_after_ms=100)) as fake_server:
        yield fake_server


@pytest.fixture
def client(fake_server: FakeVideoServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=fake_server.base_url, api_key=KEY, max_retries=0, timeout=10) as client:
        yield client


def photograph(width: int, height: int) -> Image.Image:
    """Return soft shapes under fine grain, like a camera's picture; RGB."""
    clouds = [Image.effect_noise((16, 9), 120).resize((width, height), Image.Resampling.BICUBIC) for _ in "rgb"]
    grain = Image.effect_noise((width, height), 12)
    return Image.merge("RGB", [ImageChops.add(cloud, grain, 1, -128) for cloud in clouds])


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of two RGB pictures, in dB."""
    error = sum(ImageStat.Stat(ImageChops.difference(one, other)).sum2) / (3 * one.width * one.height)
    return 10 * math.log10(255**2 / error)


def test_a_picture_becomes_a_video_that_starts_with_it(client: OpenAI, fake_server: FakeVideoServer) -> None:
    picture = jpeg(photograph(1280, 720))
    start = time.monotonic()
    video = client.videos.create(
        prompt="a calm sea",
        model="sora-2",
        seconds="4",
        size="1280x720",
        input_reference=("ready.jpg", picture, "image/jpeg"),
        extra_headers={"Idempotency-Key": "job-1"},
    )
    assert video.status == "queued"
    done = client.videos.poll(video.id)
    print(f"rendered in {time.monotonic() - start:.2f} s")
    assert (done.status, done.progress, done.size, done.seconds) == ("completed", 100, "1280x720", "4")

    with av.open(io.BytesIO(client.videos.download_content(video.id).read()), "r") as container:
        assert container.duration == 4_000_000
        first: Image.Image = next(container.decode(video=0)).to_image()
    assert first.size == (1280, 720)
    assert psnr(first, Image.open(io.BytesIO(picture))) > 38

    assert [listed.id for listed in client.videos.list(limit=1)] == [video.id]
    assert client.videos.delete(video.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)
    [entry] = fake_server.request_log.accepted()
    assert (entry.video_id, entry.image_type, entry.idempotency_key) == (video.id, "image/jpeg", "job-1")


def test_a_video_needs_no_picture(client: OpenAI) -> None:
    assert client.videos.create(prompt="a calm sea").size == "720x1280"


def test_bytes_without_a_mime_type_are_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="application/octet-stream"):
        client.videos.create(prompt="a calm sea", input_reference=jpeg(photograph(720, 1280)))


def test_a_wrong_key_is_an_authentication_error(fake_server: FakeVideoServer) -> None:
    client = OpenAI(base_url=fake_server.base_url, api_key="sk-other", max_retries=0)
    with client, pytest.raises(openai.AuthenticationError) as refusal:
        client.videos.create(prompt="a calm sea")
    assert refusal.value.code == "invalid_api_key"


def test_a_connection_that_drops_after_acceptance_leaves_one_job(client: OpenAI, fake_server: FakeVideoServer) -> None:
    fake_server.faults.plan(faults.accept_then_drop_connection())
    with pytest.raises(openai.APIConnectionError):
        client.videos.create(prompt="a calm sea")
    assert [entry.status for entry in fake_server.request_log.creates()] == [None]
    [entry] = fake_server.request_log.accepted()
    assert [video.id for video in client.videos.list()] == [entry.video_id]


def test_a_job_is_in_the_log_before_its_delayed_response(client: OpenAI, fake_server: FakeVideoServer) -> None:
    fake_server.faults.plan(faults.accept_then(faults.delay(1)))
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).videos.create(prompt="a calm sea")
    assert len(fake_server.request_log.accepted()) == 1


def test_a_download_is_truncated_where_planned(client: OpenAI, fake_server: FakeVideoServer) -> None:
    video = client.videos.poll(client.videos.create(prompt="a calm sea").id)
    fake_server.faults.plan(faults.cut_content(1000))
    url = f"{fake_server.base_url}/videos/{video.id}/content"
    received: list[bytes] = []
    with httpx2.stream("GET", url, headers={"Authorization": f"Bearer {KEY}"}) as response:
        with pytest.raises(httpx2.RemoteProtocolError):
            received.extend(response.iter_bytes())
        assert len(b"".join(received)) == 1000 < int(response.headers["content-length"])


def test_stop_frees_the_port_at_once(fake_server: FakeVideoServer) -> None:
    port = int(fake_server.base_url.split(":")[2].split("/")[0])
    start = time.monotonic()
    fake_server.stop()
    assert time.monotonic() - start < 3
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def start_process(data: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the fake video server as a process on a free port; return it and its base URL once it is ready."""
    command = [sys.executable, "-m", "local.fake_video_server", "--port", "0", "--key", KEY, "--data", str(data)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--render-seconds", "0.5"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("fake video server on http://127.0.0.1:"), line
    return process, line.rsplit(" ", 1)[1]


def stop_process(process: subprocess.Popen[str]) -> float:
    """End the process with SIGTERM; return the seconds that took."""
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    with process:
        assert process.wait(10) == 0
    return time.monotonic() - start


def test_a_process_that_is_stopped_while_rendering_finishes_after_its_restart(tmp_path: Path) -> None:
    process, base_url = start_process(tmp_path)
    try:
        with OpenAI(base_url=base_url, api_key=KEY, max_retries=0) as client:
            video = client.videos.create(prompt="a calm sea", seconds="12")
    finally:
        assert stop_process(process) < 3
    process, base_url = start_process(tmp_path)
    try:
        with OpenAI(base_url=base_url, api_key=KEY, max_retries=0) as client:
            assert client.videos.poll(video.id, poll_interval_ms=100).status == "completed"
        entries = httpx2.get(base_url.replace("/v1", "/_fake_server/requests")).json()["entries"]
        assert [entry["video_id"] for entry in entries if entry["method"] == "POST"] == [video.id]
    finally:
        stop_process(process)
