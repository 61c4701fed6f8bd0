"""S3 Batch Operations over a simulated stack: it invokes backfill for each line of a manifest, and writes a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sora_ready.domain.job import SourceObject
from sora_ready.entrypoints.s3_batch import process_tasks
from sora_ready.pipeline.backfill import Backfill
from tests.faults.kill_points import WorkerKilled
from tests.faults.simulated_stack import UPLOADS, SimulatedStack


def put_older_object(stack: SimulatedStack, key: str, picture: bytes) -> SourceObject:
    """Put an object into the upload bucket as if it were older than the stack: S3 sends no event for it."""
    response = stack.aws["s3"].put_object(Bucket=UPLOADS, Key=key, Body=picture, Metadata={})
    last_modified = stack.s3.last_modified(UPLOADS, key)
    source = SourceObject(UPLOADS, key, response["ETag"].strip('"'), modified=last_modified)
    stack.sources.append(source)
    return source


@dataclass
class BatchJob:
    """An S3 Batch job. A task gets `attempts` in all if it fails temporarily, or its function is killed."""

    stack: SimulatedStack
    id: str
    schema: str = "2.0"
    arguments: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 3
    report: dict[str, tuple[str, str]] = field(default_factory=dict)

    def run(self, manifest: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Run a task for each key, one after the other; return the report: key → (result code, result string)."""
        for number, key in enumerate(manifest):
            for _ in range(self.attempts):
                self.report[key] = self._invoke(self._event(f"task-{number}", key))
                if self.report[key][0] != "TemporaryFailure":
                    break
        return self.report

    def count_codes(self) -> dict[str, int]:
        """Return how many tasks ended with each result code."""
        codes = [code for code, _ in self.report.values()]
        return {code: codes.count(code) for code in sorted(set(codes))}

    def _invoke(self, event: dict[str, Any]) -> tuple[str, str]:
        try:
            with self.stack.kill_points.worker("backfill"):
                response: dict[str, Any] = process_tasks(event, Backfill(self.stack.normalize, UPLOADS))
                self.stack.kill_points.pass_boundary("done")
        except WorkerKilled:
            return "TemporaryFailure", "Lambda returned function error"
        assert (response["invocationId"], response["invocationSchemaVersion"]) == (event["invocationId"], self.schema)
        [result] = response["results"]
        assert result["taskId"] == event["tasks"][0]["taskId"]
        return result["resultCode"], result["resultString"]

    def _event(self, task_id: str, key: str) -> dict[str, Any]:
        job: dict[str, Any] = {"id": self.id}
        bucket = {"s3BucketArn": f"arn:aws:s3:::{UPLOADS}"}
        if self.schema == "2.0":
            job["userArguments"], bucket = dict(self.arguments), {"s3Bucket": UPLOADS}
        return {
            "invocationSchemaVersion": self.schema,
            "invocationId": f"invocation-of-{task_id}",
            "job": job,
            "tasks": [{"taskId": task_id, "s3Key": quote(key), "s3VersionId": None} | bucket],
        }
