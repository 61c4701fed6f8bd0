"""Each change of a job's status is an event on the bus: whoever listens hears of them all, in order, with the job."""

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
from sora_ready.domain.job import Status
from tests.e2e.deployed_samples import ROOT, call_function, heard, quiet_uploads

SCHEMA = json.loads((ROOT / "docs" / "events" / "video-job-status-changed.v2.json").read_text(encoding="utf-8"))


@pytest.fixture
def events(local: LocalStack) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """What a listener hears on the default bus; call it to wait for so many events."""
    with heard(local, "listener") as wait:
        yield wait


def test_a_listener_hears_of_every_status_that_a_job_went_through(
    local: LocalStack, wait_for_jobs, events, tmp_path: Path
) -> None:
    # when
    key = local.drop_picture(make_sample(tmp_path / "published.jpg"), {})
    [job] = wait_for_jobs(key)
    told = events(len(job["history"]))

    # then
    own = sorted((event for event in told if event["detail"]["job_id"] == job["job_id"]), key=sequence_of)
    path = [entry["status"] for entry in job["history"]]
    assert [event["detail"]["status"] for event in own] == path
    assert [event["detail"]["previous_status"] for event in own] == [None, *path[:-1]]
    assert {event["source"] for event in own} == {"sora-ready"}
    assert {event["detail"]["stack"] for event in own} == {local.stack.name}
    assert len({event["detail"]["id"] for event in own}) == len(path)
    assert own[-1]["detail"]["video"] == job["video"]


def test_the_events_of_every_status_are_as_documented_and_lead_to_the_video(
    local: LocalStack, wait_for_jobs, events, tmp_path: Path
) -> None:
    # given a video, a refusal and a rejection
    picture = make_sample(tmp_path / "documented.jpg")
    keys = [
        local.drop_picture(picture, {}, key="video.jpg"),
        local.drop_picture(picture, {"prompt": "moderation-block"}, key="failed.jpg"),
        local.drop_picture(picture, {"mode": "sideways"}, key="rejected.jpg"),
    ]
    jobs = [wait_for_jobs(key)[0] for key in keys]
    # and, of frames that nothing submits, jobs brought to where no picture gets them in a test's time
    ways = [(Status.HELD, Status.CANCELED), (Status.SUBMITTING, Status.UNCONFIRMED, Status.QUEUED, Status.IN_PROGRESS)]
    table = JobTable(local.emulator.client("dynamodb"), local.stack.outputs["JobsTable"])
    for number, way in enumerate(ways):
        jobs.append(make_frame(local, picture, f"frame-{number}.jpg"))
        for status in way:
            error = {"error": {"code": "told", "message": "For the test."}}
            server = {"server": {"id": "video_elsewhere", "status": str(status)}}
            table.move_job(
                jobs[-1]["job_id"], status, **error, **(server if status in {"queued", "in_progress"} else {})
            )
        # what was canceled is deleted, and a person ends what no server knows
        if way[-1] is Status.CANCELED:
            table.tombstone_job(table.get_job(jobs[-1]["job_id"]))
        if way[-1] is Status.IN_PROGRESS:
            table.move_job(jobs[-1]["job_id"], Status.FAILED, **error)

    # when
    ids = {job["job_id"] for job in jobs}
    own: dict[str, dict[str, Any]] = {}
    heard_so_far = 0
    while set(Status) - set(own):
        told = events(heard_so_far + 1)
        heard_so_far = len(told)
        own |= {event["detail"]["status"]: event for event in told if event["detail"]["job_id"] in ids}

    # then
    for event in own.values():
        Draft202012Validator(SCHEMA).validate(event)
    video = own["completed"]["detail"]["video"]
    local.download(video, tmp_path / "video.mp4")
    data = (tmp_path / "video.mp4").read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (video["bytes"], video["sha256"])


def test_a_stack_that_is_given_a_bus_publishes_there_and_nowhere_else(
    local: LocalStack, events, tmp_path: Path
) -> None:
    # given
    local.emulator.client("events").create_event_bus(Name="videos")
    parameters = local.server.parameters() | {"EventBus": "videos"}
    stack = deploy_template(local.emulator, parameters, name="on-its-own-bus")
    picture = make_sample(tmp_path / "bus.jpg")

    # when
    with heard(local, "bus-listener", bus="videos") as wait:
        local.emulator.client("s3").put_object(
            Bucket=stack.outputs["UploadBucket"], Key="bus.jpg", Body=picture.read_bytes()
        )
        told: list[dict[str, Any]] = []
        while "completed" not in {event["detail"]["status"] for event in told}:
            told = [*wait(len(told) + 1)]

    # then
    assert {event["detail"]["source"]["key"] for event in told} == {"bus.jpg"}
    local.drop_picture(picture, {"mode": "sideways"}, key="default-bus.jpg")
    keys = {event["detail"]["source"]["key"] for event in events(1)}
    assert "bus.jpg" not in keys


def make_frame(local: LocalStack, picture: Path, key: str) -> dict[str, Any]:
    """The job of a picture of which the frame alone is asked for."""
    with quiet_uploads(local):
        local.drop_picture(picture, {}, key=key)
        place = {"bucket": local.stack.outputs["UploadBucket"], "key": key}
        return call_function(local, "NormalizeFunction", place | {"submit": False})


def sequence_of(event: dict[str, Any]) -> int:
    number: int = event["detail"]["sequence"]
    return number
