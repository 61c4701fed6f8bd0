"""An option that is in the table and that no step uses: it stays with the job, parsed by its own parser."""

from __future__ import annotations

from typing import cast

import pytest

from sora_ready.domain.job import Status
from sora_ready.domain.options import OPTIONS, OptionSpec, one_of

from .run_steps import normalize_step
from .stack_fixtures import Stack, jpeg


@pytest.fixture(autouse=True)
def camera(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = OptionSpec("camera", one_of({"still": 1, "pan": 2}), ["still", "pan"], "How the camera moves.", {})
    monkeypatch.setitem(cast("dict[str, OptionSpec[object]]", OPTIONS), "camera", spec)


def test_it_stays_in_the_record_of_a_ready_job_with_its_source(stack: Stack) -> None:
    source = stack.upload("a.jpg", jpeg(90, 60), Tagging="camera=Pan&mode=pad")

    job = normalize_step(stack)(source)

    assert job.status is Status.READY
    assert job.options == {"camera": "Pan"}
    assert (job.option_sources["camera"], job.option_sources["mode"]) == ("tag", "tag")
    assert stack.jobs.get_job(job.id) == job


def test_it_is_refused_by_its_own_parser(stack: Stack) -> None:
    job = normalize_step(stack)(stack.upload("a.jpg", jpeg(90, 60), Tagging="camera=shaky"))

    assert (job.status, job.error and job.error.code) == (Status.REJECTED, "invalid_camera")
