"""`python -m local connect-bucket`: has an existing bucket send its uploads to EventBridge.

A bucket has one notification configuration, and a write replaces all of it, other teams' entries included. So the
command reads it, merges EventBridge in, shows the difference, writes the whole and reads it back.

Unlike every other command here it uses your own AWS settings; after `. .local/env` those are the emulator's.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local import CommandError
from local.display import Display

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import NotificationConfigurationTypeDef

Configuration: TypeAlias = dict[str, Any]
"""A bucket's notification configuration as JSON: kind → entries."""

EVENT_BRIDGE = "EventBridgeConfiguration"
NEEDED_PERMISSIONS = "s3:ListBucket, s3:GetBucketNotification and s3:PutBucketNotification"
# Reads are eventually consistent: a write may not be visible at once.
MAX_READS, SECONDS_BETWEEN_READS = 5, 2.0


@dataclass(frozen=True, slots=True)
class ConnectBucketCommand:
    """Connect `bucket`, whose keys under `prefix` the stack shall process. `yes` writes without a question."""

    bucket: str
    prefix: str
    stack: str
    yes: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the caller's account. `kms_key` is None unless a key of the customer's encrypts it."""

    name: str
    region: str
    is_versioned: bool
    kms_key: str | None


class BucketNotifications:
    """The notification configuration of one bucket, which must belong to the account `owner`."""

    def __init__(self, s3: S3Client, name: str, owner: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._s3 = s3
        self._name = name
        # S3 sends events only to the EventBridge of the bucket's owner, so another account's bucket is refused.
        self._owner = owner

    def describe(self) -> Bucket:
        """Return the bucket's properties. Raises `CommandError` if there is no such bucket, or no permission."""
        with self._errors_explained():
            head = self._s3.head_bucket(Bucket=self._name, ExpectedBucketOwner=self._owner)
        region = head.get("BucketRegion") or self._s3.meta.region_name
        return Bucket(self._name, region, self._is_versioned(), self._find_kms_key())

    def read(self) -> Configuration:
        """Return the notification configuration. Raises `CommandError`."""
        with self._errors_explained():
            response = self._s3.get_bucket_notification_configuration(
                Bucket=self._name, ExpectedBucketOwner=self._owner
            )
        return {kind: entries for kind, entries in response.items() if kind != "ResponseMetadata"}

    def replace(self, before: Configuration, after: Configuration) -> None:
        """Write `after` in place of `before`, and read it back. Raises `CommandError`."""
        if _in_canonical_order(self.read()) != _in_canonical_order(before):
            raise CommandError(
                f"The notifications of {self._name} were changed while you looked at them. Nothing was written; "
                "run the command again."
            )
        with self._errors_explained():
            self._s3.put_bucket_notification_configuration(
                Bucket=self._name,
                ExpectedBucketOwner=self._owner,
                NotificationConfiguration=cast("NotificationConfigurationTypeDef", after),
                # The existing destinations stay as they are. They need no test event, and one that was deleted in the
                # meantime is not this command's concern.
                SkipDestinationValidation=True,
            )
        missing: list[str] = []
        for _ in range(MAX_READS):
            missing = _list_missing(after, self.read())
            if not missing:
                return
            self._sleep(SECONDS_BETWEEN_READS)
        raise CommandError(
            f"S3 does not show what was written for {self._name}. Missing: {', '.join(missing)}. "
            f"The configuration before: {json.dumps(before)}"
        )

    def _is_versioned(self) -> bool:
        try:
            response = self._s3.get_bucket_versioning(Bucket=self._name, ExpectedBucketOwner=self._owner)
        except ClientError:
            # Only a warning depends on it, and the caller may lack the permission.
            return True
        return response.get("Status") == "Enabled"

    def _find_kms_key(self) -> str | None:
        try:
            response = self._s3.get_bucket_encryption(Bucket=self._name, ExpectedBucketOwner=self._owner)
        except ClientError:
            return None
        for rule in response["ServerSideEncryptionConfiguration"]["Rules"]:
            key = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "")
            if key and not key.endswith("alias/aws/s3"):
                return key
        return None

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in {"404", "NoSuchBucket"}:
                raise CommandError(f"There is no bucket {self._name}. Nothing was written.") from error
            if code in {"403", "AccessDenied"}:
                raise CommandError(
                    f"You have no access to the bucket {self._name}: it belongs to another account than "
                    f"{self._owner}, or you lack {NEEDED_PERMISSIONS}. Nothing was written."
                ) from error
            message = error.response["Error"].get("Message") or code
            raise CommandError(f"S3 refused the request: {message} ({code}).") from error
        except BotoCoreError as error:
            raise CommandError(f"The request to AWS failed: {error}") from error


