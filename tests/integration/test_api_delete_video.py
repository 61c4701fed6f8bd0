"""DELETE: what was not sent is canceled, what has ended is deleted with its files, what is paid for stays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sora_ready.adapters.inbox import Inbox

from sora_ready.domain.job import CANCELABLE, FINAL, Job, SourceObject, Status
from sora_ready.domain.job_id import api_object_key, hash_job_id
from sora_ready.pipeline.delete import cancel_or_delete_job
from tests.openai_schema import DELETED, assert_holds

from .api_requests import call, create, uploaded_versions
from .function_modules import Load
from .run_steps import normalize, path_of, recorded, submit
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, bring_to, move_along, picture

PAID = sorted(set(Status) - FINAL - CANCELABLE)


def keys(stack: Stack, bucket: str) -> list[str]:
    return [item["Key"] for item in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def completed(stack: Stack, source: SourceObject) -> Job:
    """A job that has gone all the way, with all its files."""
    job = normalize(stack, source)
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key=f"videos/{job.id}.mp4", Body=b"video")
    move_along(stack.jobs, job, [Status.SUBMITTING, Status.QUEUED])
    video = {"bucket": OUTPUT_BUCKET, "key": f"videos/{job.id}.mp4"}
    return stack.jobs.move_job(job.id, Status.COMPLETED, video=video)


@pytest.mark.parametrize("status", sorted(CANCELABLE))
def test_what_was_not_sent_is_canceled_and_stays_on_record(stack: Stack, load: Load, status: Status) -> None:
    job = bring_to(stack.jobs, status)
    told = call(load("api"), "DELETE", f"/videos/{job.id}")
    assert_holds(DELETED, told.body)
    assert told.body == {"id": job.id, "object": "video.deleted", "deleted": False, "job": {"status": "canceled"}}
    assert recorded(stack, job).status is Status.CANCELED
    assert stack.due_row(job) is None


@pytest.mark.parametrize("status", sorted(FINAL - {Status.DELETED}))
def test_what_has_ended_is_deleted_and_seen_no_more(stack: Stack, load: Load, status: Status) -> None:
    api, job = load("api"), bring_to(stack.jobs, status)
    told = call(api, "DELETE", f"/videos/{job.id}")
    assert_holds(DELETED, told.body)
    assert (told.status, told.body["deleted"]) == (200, True)
    assert call(api, "GET", f"/videos/{job.id}").status == 404
    assert call(api, "GET", f"/videos/{job.id}/content").status == 404
    assert call(api, "GET", "/videos").body["data"] == []
    assert call(api, "DELETE", f"/videos/{job.id}").status == 404


@pytest.mark.parametrize("status", PAID)
def test_what_is_paid_for_is_not_touched(stack: Stack, load: Load, status: Status) -> None:
    job = bring_to(stack.jobs, status)
    told = call(load("api"), "DELETE", f"/videos/{job.id}")
    assert (told.status, told.code) == (409, "video_in_progress")
    assert recorded(stack, job).status is status


def test_the_files_go_with_it_and_no_others(stack: Stack, load: Load) -> None:
    api = load("api")
    job_id = create(api).body["id"]
    source = SourceObject(UPLOAD_BUCKET, api_object_key(job_id))
    job = completed(stack, source)
    # given another picture under the key, a copy that no record names, and files of others
    stack.upload(source.key, picture(60, 80))
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key=f"ready/{job.id}-0123456789ab.png", Body=b"copy")
    other = stack.upload("beach.jpg", picture(80, 60))
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key="videos/video_other.mp4", Body=b"video")
    call(api, "DELETE", f"/videos/{job.id}")
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == [other.key]
    assert keys(stack, OUTPUT_BUCKET) == ["videos/video_other.mp4"]


def test_a_picture_that_somebody_dropped_stays_where_it_is(stack: Stack, load: Load) -> None:
    first = stack.upload("beach.jpg", picture(80, 60))
    stack.upload("beach.jpg", picture(60, 80))
    job = completed(stack, first)
    call(load("api"), "DELETE", f"/videos/{job.id}")
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == ["beach.jpg", "beach.jpg"]
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key="beach.jpg")["Body"].read() == picture(60, 80)


def test_what_is_left_keeps_the_job_from_being_made_again(stack: Stack, load: Load) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    job = completed(stack, source)
    call(load("api"), "DELETE", f"/videos/{job.id}")
    item: dict[str, Any] = stack.dynamodb.get_item(TableName=stack.table, Key={"job_id": {"S": job.id}})["Item"]
    assert set(item) == {
        "job_id",
        "status",
        "source",
        "source_ref",
        "created_at",
        "updated_at",
        "history",
        "expires_at",
    }
    kept = int(item["expires_at"]["N"]) - datetime.fromisoformat(item["updated_at"]["S"]).timestamp()
    assert round(kept) in {400 * 86400 - 1, 400 * 86400}
    # when S3 announces the picture once more
    assert normalize(stack, source).status is Status.DELETED
    assert path_of(recorded(stack, job))[-2:] == ["completed", "deleted"]


def test_a_message_of_a_canceled_job_sends_nothing(
    stack: Stack, load: Load, video_server: Any, fake_server: Any
) -> None:
    job = stack.ready_job()
    call(load("api"), "DELETE", f"/videos/{job.id}")
    assert submit(stack, video_server, job).status is Status.CANCELED
    assert fake_server.request_log.creates() == []


def test_a_picture_that_comes_after_its_job_was_canceled_is_left(stack: Stack, load: Load) -> None:
    api = load("api")
    job_id = create(api).body["id"]
    call(api, "DELETE", f"/videos/{job_id}")
    assert normalize(stack, SourceObject(UPLOAD_BUCKET, api_object_key(job_id))).status is Status.CANCELED
    assert keys(stack, OUTPUT_BUCKET) == []


def test_a_worker_that_died_between_leaves_the_rest_to_the_next(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = load("api")
    job = completed(stack, stack.upload(api_object_key(hash_job_id("a test")), picture(80, 60)))
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "delete_picture", lambda *_: (_ for _ in ()).throw(RuntimeError()))
        assert call(api, "DELETE", f"/videos/{job.id}").status == 500
    assert recorded(stack, job).status is Status.COMPLETED
    assert call(api, "DELETE", f"/videos/{job.id}").body["deleted"] is True
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == []


def test_a_job_that_is_sent_meanwhile_is_paid_for(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    job = stack.ready_job()
    seen = stack.jobs.get_job(job.id)
    move_along(stack.jobs, job, [Status.SUBMITTING])
    looks = iter([seen])
    read = stack.jobs.get_job
    monkeypatch.setattr(stack.jobs, "get_job", lambda job_id: next(looks, None) or read(job_id))
    door = load("api").get_context()
    with pytest.raises(Exception, match="is paid for"):
        cancel_or_delete_job(job.id, repeated=False, jobs=stack.jobs, outputs=door.outputs, inbox=door.inbox)


def test_in_a_bucket_of_the_users_own_only_what_the_api_put_there_goes(stack: Stack, load: Load) -> None:
    api = load("api", UPLOAD_PREFIX="photos/")
    dropped = completed(stack, stack.upload("photos/beach.jpg", picture(80, 60)))
    sent = create(api).body["id"]
    assert uploaded_versions(stack, UPLOAD_BUCKET, "photos/api/") == [api_object_key(sent, "photos/")]
    for video_id in (dropped.id, sent, sent):
        assert call(api, "DELETE", f"/videos/{video_id}").status == 200
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == ["photos/beach.jpg"]
