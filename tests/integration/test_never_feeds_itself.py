"""A stack that reads its own output bucket makes no jobs of its own copies."""

from __future__ import annotations

from sora_ready.domain.job import SourceObject, Status

from .run_steps import normalize
from .stack_fixtures import OUTPUT_BUCKET, Stack, picture


def test_an_object_in_the_output_bucket_is_rejected_unread_and_not_copied(stack: Stack) -> None:
    # given the event of a ready copy in the normalize queue
    first = normalize(stack, stack.upload("beach.jpg", picture(100, 100)))

    # when
    job = normalize(stack, SourceObject(OUTPUT_BUCKET, first.copy.key, etag="0" * 32))

    # then
    assert (job.status, job.error.code) == (Status.REJECTED, "source_is_output")
    assert "ExistingUploadBucket" in job.error.message
    assert not [call for call in stack.calls.names() if call.startswith("s3.")]
