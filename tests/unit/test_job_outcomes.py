"""The outcome of a job for a Step Functions task: an error by its class, or the job."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sora_ready.domain.codec import encode
from sora_ready.domain.errors import (
    ImageRejected,
    JobCanceled,
    JobError,
    RequestRejected,
    SoraReadyError,
    SourceRejected,
    SubmissionRefused,
    VideoFailed,
)
from sora_ready.domain.job import (
    FINAL,
    HistoryEntry,
    Invocation,
    Job,
    ServerVideo,
    SourceObject,
    Status,
    StoredVideo,
)
from sora_ready.domain.outcome import task_output, terminal_error

from .job_parts import make_request


def job(status: Status, **parts: Any) -> Job:
    return Job("video_1", status, SourceObject("b", "k"), "then", "now", **parts)


def error(code: str, **facts: Any) -> JobError:
    return JobError(code, f"It is {code}.", "Do something.", facts)


@pytest.mark.parametrize(
    ("status", "code", "server", "kind"),
    [
        (Status.REJECTED, "corrupt", None, ImageRejected),
        (Status.REJECTED, "decoder_crashed", None, ImageRejected),
        (Status.REJECTED, "invalid_mode", None, RequestRejected),
        (Status.REJECTED, "source_missing", None, SourceRejected),
        (Status.FAILED, "moderation_blocked", None, SubmissionRefused),
        (Status.FAILED, "given_up", None, VideoFailed),
        (Status.FAILED, "moderation_blocked", ServerVideo("v", "failed"), VideoFailed),
        (Status.CANCELED, "canceled", None, JobCanceled),
    ],
)
def test_a_job_that_ends_without_a_video_is_an_error_of_its_class(
    status: Status, code: str, server: ServerVideo | None, kind: type[SoraReadyError]
) -> None:
    recorded = error(code, limit=7)
    raised = terminal_error(job(status, error=recorded, server=server))
    assert type(raised) is kind
    assert raised.to_job_error() == replace(recorded, facts={"limit": 7, "job_id": "video_1"})


@pytest.mark.parametrize(
    "rejection",
    [
        ImageRejected("corrupt", "Broken."),
        RequestRejected("mode", "sideways", "tag", ["cover"]),
        SourceRejected("source_missing", "Gone."),
    ],
)
def test_the_error_in_the_record_is_the_one_that_was_raised(rejection: SoraReadyError) -> None:
    raised = terminal_error(job(Status.REJECTED, error=rejection.to_job_error()))
    assert (type(raised), str(raised)) == (type(rejection), str(rejection))


def test_a_canceled_job_needs_no_error_in_its_record() -> None:
    raised = terminal_error(job(Status.CANCELED))
    assert raised is not None
    assert raised.code == "canceled"


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL | {Status.COMPLETED}))
def test_any_other_status_has_no_error(status: Status) -> None:
    assert terminal_error(job(status, error=error("busy"))) is None


def test_the_output_of_a_task_fits_into_a_state_machine_whatever_the_request() -> None:
    done = job(
        Status.COMPLETED,
        request=make_request(prompt="海" * 32_000),
        invocation=Invocation(task_tokens=("secret",)),
        video=StoredVideo("out", "videos/video_1.mp4", "video/mp4", 9, "00"),
        history=(HistoryEntry(Status.IN_PROGRESS, "now"),) * 9000,
    )
    output = task_output(done)
    request = output["request"]
    assert isinstance(request, dict)
    assert output["video"] == encode(done.video)
    assert request["size"] == "1280x720"
    assert "prompt" not in request
    assert "secret" not in json.dumps(output)
    assert len(json.dumps(output)) < 2000
