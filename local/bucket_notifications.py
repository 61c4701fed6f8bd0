"""`python -m local wire BUCKET`: a bucket that is there already announces its uploads to EventBridge.

S3 has one notification configuration for a bucket, and writing it replaces all of it: what other teams had put there
would be gone. So it is read, EventBridge is merged in, the difference is shown, and the whole is written back.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Notifications = dict[str, Any]

EVENT_BRIDGE = "EventBridgeConfiguration"
NEEDED = "s3:ListBucket, s3:GetBucketNotification and s3:PutBucketNotification"
# A bucket's configuration is read eventually consistent: what was written may not be seen at once.
READS, SECONDS_BETWEEN = 5, 2.0


class ConnectBucketError(RuntimeError):
    """The bucket was not wired. The message says why, and whether anything was written."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the caller's account, and what of it matters here; `kms_key` is None where AWS keeps the key."""

    name: str
    region: str
    keeps_versions: bool
    kms_key: str | None


class BucketNotifications:
    """The notification configuration of one bucket, which must belong to the account `owner`."""

    def __init__(self, s3: S3Client, name: str, owner: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._s3 = s3
        self._name = name
        # S3 tells the EventBridge of the bucket's owner only: another account's bucket would be wired to no avail.
        self._whose: Any = {"Bucket": name, "ExpectedBucketOwner": owner}
        self._owner = owner

    def describe(self) -> Bucket:
        """Return what the bucket is like. Raises `ConnectBucketError` where there is none, or it may not be looked at."""
        with self._explained():
            head = self._s3.head_bucket(**self._whose)
        region = head.get("BucketRegion") or self._s3.meta.region_name
        return Bucket(self._name, region, self._keeps_versions(), self._find_key())

    def read(self) -> Notifications:
        """Return the notification configuration as it is. Raises `ConnectBucketError`."""
        with self._explained():
            answer: Notifications = dict(self._s3.get_bucket_notification_configuration(**self._whose))
        answer.pop("ResponseMetadata", None)
        return answer

    def replace(self, before: Notifications, after: Notifications) -> None:
        """Write `after` in place of `before`, and see that it holds. Raises `ConnectBucketError`."""
        if _in_order(self.read()) != _in_order(before):
            raise ConnectBucketError(
                f"The notifications of {self._name} were changed while you looked at them. Nothing was written; "
                "run the command again."
            )
        with self._explained():
            self._s3.put_bucket_notification_configuration(
                NotificationConfiguration=after,  # type: ignore[arg-type]
                # What was there stays there, so nobody's queue needs a test event, and a destination that has gone
                # meanwhile is not for us to judge.
                SkipDestinationValidation=True,
                **self._whose,
            )
        missing: list[str] = []
        for _ in range(READS):
            missing = _list_missing(after, self.read())
            if not missing:
                return
            self._pause(SECONDS_BETWEEN)
        raise ConnectBucketError(
            f"S3 does not show what was written for {self._name}. Missing: {', '.join(missing)}. "
            f"This was there before: {json.dumps(before)}"
        )

    def _keeps_versions(self) -> bool:
        try:
            return self._s3.get_bucket_versioning(**self._whose).get("Status") == "Enabled"
        except ClientError:
            # It would only be a warning, and may be forbidden to look at.
            return True

    def _find_key(self) -> str | None:
        try:
            answer = self._s3.get_bucket_encryption(**self._whose)
        except ClientError:
            return None
        for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
            key = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "")
            if key and not key.endswith("alias/aws/s3"):
                return key
        return None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in {"404", "NoSuchBucket"}:
                raise ConnectBucketError(f"There is no bucket {self._name}. Nothing was written.") from error
            if code in {"403", "AccessDenied"}:
                raise ConnectBucketError(
                    f"The bucket {self._name} is not open to you: either it belongs to another account than "
                    f"{self._owner}, or you lack {NEEDED}. Nothing was written."
                ) from error
            raise ConnectBucketError(
                f"S3 refused: {error.response['Error'].get('Message') or code} ({code})."
            ) from error
        except BotoCoreError as error:
            raise ConnectBucketError(f"AWS could not be asked: {error}") from error


def merge_event_bridge(before: Notifications) -> Notifications:
    """Return the configuration with EventBridge in it, and everything else as it was."""
    return before | {EVENT_BRIDGE: {}}


def show_difference(before: Notifications, after: Notifications) -> str:
    """Return the difference as a unified diff of the JSON; all of it, so that what stays is seen too."""
    old, new = (json.dumps(_in_order(side), indent=2, sort_keys=True).splitlines() for side in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "as it is", "as it will be", n=len(old), lineterm=""))


def list_entries(configuration: Notifications) -> list[str]:
    """Return each notification of the configuration as a line of JSON, EventBridge left out."""
    return [
        f"{kind} {json.dumps(entry, sort_keys=True)}"
        for kind, entries in _in_order(configuration).items()
        if isinstance(entries, list)
        for entry in entries
    ]


def connect_bucket(wiring: BucketNotifications, *, say: Callable[[str], None], agree: Callable[[], bool]) -> bool:
    """Have the bucket publish its uploads; return whether it does, which it does not where the person disagrees.

    A bucket that is wired already is left alone. `say` hears of the difference before `agree` is asked. Raises
    `ConnectBucketError`.
    """
    before = wiring.read()
    if EVENT_BRIDGE in before:
        say("It announces its uploads to EventBridge already. Nothing was written.")
        return True
    after = merge_event_bridge(before)
    say(show_difference(before, after))
    if not agree():
        say("Nothing was written.")
        return False
    wiring.replace(before, after)
    kept = len(list_entries(before))
    say(f"Written and read back: EventBridge is told of uploads, {kept} other notifications are there as before.")
    return True


def _list_missing(wanted: Notifications, found: Notifications) -> list[str]:
    there = list_entries(found)
    missing = [entry for entry in list_entries(wanted) if entry not in there]
    return missing + [kind for kind in (EVENT_BRIDGE,) if kind in wanted and kind not in found]


def _in_order(configuration: Mapping[str, Any]) -> Notifications:
    """Return the configuration in one order, so that two that mean the same are equal: S3 keeps none."""
    ordered: Notifications = json.loads(json.dumps(configuration, sort_keys=True))
    for entries in ordered.values():
        for entry in entries if isinstance(entries, list) else []:
            entry["Events"] = sorted(entry.get("Events", []))
            rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            for rule in rules:
                rule["Name"] = rule["Name"].lower()
            rules.sort(key=json.dumps)
        if isinstance(entries, list):
            entries.sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    return {kind: entries for kind, entries in ordered.items() if entries or kind == EVENT_BRIDGE}
