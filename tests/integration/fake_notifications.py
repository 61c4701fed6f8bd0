"""A bucket with notifications of other teams, as the tests of `python -m local wire` use it.

It stands in for S3, because moto forgets that EventBridge was asked for where nothing else was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

BUCKET, OWNER = "team-pictures", "123456789012"
ARN = "arn:aws:{}:us-east-1:123456789012:{}"
THERE: dict[str, Any] = {
    "QueueConfigurations": [
        {
            "Id": "thumbnails",
            "QueueArn": ARN.format("sqs", "thumbnails"),
            "Events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "web/"}, {"Name": "suffix", "Value": "g"}]}},
        }
    ],
    "TopicConfigurations": [{"Id": "audit", "TopicArn": ARN.format("sns", "audit"), "Events": ["s3:ObjectRemoved:*"]}],
    "LambdaFunctionConfigurations": [
        {
            "Id": "index",
            "LambdaFunctionArn": ARN.format("lambda", "function:index"),
            "Events": ["s3:ObjectCreated:*"],
        }
    ],
}
# The same, as S3 may give it back: in another order, and with names in capitals.
SHUFFLED: dict[str, Any] = {
    "TopicConfigurations": THERE["TopicConfigurations"],
    "LambdaFunctionConfigurations": THERE["LambdaFunctionConfigurations"],
    "QueueConfigurations": [
        THERE["QueueConfigurations"][0]
        | {
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Suffix", "Value": "g"}, {"Name": "Prefix", "Value": "web/"}]}},
        }
    ],
}


class Bucket:
    """The part of an S3 client that the command uses, for one bucket.

    `unseen` is how many reads after a write still show what was before; `keep` is what S3 makes of what is written.
    """

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration
        self.versioning = "Enabled"
        self.key: str | None = None
        self.refuses: str | None = None
        self.writes: list[dict[str, Any]] = []
        self.unseen = 0
        self.keep: Callable[[dict[str, Any]], dict[str, Any]] = lambda written: written

    def get_bucket_notification_configuration(self, **whose: Any) -> dict[str, Any]:
        assert whose == {"Bucket": BUCKET, "ExpectedBucketOwner": OWNER}
        if self.writes and self.unseen:
            self.unseen -= 1
            return {**THERE, "ResponseMetadata": {}}
        return {**self.configuration, "ResponseMetadata": {}}

    def put_bucket_notification_configuration(self, **order: Any) -> None:
        assert order["ExpectedBucketOwner"] == OWNER
        assert order["SkipDestinationValidation"]
        self.writes.append(order["NotificationConfiguration"])
        self.configuration = self.keep(order["NotificationConfiguration"])

    def head_bucket(self, **whose: Any) -> dict[str, Any]:
        assert whose["ExpectedBucketOwner"] == OWNER
        if self.refuses or whose["Bucket"] != BUCKET:
            raise ClientError({"Error": {"Code": self.refuses or "404", "Message": "no"}}, "HeadBucket")
        return {"BucketRegion": "eu-west-1"}

    def get_bucket_versioning(self, **_: Any) -> dict[str, Any]:
        return {"Status": self.versioning} if self.versioning else {}

    def get_bucket_encryption(self, **_: Any) -> dict[str, Any]:
        default = {"SSEAlgorithm": "aws:kms"} | ({"KMSMasterKeyID": self.key} if self.key else {})
        return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}}

    def is_wired(self) -> bool:
        return "EventBridgeConfiguration" in self.configuration
