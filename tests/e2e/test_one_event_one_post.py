"""S3 may send an event more than once, even twice at the same time: one job, one submission that is paid for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.deployed_samples import physical_id, uploads_ignored
from tests.e2e.wait_for_jobs import submissions_of


@pytest.fixture
def no_upload_events(local: LocalStack) -> Iterator[None]:
    """Uploads send no event, so that the test can send it as often as it needs."""
    with uploads_ignored(local):
        yield


@pytest.mark.usefixtures("no_upload_events")
def test_an_event_that_comes_three_times_makes_one_job_and_one_submission(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given an upload and its event
    picture = make_sample(tmp_path / "thrice.jpg")
    key = local.upload_picture(picture, {})
    event = _object_created(local, local.stack.outputs["UploadBucket"], key)

    # when it comes twice at the same time, and once more after the job has ended
    _send_at_once(local, "NormalizeQueue", event, times=2)
    [job] = wait_for_jobs(key)
    _send_at_once(local, "NormalizeQueue", event, times=1)
    _wait_until_logged(local, "normalized", job["job_id"], times=3)

    # then
    assert [record["job_id"] for record in local.find_jobs(key)] == [job["job_id"]]
    assert job["status"] == "completed"
    assert len(submissions_of(local, job["job_id"])) == 1


def test_the_ready_copys_event_that_comes_three_times_makes_one_submission(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given a job whose ready copy was submitted
    key = local.upload_picture(make_sample(tmp_path / "copied.jpg"), {})
    [job] = wait_for_jobs(key)
    event = _object_created(local, job["copy"]["bucket"], job["copy"]["key"])

    # when
    _send_at_once(local, "SubmitQueue", event, times=2)
    _send_at_once(local, "SubmitQueue", event, times=1)
    _wait_until_logged(local, "submitted", job["job_id"], times=1 + 3)

    # then
    assert len(submissions_of(local, job["job_id"])) == 1
    assert local.find_jobs(key) == [job]


def test_a_new_upload_to_the_same_key_is_a_new_job(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given
    picture = make_sample(tmp_path / "again.jpg")

    # when
    local.upload_picture(picture, {"mode": "pad"})
    wait_for_jobs("again.jpg")
    local.upload_picture(picture, {"mode": "stretch"})
    jobs = wait_for_jobs("again.jpg", count=2)

    # then
    assert [job["request"]["mode"] for job in jobs] == ["pad", "stretch"]
    assert [len(submissions_of(local, job["job_id"])) for job in jobs] == [1, 1]


def _object_created(local: LocalStack, bucket: str, key: str) -> str:
    head = local.emulator.client("s3").head_object(Bucket=bucket, Key=key)
    sample = json.loads((Path(__file__).parents[2] / "events" / "normalize-sqs-object-created.json").read_text())
    event = json.loads(sample["Records"][0]["body"])
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"] = {
        "key": key,
        "size": head["ContentLength"],
        "etag": head["ETag"].strip('"'),
        "version-id": head.get("VersionId"),
        "sequencer": "0062E99A88DC407460",
    }
    return json.dumps(event)


def _send_at_once(local: LocalStack, queue: str, body: str, *, times: int) -> None:
    sqs, url = local.emulator.client("sqs"), physical_id(local, local.stack.name, queue)
    barrier = threading.Barrier(times)

    def send() -> None:
        barrier.wait()
        sqs.send_message(QueueUrl=url, MessageBody=body)

    threads = [threading.Thread(target=send) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wait_until_logged(local: LocalStack, event: str, job_id: str, *, times: int) -> None:
    """Wait until the functions have logged an event of this job so many times."""
    for _ in range(300):
        lines = [line for line in local.log.read_text(encoding="utf-8").splitlines() if f'"message":"{event}"' in line]
        if sum(job_id in line for line in lines) >= times:
            return
        time.sleep(0.1)
    raise AssertionError(f"{event!r} was logged fewer than {times} times for {job_id}")
