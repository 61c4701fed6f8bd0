"""What `python -m local wire` does around the wiring itself: it asks, warns, and tells what comes next.

It works with the person's own AWS settings, unlike every other command here; after `. .local/env` those are the
emulator's.
"""

from __future__ import annotations

import argparse
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.bucket_notifications import Bucket, BucketNotifications, ConnectBucketError, connect_bucket
from local.display import Display


def carry_out(given: argparse.Namespace, display: Display) -> int:
    """Wire the bucket; return 0 where it is wired (or was only looked at), 1 where it is not."""
    try:
        owner = boto3.client("sts").get_caller_identity()["Account"]
        wiring = BucketNotifications(boto3.client("s3"), given.bucket, owner)
        bucket = wiring.describe()
        stack = read_outputs(given.stack)
        if stack.get("OutputBucket") == given.bucket:
            raise ConnectBucketError(
                f"{given.bucket} is the output bucket of {given.stack}: its copies would become videos again. Nothing "
                "was written."
            )
        _warn(bucket, display)
        wired = connect_bucket(wiring, say=display.say_plain, agree=lambda: _agree(given, display))
    except (ClientError, BotoCoreError) as error:
        display.say_failed(f"AWS could not be asked: {error}")
        return 1
    except ConnectBucketError as error:
        display.say_failed(str(error))
        return 1
    if wired:
        _tell_next_step(given, bucket, stack, display)
    return 0 if wired or given.dry_run else 1


def read_outputs(stack: str) -> dict[str, str]:
    """Return the stack's outputs by name; none where there is no such stack."""
    try:
        [described] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return {}
        raise
    outputs: Any = described.get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def _agree(given: argparse.Namespace, display: Display) -> bool:
    if given.dry_run or given.yes:
        return bool(given.yes and not given.dry_run)
    try:
        return input("Write this? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        display.say_plain("\nNobody can be asked here; --yes answers beforehand.")
        return False


def _warn(bucket: Bucket, display: Display) -> None:
    if not bucket.keeps_versions:
        display.say_plain(
            f"! {bucket.name} keeps no versions: a picture that is replaced before it was read is lost to its job, "
            "which then says so (source_replaced). Versioning would keep both."
        )


def _tell_next_step(given: argparse.Namespace, bucket: Bucket, stack: dict[str, str], display: Display) -> None:
    display.say_done(f"s3://{bucket.name} in {bucket.region} is wired; S3 may take five minutes to heed it")
    if stack.get("UploadBucket") == bucket.name and stack.get("UploadPrefix", "") == given.prefix:
        display.say_plain(f"  The stack {given.stack} makes videos of s3://{bucket.name}/{given.prefix}*")
        return
    words = f"ExistingUploadBucket={bucket.name}"
    words += f' UploadPrefix="{given.prefix}"' if given.prefix else ""
    words += f" UploadKeyArn=ARN (of {bucket.kms_key}, which encrypts it)" if bucket.kms_key else ""
    display.say_plain(
        f"  Next, for the stack {given.stack} in {bucket.region}: sam deploy --parameter-overrides … {words}"
    )
