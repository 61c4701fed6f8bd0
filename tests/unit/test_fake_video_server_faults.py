"""The fake video server's request log, by which tests count submissions, and its planned faults."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from local.fake_video_server import (
    FakeVideoServerConfig,
    Fault,
    FaultPoint,
    Faults,
    ModelRules,
    RequestLog,
    create_app,
    faults,
)

CATALOG = {"sora-2": ModelRules(("64x48",), ("1",))}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    config = FakeVideoServerConfig(key="sk-secret", render_seconds=0, catalog=CATALOG, data=tmp_path)
    with TestClient(create_app(config), headers={"Authorization": "Bearer sk-secret"}) as client:
        yield client


@pytest.fixture
def request_log(client: TestClient) -> RequestLog:
    return client.app.state.request_log  # type: ignore[attr-defined]  # TestClient's app is any ASGI callable


@pytest.fixture
def planned(client: TestClient) -> Faults:
    return client.app.state.faults  # type: ignore[attr-defined]  # as above


def create(client: TestClient, prompt: str = "a calm sea", **options: Any) -> Any:
    return client.post("/v1/videos", json={"prompt": prompt}, **options)


def create_completed(client: TestClient) -> str:
    """Create a video and wait until it is completed; return its id."""
    video_id: str = create(client).json()["id"]
    deadline = time.monotonic() + 20
    while client.get(f"/v1/videos/{video_id}").json()["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return video_id


def test_an_accepted_create_is_logged_with_its_picture(client: TestClient, request_log: RequestLog) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "PNG")
    parts: dict[str, Any] = {
        "prompt": (None, b"a calm sea"),
        "model": (None, b"sora-2"),
        "seconds": (None, b"1"),
        "size": (None, b"64x48"),
        "input_reference": ("ready.png", out.getvalue(), "image/png"),
    }
    response = client.post("/v1/videos", files=parts, headers={"Idempotency-Key": "job-1"})
    [entry] = request_log.accepted()
    values = asdict(entry)
    assert values.pop("time") == pytest.approx(time.time(), abs=60)
    assert values == {
        "number": 1,
        "method": "POST",
        "path": "/v1/videos",
        "status": 200,
        "idempotency_key": "job-1",
        "model": "sora-2",
        "size": "64x48",
        "seconds": "1",
        "prompt": "a calm sea",
        "image_name": "ready.png",
        "image_type": "image/png",
        "image_bytes": len(out.getvalue()),
        "image_sha256": hashlib.sha256(out.getvalue()).hexdigest(),
        "video_id": response.json()["id"],
        "error": None,
    }


def test_a_repeated_idempotency_key_starts_a_second_job(client: TestClient, request_log: RequestLog) -> None:
    ids = {create(client, headers={"Idempotency-Key": "same"}).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert [entry.idempotency_key for entry in request_log.accepted()] == ["same", "same"]


def test_refused_requests_are_logged_too(client: TestClient, request_log: RequestLog) -> None:
    create(client, "moderation-block")
    client.post("/v1/videos", headers={"Authorization": "Bearer sk-wrong"}, json={"prompt": "x"})
    client.get("/v1/videos/video_0")
    client.get("/v1/nothing")
    assert [(entry.method, entry.path, entry.status) for entry in request_log.entries()] == [
        ("POST", "/v1/videos", 400),
        ("POST", "/v1/videos", 401),
        ("GET", "/v1/videos/video_0", 404),
        ("GET", "/v1/nothing", 404),
    ]
    assert [entry.error is not None for entry in request_log.entries()] == [True] * 4
    assert len(request_log.creates()) == 2
    assert request_log.accepted() == []


def test_the_log_is_the_same_in_process_over_http_and_on_disk(
    client: TestClient, request_log: RequestLog, tmp_path: Path
) -> None:
    create(client)
    client.get("/v1/models")
    entries = [asdict(entry) for entry in request_log.entries()]
    lines = (tmp_path / "request_log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == entries
    assert client.get("/_fake_server/requests").json() == {"entries": entries}
    assert [asdict(entry) for entry in RequestLog(tmp_path / "request_log.jsonl").entries()] == entries


def test_no_key_is_ever_written_to_disk(client: TestClient, tmp_path: Path) -> None:
    create(client)
    client.get("/v1/models", headers={"Authorization": "Bearer sk-wrong-secret"})
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes()


def test_a_planned_status_refuses_one_create_and_stores_nothing(
    client: TestClient, request_log: RequestLog, planned: Faults
) -> None:
    planned.plan(faults.status(429, headers={"Retry-After": "1"}), faults.status(500))
    limited, broken, fine = create(client), create(client), create(client)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"
    assert (broken.status_code, broken.json()["error"]["type"]) == (500, "server_error")
    assert fine.status_code == 200
    assert [entry.status for entry in request_log.creates()] == [429, 500, 200]
    assert len(client.get("/v1/videos").json()["data"]) == len(request_log.accepted()) == 1


def test_a_job_may_be_accepted_and_its_answer_an_error(
    client: TestClient, request_log: RequestLog, planned: Faults
) -> None:
    planned.plan(faults.accept_then(faults.status(500)))
    assert create(client).status_code == 500
    [entry] = request_log.accepted()
    assert (entry.status, entry.video_id) == (500, client.get("/v1/videos").json()["first_id"])


@pytest.mark.parametrize(
    ("fault", "accepted"), [(faults.drop_connection(), 0), (faults.accept_then_drop_connection(), 1)]
)
def test_a_connection_may_be_dropped_before_or_after_accepting(
    client: TestClient, request_log: RequestLog, planned: Faults, fault: Fault, accepted: int
) -> None:
    planned.plan(fault)
    with pytest.raises(ConnectionResetError):
        create(client)
    assert [entry.status for entry in request_log.creates()] == [None]
    assert len(request_log.accepted()) == accepted


def test_a_response_may_be_delayed(client: TestClient, planned: Faults) -> None:
    planned.plan(faults.accept_then(faults.delay(0.05)))
    start = time.monotonic()
    assert create(client).status_code == 200
    assert time.monotonic() - start >= 0.05


def test_a_create_may_be_left_without_a_fault_and_a_refused_one_takes_none(client: TestClient, planned: Faults) -> None:
    planned.plan(faults.none(), faults.status(503))
    prompts = ("moderation-block", "first", "second")
    assert [create(client, prompt).status_code for prompt in prompts] == [400, 200, 503]


def test_content_may_be_truncated(client: TestClient, planned: Faults) -> None:
    video_id = create_completed(client)
    planned.plan(faults.cut_content(100))
    with pytest.raises(ConnectionResetError):
        client.get(f"/v1/videos/{video_id}/content")
    assert client.get(f"/v1/videos/{video_id}/content").status_code == 200


def test_retrievals_and_downloads_have_queues_of_their_own(client: TestClient, planned: Faults) -> None:
    video_id = create_completed(client)
    planned.plan(faults.on_retrieve(faults.status(502)), faults.on_content(faults.status(503)))
    assert create(client).status_code == 200
    paths = (f"/v1/videos/{video_id}", f"/v1/videos/{video_id}/content")
    assert [client.get(path).status_code for path in paths] == [502, 503]
    assert [client.get(path).status_code for path in paths] == [200, 200]


def test_a_hook_gets_the_request_at_its_point_and_may_return_a_fault(client: TestClient, planned: Faults) -> None:
    calls: list[FaultPoint] = []

    def hook(reached: FaultPoint) -> Fault | None:
        calls.append(reached)
        return faults.status(500) if reached["prompt"] == "unlucky" else None

    planned.on("after_accepting", hook)
    responses = [create(client, prompt) for prompt in ("lucky", "unlucky")]
    assert [response.status_code for response in responses] == [200, 500]
    assert calls[0] == {
        "point": "after_accepting",
        "video_id": responses[0].json()["id"],
        "prompt": "lucky",
    }


def test_faults_are_planned_over_http(client: TestClient, planned: Faults) -> None:
    bodies = [
        {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
        {"kind": "drop_connection", "point": "after_accepting"},
        {"kind": "cut_content", "bytes": 100},
    ]
    response = client.post("/_fake_server/faults", json={"faults": bodies})
    assert [fault["kind"] for fault in response.json()["faults"]] == [
        "status",
        "drop_connection",
        "cut_content",
    ]
    assert planned.pending() == [
        faults.status(429, headers={"Retry-After": "1"}),
        faults.accept_then_drop_connection(),
        faults.cut_content(100),
    ]
    assert client.delete("/_fake_server/faults").json() == {"faults": []}
    assert planned.pending() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"faults": 1},
        {"faults": [{"status": 500}]},
        {"faults": [{"kind": "explode"}]},
        {"faults": [{"kind": "status", "point": "never"}]},
        {"faults": [{"kind": "status", "color": "red"}]},
        {"faults": [{"kind": "cut_content", "point": "retrieving"}]},
    ],
)
def test_an_invalid_fault_is_refused(client: TestClient, planned: Faults, body: Any) -> None:
    assert client.post("/_fake_server/faults", json=body).status_code == 400
    assert planned.pending() == []
