"""A stack that is told to take its pictures from its own output bucket makes nothing of its own copies."""

from __future__ import annotations

from sora_ready.domain.job import SourceObject, Status

from .run_steps import normalize
from .stack_fixtures import OUTPUT_BUCKET, Stack, picture


def test_what_lies_in_the_output_bucket_is_rejected_unread_and_no_copy_is_made_of_it(stack: Stack) -> None:
    # given a ready copy, announced as an upload
    first = normalize(stack, stack.upload("beach.jpg", picture(100, 100)))

    # when
    job = normalize(stack, SourceObject(OUTPUT_BUCKET, first.copy.key, etag="0" * 32))

    # then
    assert (job.status, job.error.code) == (Status.REJECTED, "source_is_output")
    assert "ExistingUploadBucket" in job.error.message
    assert not [call for call in stack.calls.names() if call.startswith("s3.")]