def run_connect_bucket(command: ConnectBucketCommand, display: Display) -> bool:
    """Carry out the command; return whether the bucket is connected, or was only to be looked at."""
    try:
        owner = boto3.client("sts").get_caller_identity()["Account"]
        notifications = BucketNotifications(boto3.client("s3"), command.bucket, owner)
        bucket = notifications.describe()
        outputs = read_stack_outputs(command.stack)
        if outputs.get("OutputBucket") == command.bucket:
            raise CommandError(
                f"{command.bucket} is the output bucket of {command.stack}: its ready copies would become videos "
                "again. Nothing was written."
            )
        if not bucket.is_versioned:
            display.print_warning(
                f"{bucket.name} keeps no versions: if a picture is replaced before it was read, its job is rejected "
                "(source_replaced). Versioning would keep both."
            )
        connected = connect_bucket(notifications, display.print_line, confirm=lambda: _confirm(command, display))
    except (ClientError, BotoCoreError) as error:
        raise CommandError(f"The request to AWS failed: {error}") from error
    if connected:
        _print_next_step(command, bucket, outputs, display)
    return connected or command.dry_run


def connect_bucket(
    notifications: BucketNotifications, print_line: Callable[[str], None], *, confirm: Callable[[], bool]
) -> bool:
    """Have the bucket send its uploads to EventBridge; return whether it does.

    The difference is printed before `confirm` is called; False writes nothing. A bucket that is connected already stays
    as it is. Raises `CommandError`.
    """
    before = notifications.read()
    if EVENT_BRIDGE in before:
        print_line("It sends its uploads to EventBridge already. Nothing was written.")
        return True
    after = merge_event_bridge(before)
    print_line(show_difference(before, after))
    if not confirm():
        print_line("Nothing was written.")
        return False
    notifications.replace(before, after)
    kept = len(list_entries(before))
    print_line(f"Written and read back: EventBridge gets the uploads, {kept} other notifications are as before.")
    return True


def merge_event_bridge(before: Configuration) -> Configuration:
    """Return the configuration with EventBridge added, and everything else as it was."""
    return before | {EVENT_BRIDGE: {}}


def show_difference(before: Configuration, after: Configuration) -> str:
    """Return the difference as a unified diff of the whole JSON, so that what stays is visible too."""
    old, new = (
        json.dumps(_in_canonical_order(side), indent=2, sort_keys=True).splitlines() for side in (before, after)
    )
    return "\n".join(difflib.unified_diff(old, new, "as it is", "as it will be", n=len(old), lineterm=""))


def list_entries(configuration: Configuration) -> list[str]:
    """Return each notification of the configuration as a line of JSON, without EventBridge."""
    return [
        f"{kind} {json.dumps(entry, sort_keys=True)}"
        for kind, entries in _in_canonical_order(configuration).items()
        if isinstance(entries, list)
        for entry in entries
    ]


def read_stack_outputs(name: str) -> dict[str, str]:
    """Return the outputs of the stack `name`; an empty dict if there is no such stack."""
    try:
        [stack] = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return {}
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _confirm(command: ConnectBucketCommand, display: Display) -> bool:
    if command.dry_run or command.yes:
        return not command.dry_run
    try:
        return input("Write this? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        display.print_line("\nThere is no terminal to ask on; --yes writes without asking.")
        return False


def _print_next_step(
    command: ConnectBucketCommand, bucket: Bucket, outputs: Mapping[str, str], display: Display
) -> None:
    display.print_step(f"s3://{bucket.name} in {bucket.region} is connected; S3 may take five minutes to apply it")
    if outputs.get("UploadBucket") == bucket.name and outputs.get("UploadPrefix", "") == command.prefix:
        display.print_line(f"  The stack {command.stack} makes videos of s3://{bucket.name}/{command.prefix}*")
        return
    parameters = f"ExistingUploadBucket={bucket.name}"
    parameters += f' UploadPrefix="{command.prefix}"' if command.prefix else ""
    parameters += f" UploadKeyArn=ARN (of {bucket.kms_key}, which encrypts it)" if bucket.kms_key else ""
    display.print_line(
        f"  Next, for the stack {command.stack} in {bucket.region}: sam deploy --parameter-overrides … {parameters}"
    )


def _list_missing(expected: Configuration, actual: Configuration) -> list[str]:
    actual_entries = list_entries(actual)
    missing = [entry for entry in list_entries(expected) if entry not in actual_entries]
    return missing + [kind for kind in (EVENT_BRIDGE,) if kind in expected and kind not in actual]


def _in_canonical_order(configuration: Configuration) -> Configuration:
    """Return the configuration in a fixed order, so that equal ones compare as equal: S3 doesn't keep the order."""
    ordered: Configuration = json.loads(json.dumps(configuration, sort_keys=True))
    for entries in ordered.values():
        if not isinstance(entries, list):
            continue
        for entry in entries:
            entry["Events"] = sorted(entry.get("Events", []))
            rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            for rule in rules:
                rule["Name"] = rule["Name"].lower()
            rules.sort(key=json.dumps)
        entries.sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    return {kind: entries for kind, entries in ordered.items() if entries or kind == EVENT_BRIDGE}
