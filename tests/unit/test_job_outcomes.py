"""What a job's end is to whoever waits: an error by the name it was raised with, or the job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sora_ready.domain.errors import (
    ImageRejected,
    JobCanceled,
    RequestRejected,
    SoraReadyError,
    SourceRejected,
    SubmissionRefused,
    VideoFailed,
)
from sora_ready.domain.job import FINAL, Job, SourceObject, Status
from sora_ready.domain.outcome import task_output, terminal_error


def job(status: Status, **parts: Any) -> Job:
    return Job("video_1", status, SourceObject("b", "k"), "then", "now", **parts)


def error(code: str, **facts: Any) -> dict[str, Any]:
    return {"code": code, "message": f"It is {code}.", "hint": "Do something.", **facts}


@pytest.mark.parametrize(
    ("status", "code", "server", "kind"),
    [
        (Status.REJECTED, "corrupt", {}, ImageRejected),
        (Status.REJECTED, "decoder_crashed", {}, ImageRejected),
        (Status.REJECTED, "invalid_mode", {}, RequestRejected),
        (Status.REJECTED, "source_missing", {}, SourceRejected),
        (Status.FAILED, "moderation_blocked", {}, SubmissionRefused),
        (Status.FAILED, "given_up", {}, VideoFailed),
        (Status.FAILED, "moderation_blocked", {"id": "v"}, VideoFailed),
        (Status.CANCELED, "canceled", {}, JobCanceled),
    ],
)
def test_an_end_that_is_no_video_is_an_error_by_name(
    status: Status, code: str, server: dict[str, str], kind: type[SoraReadyError]
) -> None:
    record = error(code, limit=7)
    told = terminal_error(job(status, error=record, server=server))
    assert type(told) is kind
    assert told.to_record() == record | {"job_id": "video_1"}


@pytest.mark.parametrize(
    "rejection",
    [
        ImageRejected("corrupt", "Broken."),
        RequestRejected("mode", "sideways", "tag", ["cover"]),
        SourceRejected("source_missing", "Gone."),
    ],
)
def test_what_was_raised_is_found_again_in_the_record(rejection: SoraReadyError) -> None:
    told = terminal_error(job(Status.REJECTED, error=rejection.to_record()))
    assert (type(told), str(told)) == (type(rejection), str(rejection))


def test_a_canceled_job_need_not_say_why() -> None:
    told = terminal_error(job(Status.CANCELED))
    assert told is not None
    assert told.code == "canceled"


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL | {Status.COMPLETED}))
def test_any_other_status_is_no_error(status: Status) -> None:
    assert terminal_error(job(status, error=error("busy"))) is None


def test_a_result_fits_into_a_state_machine_whatever_was_asked_for() -> None:
    done = job(
        Status.COMPLETED,
        request={"prompt": "海" * 32_000, "size": "1280x720"},
        caller={"task_tokens": ["secret"]},
        video={"bucket": "out", "key": "videos/video_1.mp4", "bytes": 9, "sha256": "00"},
        history=tuple({"status": "in_progress", "at": "now"} for _ in range(9000)),
    )
    told = task_output(done)
    assert told["video"] == done.video
    assert told["request"] == {"size": "1280x720"}
    assert "secret" not in json.dumps(told)
    assert len(json.dumps(told)) < 2000
