"""The log holds the id of what was bought before anything that may still fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Job, Status
from sora_ready.pipeline import submit as step

from .run_steps import submit
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


class Kept(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def log() -> Iterator[list[logging.LogRecord]]:
    """What the step logs, at the level that Lambda shows."""
    logger, kept = logging.getLogger(step.logger.name), Kept()
    level = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    yield kept.records
    logger.removeHandler(kept)
    logger.setLevel(level)


def test_the_servers_id_is_logged_before_it_is_recorded(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, log: list[logging.LogRecord]
) -> None:
    class NeverRecords(Ledger):
        def record_video(self, job: Job, video: Mapping[str, Any]) -> Job:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "TransactWriteItems")

    job = stack.ready_job()
    with pytest.raises(ClientError):
        submit(stack, video_server, job, ledger=NeverRecords(stack.dynamodb, stack.ledger_table, stack.jobs))
    (entry,) = fake_server.request_log.accepted()
    bought, lost = log
    assert (bought.levelno, lost.levelno) == (logging.INFO, logging.ERROR)
    for told in (bought, lost):
        assert (told.__dict__["job_id"], told.__dict__["server_id"]) == (job.id, entry.video_id)


def test_nothing_is_said_to_be_bought_that_was_refused(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, log: list[logging.LogRecord]
) -> None:
    assert submit(stack, video_server, stack.ready_job(prompt="moderation-block")).status is Status.FAILED
    assert (log, fake_server.request_log.accepted()) == ([], [])
