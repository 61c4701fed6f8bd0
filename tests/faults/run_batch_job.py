"""S3 Batch Operations over a stack: it calls backfill for each line of a manifest, and writes a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sora_ready.domain.job import SourceObject
from sora_ready.entrypoints.s3_batch import process_tasks
from sora_ready.pipeline.backfill import Backfill
from sora_ready.pipeline.normalize import Normalize
from tests.faults.kill_points import Killed
from tests.faults.simulated_stack import CATALOG, DEFAULTS, UPLOADS, SimulatedStack


def lay_down(stack: SimulatedStack, key: str, picture: bytes) -> SourceObject:
    """Have an object lie in the upload bucket since before there was a stack: nobody announced it."""
    answer = stack.aws["s3"].put_object(Bucket=UPLOADS, Key=key, Body=picture, Metadata={})
    source = SourceObject(UPLOADS, key, answer["ETag"].strip('"'), modified=stack.s3.modified(UPLOADS, key))
    stack.sources.append(source)
    return source


@dataclass
class BatchJob:
    """A job of Batch Operations. A task that fails for now, or whose function dies, is tried `tries` times in all."""

    stack: SimulatedStack
    id: str
    schema: str = "2.0"
    arguments: Mapping[str, str] = field(default_factory=dict)
    tries: int = 3
    report: dict[str, tuple[str, str]] = field(default_factory=dict)

    def run(self, manifest: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Have each key taken up, one after the other; return the report: key → (result code, reason)."""
        for number, key in enumerate(manifest):
            for _ in range(self.tries):
                self.report[key] = self._call(self._event(f"task-{number}", key))
                if self.report[key][0] != "TemporaryFailure":
                    break
        return self.report

    def codes(self) -> dict[str, int]:
        """How many tasks ended with each code."""
        told = [code for code, _ in self.report.values()]
        return {code: told.count(code) for code in sorted(set(told))}

    def _call(self, event: dict[str, Any]) -> tuple[str, str]:
        normalize = Normalize(
            jobs=self.stack.jobs,
            uploads=self.stack.uploads,
            outputs=self.stack.outputs,
            catalog=CATALOG,
            defaults=DEFAULTS,
            max_source_bytes=1_000_000,
            decode_timeout_seconds=90,
        )
        try:
            with self.stack.points.during("backfill"):
                answer: dict[str, Any] = process_tasks(event, Backfill(normalize, UPLOADS))
                self.stack.points.reach("done")
        except Killed:
            return "TemporaryFailure", "Lambda returned function error"
        assert (answer["invocationId"], answer["invocationSchemaVersion"]) == (event["invocationId"], self.schema)
        [result] = answer["results"]
        assert result["taskId"] == event["tasks"][0]["taskId"]
        return result["resultCode"], result["resultString"]

    def _event(self, task: str, key: str) -> dict[str, Any]:
        job: dict[str, Any] = {"id": self.id}
        place = {"s3BucketArn": f"arn:aws:s3:::{UPLOADS}"}
        if self.schema == "2.0":
            job["userArguments"], place = dict(self.arguments), {"s3Bucket": UPLOADS}
        return {
            "invocationSchemaVersion": self.schema,
            "invocationId": f"invocation-of-{task}",
            "job": job,
            "tasks": [{"taskId": task, "s3Key": quote(key), "s3VersionId": None} | place],
        }
