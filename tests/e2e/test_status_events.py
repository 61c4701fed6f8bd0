"""Every change of a job's status is an event on the bus, in order, with the job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.deploy import deploy_template
from local.sample import make_sample
from local.stack import LocalStack
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import JobError
from sora_ready.domain.job import AT_SERVER, ServerVideo, Status
from tests.e2e.deployed_samples import ROOT, invoke_function, received_events, uploads_ignored

SCHEMA = json.loads((ROOT / "docs" / "events" / "video-job-status-changed.v2.json").read_text(encoding="utf-8"))


@pytest.fixture
def events(local: LocalStack) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """The events on the default bus; call it to wait for so many of them."""
    with received_events(local, "listener") as wait_for_events:
        yield wait_for_events


def test_there_is_an_event_for_every_status_of_a_job(local: LocalStack, wait_for_jobs, events, tmp_path: Path) -> None:
    # when
    key = local.upload_picture(make_sample(tmp_path / "published.jpg"), {})
    [job] = wait_for_jobs(key)
    received = events(len(job["history"]))

    # then
    own = sorted((event for event in received if event["detail"]["job_id"] == job["job_id"]), key=sequence_of)
    statuses = [entry["status"] for entry in job["history"]]
    assert [event["detail"]["status"] for event in own] == statuses
    assert [event["detail"]["previous_status"] for event in own] == [None, *statuses[:-1]]
    assert {event["source"] for event in own} == {"sora-ready"}
    assert {event["detail"]["stack"] for event in own} == {local.stack.name}
    assert len({event["detail"]["id"] for event in own}) == len(statuses)
    assert own[-1]["detail"]["video"] == job["video"]


def test_the_event_of_every_status_matches_its_schema_and_names_the_video(
    local: LocalStack, wait_for_jobs, events, tmp_path: Path
) -> None:
    # given a completed, a failed and a rejected job
    picture = make_sample(tmp_path / "documented.jpg")
    keys = [
        local.upload_picture(picture, {}, key="video.jpg"),
        local.upload_picture(picture, {"prompt": "moderation-block"}, key="failed.jpg"),
        local.upload_picture(picture, {"mode": "sideways"}, key="rejected.jpg"),
    ]
    jobs = [wait_for_jobs(key)[0] for key in keys]
    # and jobs of frames that nothing submits, moved to the statuses that no picture reaches in a test's time
    paths = [(Status.HELD, Status.CANCELED), (Status.SUBMITTING, Status.UNCONFIRMED, Status.QUEUED, Status.IN_PROGRESS)]
    table = JobTable(local.emulator.client("dynamodb"), local.stack.outputs["JobsTable"])
    error = JobError("test_error", "For the test.")
    for number, path in enumerate(paths):
        jobs.append(make_frame(local, picture, f"frame-{number}.jpg"))
        job_id = jobs[-1]["job_id"]
        for status in path:
            if status in AT_SERVER:
                job = table.move_job(job_id, status, error=error, server=ServerVideo("video_elsewhere", str(status)))
            else:
                job = table.move_job(job_id, status, error=error)
        # the canceled job is deleted, and the other one fails
        if job.status is Status.CANCELED:
            table.tombstone_job(job)
        else:
            table.move_job(job_id, Status.FAILED, error=error)

    # when
    ids = {job["job_id"] for job in jobs}
    own: dict[str, dict[str, Any]] = {}
    received: list[dict[str, Any]] = []
    while set(Status) - set(own):
        received = events(len(received) + 1)
        own |= {event["detail"]["status"]: event for event in received if event["detail"]["job_id"] in ids}

    # then
    for event in own.values():
        Draft202012Validator(SCHEMA).validate(event)
    video = own["completed"]["detail"]["video"]
    local.download_output(video["key"], tmp_path / "video.mp4")
    data = (tmp_path / "video.mp4").read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (video["bytes"], video["sha256"])


def test_a_stack_with_its_own_bus_publishes_there_and_nowhere_else(local: LocalStack, events, tmp_path: Path) -> None:
    # given
    local.emulator.client("events").create_event_bus(Name="videos")
    parameters = local.server.parameters() | {"EventBus": "videos"}
    stack = deploy_template(local.emulator, parameters, name="on-its-own-bus")
    picture = make_sample(tmp_path / "bus.jpg")

    # when
    with received_events(local, "bus-listener", bus="videos") as wait_for_events:
        local.emulator.client("s3").put_object(
            Bucket=stack.outputs["UploadBucket"], Key="bus.jpg", Body=picture.read_bytes()
        )
        received: list[dict[str, Any]] = []
        while "completed" not in {event["detail"]["status"] for event in received}:
            received = wait_for_events(len(received) + 1)

    # then
    assert {event["detail"]["source"]["key"] for event in received} == {"bus.jpg"}
    local.upload_picture(picture, {"mode": "sideways"}, key="default-bus.jpg")
    keys = {event["detail"]["source"]["key"] for event in events(1)}
    assert "bus.jpg" not in keys


def make_frame(local: LocalStack, picture: Path, key: str) -> dict[str, Any]:
    """Return the job of a picture of which only the frame is requested."""
    with uploads_ignored(local):
        local.upload_picture(picture, {}, key=key)
        source = {"bucket": local.stack.outputs["UploadBucket"], "key": key}
        return invoke_function(local, "NormalizeFunction", source | {"submit": False})


def sequence_of(event: dict[str, Any]) -> int:
    number: int = event["detail"]["sequence"]
    return number
