"""S3 announces things more than once, sometimes twice at the same moment: one job, one request that is paid for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sample import make_sample
from local.stack import LocalStack


@pytest.fixture
def silent_bucket(local: LocalStack) -> Iterator[None]:
    """Uploads publish nothing, so that the test can publish them as often as it likes."""
    events = local.emulator.client("events")
    rule = _find(events.list_rules()["Rules"], "Name", "PictureUploaded")
    events.disable_rule(Name=rule)
    yield
    events.enable_rule(Name=rule)


@pytest.mark.usefixtures("silent_bucket")
def test_the_same_event_three_times_twice_at_once_makes_one_job_and_one_post(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given an upload and its announcement
    picture = make_sample(tmp_path / "thrice.jpg")
    key = local.drop_picture(picture, {})
    event = _object_created(local, local.stack.outputs["UploadBucket"], key)

    # when it is announced twice at once, and once more after the job has ended
    _send_at_once(local, "NormalizeQueue", event, times=2)
    [job] = wait_for_jobs(key)
    _send_at_once(local, "NormalizeQueue", event, times=1)
    _wait_until_dealt_with(local, "normalized", job["job_id"], times=3)

    # then
    assert [record["job_id"] for record in local.find_jobs(key)] == [job["job_id"]]
    assert job["status"] == "completed"
    assert _posts_of(local, job["job_id"]) == 1


def test_the_copys_event_three_times_twice_at_once_makes_one_post(
    local: LocalStack, wait_for_jobs, tmp_path: Path
) -> None:
    # given a job whose copy was announced and sent
    key = local.drop_picture(make_sample(tmp_path / "copied.jpg"), {})
    [job] = wait_for_jobs(key)
    event = _object_created(local, job["copy"]["bucket"], job["copy"]["key"])

    # when
    _send_at_once(local, "SubmitQueue", event, times=2)
    _send_at_once(local, "SubmitQueue", event, times=1)
    _wait_until_dealt_with(local, "submitted", job["job_id"], times=1 + 3)

    # then
    assert _posts_of(local, job["job_id"]) == 1
    assert local.find_jobs(key) == [job]


def test_a_new_upload_to_the_same_key_is_a_new_job(local: LocalStack, wait_for_jobs, tmp_path: Path) -> None:
    # given
    picture = make_sample(tmp_path / "again.jpg")

    # when
    local.drop_picture(picture, {"mode": "pad"})
    wait_for_jobs("again.jpg")
    local.drop_picture(picture, {"mode": "stretch"})
    jobs = wait_for_jobs("again.jpg", count=2)

    # then
    assert [job["request"]["mode"] for job in jobs] == ["pad", "stretch"]
    assert [_posts_of(local, job["job_id"]) for job in jobs] == [1, 1]


def _object_created(local: LocalStack, bucket: str, key: str) -> str:
    head = local.emulator.client("s3").head_object(Bucket=bucket, Key=key)
    sample = json.loads((Path(__file__).parents[2] / "events" / "normalize-sqs-object-created.json").read_text())
    event = json.loads(sample["Records"][0]["body"])
    event["detail"]["bucket"]["name"] = bucket
    announced = {"key": key, "size": head["ContentLength"], "etag": head["ETag"].strip('"')}
    event["detail"]["object"] = announced | {"version-id": head.get("VersionId"), "sequencer": "0062E99A88DC407460"}
    return json.dumps(event)


def _send_at_once(local: LocalStack, queue: str, body: str, *, times: int) -> None:
    sqs, url = local.emulator.client("sqs"), _queue_url(local, queue)
    barrier = threading.Barrier(times)

    def send() -> None:
        barrier.wait()
        sqs.send_message(QueueUrl=url, MessageBody=body)

    threads = [threading.Thread(target=send) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wait_until_dealt_with(local: LocalStack, done: str, job_id: str, *, times: int) -> None:
    """Wait until the functions' log says of so many messages of this job that they are done."""
    pause = threading.Event()
    for _ in range(300):
        lines = [line for line in local.log.read_text(encoding="utf-8").splitlines() if f'"message":"{done}"' in line]
        if sum(job_id in line for line in lines) >= times:
            return
        pause.wait(0.1)
    raise AssertionError(f"fewer than {times} messages of {job_id} were {done}")


def _queue_url(local: LocalStack, name: str) -> str:
    urls = local.emulator.client("sqs").list_queues()["QueueUrls"]
    return next(url for url in urls if f"-{name}-" in url)


def _find(items: list[dict[str, Any]], name: str, part: str) -> str:
    return str(next(item[name] for item in items if part in item[name]))


def _posts_of(local: LocalStack, job_id: str) -> int:
    assert local.server.fake_server
    return sum(entry.idempotency_key == job_id for entry in local.server.fake_server.request_log.creates())
