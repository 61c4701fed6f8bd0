"""A stack of the version before is updated to this one, then given another bucket: no record and no file is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.deploy import Stack, deploy_template
from local.emulator import Emulator
from local.sample import make_sample
from local.stack import LocalStack, VideoServer
from tests.e2e.wait_for_jobs import wait_for_jobs

# The template of the version before, as it was deployed. Each release puts its own here.
BEFORE = Path(__file__).parent / "templates" / "0.1.0.yaml"
TABLES = {"JobsTable": "job_id", "LedgerTable": "entry"}


@pytest.fixture(scope="module")
def updated(empty_account: tuple[Emulator, VideoServer]) -> tuple[Stack, LocalStack, dict[str, Any]]:
    """The stack before, the one after the update, and what lay in it before."""
    emulator, server = empty_account
    before = deploy_template(emulator, server.parameters(), source=BEFORE)
    fill(emulator, before)
    held = contents(emulator, before)
    after = deploy_template(emulator, server.parameters())
    return before, LocalStack(emulator, after, server, Path()), held


def fill(emulator: Emulator, stack: Stack) -> None:
    for table, key in TABLES.items():
        for number in range(25):
            item = {key: {"S": f"old-{number}"}, "note": {"S": "written before"}}
            emulator.client("dynamodb").put_item(TableName=stack.outputs[table], Item=item)
    for bucket, name in (("UploadBucket", "old.txt"), ("OutputBucket", "videos/old.mp4")):
        emulator.client("s3").put_object(Bucket=stack.outputs[bucket], Key=name, Body=b"written before")


def contents(emulator: Emulator, stack: Stack) -> dict[str, Any]:
    dynamodb, s3 = emulator.client("dynamodb"), emulator.client("s3")
    held: dict[str, Any] = {
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
        held[bucket] = s3.get_object(Bucket=stack.outputs[bucket], Key=name)["Body"].read()
    return held


def test_what_lay_in_tables_and_buckets_lies_there_still(updated: tuple[Stack, LocalStack, dict[str, Any]]) -> None:
    before, local, held = updated

    lasting = [*TABLES, "UploadBucket", "OutputBucket"]
    assert {name: local.stack.outputs[name] for name in lasting} == {name: before.outputs[name] for name in lasting}
    assert len(held["JobsTable"]) == 25
    assert contents(local.emulator, before) == held


def test_the_updated_stack_makes_videos(updated: tuple[Stack, LocalStack, dict[str, Any]], tmp_path: Path) -> None:
    _, local, _ = updated

    key = local.drop_picture(make_sample(tmp_path / "after.jpg"), {})

    assert [job["status"] for job in wait_for_jobs(local, key)] == ["completed"]


def test_a_stack_that_is_given_another_bucket_leaves_its_own_as_it_was(
    updated: tuple[Stack, LocalStack, dict[str, Any]], tmp_path: Path
) -> None:
    # given
    before, local, held = updated
    s3, own = local.emulator.client("s3"), before.outputs["UploadBucket"]
    s3.create_bucket(Bucket="given-later")
    s3.put_bucket_notification_configuration(
        Bucket="given-later", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )

    # when
    parameters = local.server.parameters() | {"ExistingUploadBucket": "given-later", "UploadPrefix": "in/"}
    later = LocalStack(local.emulator, deploy_template(local.emulator, parameters), local.server, Path())

    # then the own bucket is there with its files and its policy, and the given one is used
    assert later.stack.outputs["UploadBucket"] == "given-later"
    assert contents(local.emulator, before) == held
    assert "OnlyOverTls" in s3.get_bucket_policy(Bucket=own)["Policy"]
    later.drop_picture(make_sample(tmp_path / "p.jpg"), {}, key="in/p.jpg")
    assert [job["status"] for job in wait_for_jobs(later, "in/p.jpg")] == ["completed"]
