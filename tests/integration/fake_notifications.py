"""A fake S3 client with one bucket that has other teams' notifications, for the tests of `connect-bucket`.

Moto is not used: it drops the EventBridge setting of a bucket that has no other notification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

BUCKET, OWNER = "team-pictures", "123456789012"
ARN = "arn:aws:{}:us-east-1:123456789012:{}"
OTHERS: dict[str, Any] = {
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
# The same configuration as S3 may return it: in another order, and with capitalized names.
OTHERS_SHUFFLED: dict[str, Any] = {
    "TopicConfigurations": OTHERS["TopicConfigurations"],
    "LambdaFunctionConfigurations": OTHERS["LambdaFunctionConfigurations"],
    "QueueConfigurations": [
        OTHERS["QueueConfigurations"][0]
        | {
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Suffix", "Value": "g"}, {"Name": "Prefix", "Value": "web/"}]}},
        }
    ],
}


class FakeS3:
    """The methods of an S3 client that the command calls, for one bucket.

    The first `stale_reads` reads after a write still return the configuration before. `store` is what S3 stores of a
    write. `error` is the code of an error that S3 responds with.
    """

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration
        self.versioning = "Enabled"
        self.kms_key: str | None = None
        self.error: str | None = None
        self.writes: list[dict[str, Any]] = []
        self.stale_reads = 0
        self.store: Callable[[dict[str, Any]], dict[str, Any]] = lambda written: written

    def get_bucket_notification_configuration(self, **parameters: Any) -> dict[str, Any]:
        assert parameters == {"Bucket": BUCKET, "ExpectedBucketOwner": OWNER}
        if self.writes and self.stale_reads:
            self.stale_reads -= 1
            return {**OTHERS, "ResponseMetadata": {}}
        return {**self.configuration, "ResponseMetadata": {}}

    def put_bucket_notification_configuration(self, **parameters: Any) -> None:
        assert (parameters["Bucket"], parameters["ExpectedBucketOwner"]) == (BUCKET, OWNER)
        assert parameters["SkipDestinationValidation"]
        self.writes.append(parameters["NotificationConfiguration"])
        self.configuration = self.store(parameters["NotificationConfiguration"])

    def head_bucket(self, **parameters: Any) -> dict[str, Any]:
        assert parameters["ExpectedBucketOwner"] == OWNER
        if self.error or parameters["Bucket"] != BUCKET:
            raise ClientError({"Error": {"Code": self.error or "404", "Message": "no"}}, "HeadBucket")
        return {"BucketRegion": "eu-west-1"}

    def get_bucket_versioning(self, **_: Any) -> dict[str, Any]:
        return {"Status": self.versioning} if self.versioning else {}

    def get_bucket_encryption(self, **_: Any) -> dict[str, Any]:
        default = {"SSEAlgorithm": "aws:kms"} | ({"KMSMasterKeyID": self.kms_key} if self.kms_key else {})
        return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}}

    def is_connected(self) -> bool:
        return "EventBridgeConfiguration" in self.configuration
