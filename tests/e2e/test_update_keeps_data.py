"""A stack of the previous release is updated, then gets another upload bucket: no record and no file is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.deploy import Stack, deploy_template
from local.emulator import Emulator
from local.sample import make_sample
from local.stack import LocalStack, VideoServer
from tests.e2e.wait_for_jobs import wait_for_jobs

# The template of the previous release. Each release adds its own.
PREVIOUS = Path(__file__).parent / "templates" / "0.2.0.yaml"
TABLES = {"JobsTable": "job_id", "LedgerTable": "entry"}


@pytest.fixture(scope="module")
def updated(empty_account: tuple[Emulator, VideoServer]) -> tuple[Stack, LocalStack, dict[str, Any]]:
    """The stack before the update, the one after it, and the contents before it."""
    emulator, server = empty_account
    before = deploy_template(emulator, server.parameters(), source=PREVIOUS)
    fill(emulator, before)
    data = contents(emulator, before)
    after = deploy_template(emulator, server.parameters())
    return before, LocalStack(emulator, after, server, Path()), data


def fill(emulator: Emulator, stack: Stack) -> None:
    for table, key in TABLES.items():
        for number in range(25):
            item = {key: {"S": f"old-{number}"}, "note": {"S": "written before"}}
            emulator.client("dynamodb").put_item(TableName=stack.outputs[table], Item=item)
    for bucket, name in (("UploadBucket", "old.txt"), ("OutputBucket", "videos/old.mp4")):
        emulator.client("s3").put_object(Bucket=stack.outputs[bucket], Key=name, Body=b"written before")


def contents(emulator: Emulator, stack: Stack) -> dict[str, Any]:
    dynamodb, s3 = emulator.client("dynamodb"), emulator.client("s3")
    data: dict[str, Any] = {
        table: sorted(
            (
                item
                for page in dynamodb.get_paginator("scan").paginate(TableName=stack.outputs[table])
                for item in page["Items"]
                if item[key]["S"].startswith("old-")
            ),
            key=str,
        )
        for table, key in TABLES.items()
    }
    for bucket, name in (("UploadBucket", "old.txt"), ("OutputBucket", "videos/old.mp4")):
        data[bucket] = s3.get_object(Bucket=stack.outputs[bucket], Key=name)["Body"].read()
    return data


def test_tables_and_buckets_still_hold_their_data(updated: tuple[Stack, LocalStack, dict[str, Any]]) -> None:
    before, local, data = updated

    kept = [*TABLES, "UploadBucket", "OutputBucket"]
    assert {name: local.stack.outputs[name] for name in kept} == {name: before.outputs[name] for name in kept}
    assert len(data["JobsTable"]) == 25
    assert contents(local.emulator, before) == data


def test_the_updated_stack_creates_videos(updated: tuple[Stack, LocalStack, dict[str, Any]], tmp_path: Path) -> None:
    _, local, _ = updated

    key = local.upload_picture(make_sample(tmp_path / "after.jpg"), {})

    assert [job["status"] for job in wait_for_jobs(local, key)] == ["completed"]


def test_a_stack_that_gets_another_bucket_leaves_its_own_as_it_was(
    updated: tuple[Stack, LocalStack, dict[str, Any]], tmp_path: Path
) -> None:
    # given
    before, local, data = updated
    s3, own = local.emulator.client("s3"), before.outputs["UploadBucket"]
    s3.create_bucket(Bucket="another-bucket")
    s3.put_bucket_notification_configuration(
        Bucket="another-bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )

    # when
    parameters = local.server.parameters() | {"ExistingUploadBucket": "another-bucket", "UploadPrefix": "in/"}
    later = LocalStack(local.emulator, deploy_template(local.emulator, parameters), local.server, Path())

    # then its own bucket still has its files and its policy, and the other one is used
    assert later.stack.outputs["UploadBucket"] == "another-bucket"
    assert contents(local.emulator, before) == data
    assert "OnlyOverTls" in s3.get_bucket_policy(Bucket=own)["Policy"]
    later.upload_picture(make_sample(tmp_path / "p.jpg"), {}, key="in/p.jpg")
    assert [job["status"] for job in wait_for_jobs(later, "in/p.jpg")] == ["completed"]
