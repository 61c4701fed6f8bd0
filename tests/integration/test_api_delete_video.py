"""DELETE: an unsent job is canceled, one that has ended is deleted with its files, one that is paid for stays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.domain.errors import JobConflict
from sora_ready.domain.job import CANCELABLE, FINAL, Job, SourceObject, Status
from sora_ready.domain.job_id import ApiUploads, api_object_key, hash_job_id
from sora_ready.pipeline.delete import DeleteJob
from tests.openai_schema import DELETED, assert_holds

from .api_requests import complete_job, create_video, send_request, uploaded_versions
from .function_modules import Load
from .run_steps import normalize, path_of, recorded, submit
from .stack_fixtures import OUTPUT_BUCKET, UPLOAD_BUCKET, Stack, bring_to, move_along, picture

PAID = sorted(set(Status) - FINAL - CANCELABLE)


def keys(stack: Stack, bucket: str) -> list[str]:
    return [entry["Key"] for entry in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def completed(stack: Stack, source: SourceObject) -> Job:
    """A completed job with all its files."""
    job = normalize(stack, source)
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key=f"videos/{job.id}.mp4", Body=b"video")
    move_along(stack.jobs, job, [Status.SUBMITTING, Status.QUEUED])
    return complete_job(stack, job.id)


@pytest.mark.parametrize("status", sorted(CANCELABLE))
def test_an_unsent_job_is_canceled_and_stays_on_record(stack: Stack, load: Load, status: Status) -> None:
    job = bring_to(stack.jobs, status)
    response = send_request(load("api"), "DELETE", f"/videos/{job.id}")
    assert_holds(DELETED, response.body)
    assert response.body == {"id": job.id, "object": "video.deleted", "deleted": False, "job": {"status": "canceled"}}
    assert recorded(stack, job).status is Status.CANCELED
    assert stack.due_row(job) is None


@pytest.mark.parametrize("status", sorted(FINAL - {Status.DELETED}))
def test_a_job_that_has_ended_is_deleted_and_not_found_any_more(stack: Stack, load: Load, status: Status) -> None:
    api, job = load("api"), bring_to(stack.jobs, status)
    response = send_request(api, "DELETE", f"/videos/{job.id}")
    assert_holds(DELETED, response.body)
    assert (response.status, response.body["deleted"]) == (200, True)
    assert send_request(api, "GET", f"/videos/{job.id}").status == 404
    assert send_request(api, "GET", f"/videos/{job.id}/content").status == 404
    assert send_request(api, "GET", "/videos").body["data"] == []
    assert send_request(api, "DELETE", f"/videos/{job.id}").status == 404


@pytest.mark.parametrize("status", PAID)
def test_a_job_that_is_paid_for_does_not_change(stack: Stack, load: Load, status: Status) -> None:
    job = bring_to(stack.jobs, status)
    response = send_request(load("api"), "DELETE", f"/videos/{job.id}")
    assert (response.status, response.code) == (409, "video_in_progress")
    assert recorded(stack, job).status is status


def test_its_files_are_deleted_and_no_others(stack: Stack, load: Load) -> None:
    api = load("api")
    job_id = create_video(api).body["id"]
    source = SourceObject(UPLOAD_BUCKET, api_object_key(job_id))
    job = completed(stack, source)
    # Another picture under the key, a copy that no record names, and files of other jobs.
    stack.upload(source.key, picture(60, 80))
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key=f"ready/{job.id}-0123456789ab.png", Body=b"copy")
    other = stack.upload("beach.jpg", picture(80, 60))
    stack.s3.put_object(Bucket=OUTPUT_BUCKET, Key="videos/video_other.mp4", Body=b"video")
    send_request(api, "DELETE", f"/videos/{job.id}")
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == [other.key]
    assert keys(stack, OUTPUT_BUCKET) == ["videos/video_other.mp4"]


def test_a_picture_that_a_user_uploaded_stays(stack: Stack, load: Load) -> None:
    first = stack.upload("beach.jpg", picture(80, 60))
    stack.upload("beach.jpg", picture(60, 80))
    job = completed(stack, first)
    send_request(load("api"), "DELETE", f"/videos/{job.id}")
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == ["beach.jpg", "beach.jpg"]
    assert stack.s3.get_object(Bucket=UPLOAD_BUCKET, Key="beach.jpg")["Body"].read() == picture(60, 80)


def test_the_tombstone_keeps_the_job_from_being_created_again(stack: Stack, load: Load) -> None:
    source = stack.upload("beach.jpg", picture(80, 60))
    job = completed(stack, source)
    send_request(load("api"), "DELETE", f"/videos/{job.id}")
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
    # S3 sends the picture's event once more.
    assert normalize(stack, source).status is Status.DELETED
    assert path_of(recorded(stack, job))[-2:] == ["completed", "deleted"]


def test_a_message_about_a_canceled_job_sends_nothing(
    stack: Stack, load: Load, video_server: Any, fake_server: Any
) -> None:
    job = stack.ready_job()
    send_request(load("api"), "DELETE", f"/videos/{job.id}")
    assert submit(stack, video_server, job).status is Status.CANCELED
    assert fake_server.request_log.creates() == []


def test_a_picture_that_arrives_after_its_job_was_canceled_is_ignored(stack: Stack, load: Load) -> None:
    api = load("api")
    job_id = create_video(api).body["id"]
    send_request(api, "DELETE", f"/videos/{job_id}")
    assert normalize(stack, SourceObject(UPLOAD_BUCKET, api_object_key(job_id))).status is Status.CANCELED
    assert keys(stack, OUTPUT_BUCKET) == []


def test_a_delete_that_failed_halfway_is_finished_by_the_next(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = load("api")
    job = completed(stack, stack.upload(api_object_key(hash_job_id("a test")), picture(80, 60)))
    with monkeypatch.context() as patch:
        patch.setattr(UploadBucket, "delete_versions", lambda *_: (_ for _ in ()).throw(RuntimeError()))
        assert send_request(api, "DELETE", f"/videos/{job.id}").status == 500
    assert recorded(stack, job).status is Status.COMPLETED
    assert send_request(api, "DELETE", f"/videos/{job.id}").body["deleted"] is True
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == []


def test_a_job_that_is_sent_meanwhile_is_paid_for(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    job = stack.ready_job()
    seen = stack.jobs.get_job(job.id)
    move_along(stack.jobs, job, [Status.SUBMITTING])
    stale = iter([seen])
    read = stack.jobs.get_job
    monkeypatch.setattr(stack.jobs, "get_job", lambda job_id: next(stale, None) or read(job_id))
    with pytest.raises(JobConflict, match="is paid for"):
        DeleteJob(stack.jobs, stack.outputs, stack.uploads, ApiUploads(UPLOAD_BUCKET))(job.id, repeated=False)


def test_in_the_users_own_bucket_only_the_apis_pictures_are_deleted(stack: Stack, load: Load) -> None:
    api = load("api", UPLOAD_PREFIX="photos/")
    uploaded = completed(stack, stack.upload("photos/beach.jpg", picture(80, 60)))
    created = create_video(api).body["id"]
    assert uploaded_versions(stack, UPLOAD_BUCKET, "photos/api/") == [api_object_key(created, "photos/")]
    for video_id in (uploaded.id, created, created):
        assert send_request(api, "DELETE", f"/videos/{video_id}").status == 200
    assert uploaded_versions(stack, UPLOAD_BUCKET, "") == ["photos/beach.jpg"]
