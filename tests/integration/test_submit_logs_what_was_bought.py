"""The log has the id of a bought video before any step that may still fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from local.fake_video_server import FakeVideoServer
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.video_server.client import VideoServerClient
from sora_ready.domain.job import Job, ServerVideo, Status
from sora_ready.pipeline import submit as step

from .run_steps import submit
from .stack_fixtures import Stack

# The SDK marks its video methods deprecated, and pytest drops the filter that the product sets at import.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


class RecordingHandler(logging.Handler):
    """Keeps the records that were logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def log() -> Iterator[list[logging.LogRecord]]:
    """What the step logs at the default log level."""
    logger, handler = logging.getLogger(step.logger.name), RecordingHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.records
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_the_servers_id_is_logged_before_it_is_recorded(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, log: list[logging.LogRecord]
) -> None:
    class FailingLedger(Ledger):
        def record_video(self, job: Job, video: ServerVideo) -> Job:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "TransactWriteItems")

    job = stack.ready_job()
    with pytest.raises(ClientError):
        submit(stack, video_server, job, ledger=FailingLedger(stack.dynamodb, stack.ledger_table, stack.jobs))
    (entry,) = fake_server.request_log.accepted()
    bought, lost = log
    assert (bought.levelno, lost.levelno) == (logging.INFO, logging.ERROR)
    for record in (bought, lost):
        assert (record.__dict__["job_id"], record.__dict__["server_video_id"]) == (job.id, entry.video_id)


def test_a_refused_job_is_not_logged_as_bought(
    stack: Stack, fake_server: FakeVideoServer, video_server: VideoServerClient, log: list[logging.LogRecord]
) -> None:
    assert submit(stack, video_server, stack.ready_job(prompt="moderation-block")).status is Status.FAILED
    assert (log, fake_server.request_log.accepted()) == ([], [])
