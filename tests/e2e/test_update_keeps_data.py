"""A stack of the last release is updated to this version, then connected to another bucket: no data is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.deploy import Stack, deploy_template
from local.emulator import Emulator
from local.sample import make_sample
from local.stack import LocalStack, VideoServer
from tests.e2e.wait_for_jobs import wait_for_jobs

# The template of the last release. Each release adds its own.
LAST_RELEASE = Path(__file__).parent / "templates" / "0.2.0.yaml"
TABLES = {"JobsTable": "job_id", "LedgerTable": "entry"}


@pytest.fixture(scope="module")
def updated(empty_account: tuple[Emulator, VideoServer]) -> tuple[Stack, LocalStack, dict[str, Any]]:
    """The stack before and after the update, and its data before."""
    emulator, server = empty_account
    before = deploy_template(emulator, server.parameters(), source=LAST_RELEASE)
    fill(emulator, before)
    data = read_data(emulator, before)
    # A parameter changes too: CloudFormation refuses an update that changes nothing.
    after = deploy_template(emulator, server.parameters() | {"LogRetentionDays": "7"})
    return before, LocalStack(emulator, after, server, Path()), data


def fill(emulator: Emulator, stack: Stack) -> None:
    for table, key in TABLES.items():
        for number in range(25):
            item = {key: {"S": f"old-{number}"}, "note": {"S": "written before"}}
            emulator.client("dynamodb").put_item(TableName=stack.outputs[table], Item=item)
    for bucket, name in (("UploadBucket", "old.txt"), ("OutputBucket", "videos/old.mp4")):
        emulator.client("s3").put_object(Bucket=stack.outputs[bucket], Key=name, Body=b"written before")


def read_data(emulator: Emulator, stack: Stack) -> dict[str, Any]:
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


def test_tables_and_buckets_keep_their_data(updated: tuple[Stack, LocalStack, dict[str, Any]]) -> None:
    before, local, data = updated

    retained = [*TABLES, "UploadBucket", "OutputBucket"]
    assert {name: local.stack.outputs[name] for name in retained} == {name: before.outputs[name] for name in retained}
    assert len(data["JobsTable"]) == 25
    assert read_data(local.emulator, before) == data


def test_the_updated_stack_makes_videos(updated: tuple[Stack, LocalStack, dict[str, Any]], tmp_path: Path) -> None:
    _, local, _ = updated

    key = local.upload_picture(make_sample(tmp_path / "after.jpg"), {})

    assert [job["status"] for job in wait_for_jobs(local, key)] == ["completed"]


def test_a_stack_that_gets_an_existing_bucket_keeps_its_own(
    updated: tuple[Stack, LocalStack, dict[str, Any]], tmp_path: Path
) -> None:
    # given
    before, local, data = updated
    s3, own = local.emulator.client("s3"), before.outputs["UploadBucket"]
    s3.create_bucket(Bucket="existing-bucket")
    s3.put_bucket_notification_configuration(
        Bucket="existing-bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )

    # when
    parameters = local.server.parameters() | {"ExistingUploadBucket": "existing-bucket", "UploadPrefix": "in/"}
    later = LocalStack(local.emulator, deploy_template(local.emulator, parameters), local.server, Path())

    # then its own bucket still has its files and its policy, and the existing one is used
    assert later.stack.outputs["UploadBucket"] == "existing-bucket"
    assert read_data(local.emulator, before) == data
    assert "OnlyOverTls" in s3.get_bucket_policy(Bucket=own)["Policy"]
    later.upload_picture(make_sample(tmp_path / "p.jpg"), {}, key="in/p.jpg")
    assert [job["status"] for job in wait_for_jobs(later, "in/p.jpg")] == ["completed"]
