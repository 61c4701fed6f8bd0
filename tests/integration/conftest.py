"""Fixtures: a stack over moto, built from the template's own definitions, and a fake video server."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.fake_video_server import FakeVideoServer, FakeVideoServerConfig, serve
from sora_ready.adapters.job_table import JobTable
from sora_ready.adapters.ledger import Ledger
from sora_ready.adapters.output_bucket import OutputBucket
from sora_ready.adapters.queues import NormalizeQueue, SubmitQueue, TrackQueue
from sora_ready.adapters.upload_bucket import UploadBucket
from sora_ready.adapters.video_server import client as video_client_module
from sora_ready.adapters.video_server.client import VideoServerClient, open_video_server

from .crashing_decoder import decoder, source  # noqa: F401 - fixtures
from .function_modules import FUNCTIONS, Load, import_function, settings_of, variables_of
from .log_capture import log_output  # noqa: F401 - a fixture
from .normalize_command import normalize  # noqa: F401 - a fixture
from .stack_fixtures import (
    CATALOG,
    KEY,
    OUTPUT_BUCKET,
    TEMPLATE,
    TOKEN,
    UPLOAD_BUCKET,
    AwsCalls,
    Clock,
    RequestLogFromNow,
    Stack,
)

RESOURCES = TEMPLATE["Resources"]
POLL_AFTER_MS = 7000


@pytest.fixture(scope="session", autouse=True)
def read_certificates_once() -> Iterator[None]:
    """Read the certificates once: each client would read them again, and no server here uses TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session")
def every_call() -> AwsCalls:
    return AwsCalls()


@pytest.fixture(scope="session")
def session(every_call: AwsCalls) -> boto3.Session:
    """One session for all tests: creating clients is slow, and moto intercepts the calls themselves."""
    session = boto3.Session("nobody", "nothing", region_name="us-east-1")
    session.events.register("before-call", every_call.record)
    return session


@pytest.fixture(scope="session")
def clients(session: boto3.Session) -> dict[str, Any]:
    return {
        name: session.client(name) for name in ("s3", "dynamodb", "sqs", "events", "secretsmanager", "stepfunctions")
    }


@pytest.fixture
def aws(clients: dict[str, Any], session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """An empty AWS. Calls through `boto3.client` go there too, and are counted."""
    with mock_aws(), monkeypatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", session)
        yield clients


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(aws: dict[str, Any]) -> str:
    """The jobs table, as the template defines it."""
    return make_table(aws, "JobsTable", "jobs")


@pytest.fixture
def ledger_table(aws: dict[str, Any]) -> str:
    """The ledger's table, as the template defines it."""
    return make_table(aws, "LedgerTable", "ledger")


def make_table(aws: dict[str, Any], resource: str, name: str) -> str:
    definition = RESOURCES[resource]["Properties"]
    names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    aws["dynamodb"].create_table(TableName=name, **{key: definition[key] for key in names if key in definition})
    return name


@pytest.fixture
def jobs(aws: dict[str, Any], table: str, clock: Clock) -> JobTable:
    return JobTable(aws["dynamodb"], table, now=clock)


@pytest.fixture
def ledger(aws: dict[str, Any], ledger_table: str, jobs: JobTable) -> Ledger:
    """The ledger, without pauses between attempts."""
    return Ledger(aws["dynamodb"], ledger_table, jobs, pause=lambda _: None)


@pytest.fixture
def stack(aws: dict[str, Any], jobs: JobTable, ledger: Ledger, clock: Clock, every_call: AwsCalls) -> Stack:
    """The buckets, queues and tables of a stack. AWS calls are counted from here on."""
    s3, sqs = aws["s3"], aws["sqs"]
    for bucket in (UPLOAD_BUCKET, OUTPUT_BUCKET):
        s3.create_bucket(Bucket=bucket)
    versioning = RESOURCES["UploadBucket"]["Properties"]["VersioningConfiguration"]
    s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration=versioning)
    urls = {}
    for name in ("NormalizeQueue", "SubmitQueue", "TrackQueue"):
        seconds = str(RESOURCES[name]["Properties"]["VisibilityTimeout"])
        urls[name] = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": seconds})["QueueUrl"]
    every_call.clear()
    return Stack(
        s3=s3,
        dynamodb=aws["dynamodb"],
        sqs=sqs,
        calls=every_call,
        clock=clock,
        jobs=jobs,
        ledger=ledger,
        uploads=UploadBucket(s3),
        outputs=OutputBucket(s3, OUTPUT_BUCKET),
        normalize_queue=NormalizeQueue(sqs, urls["NormalizeQueue"]),
        submit_queue=SubmitQueue(sqs, urls["SubmitQueue"]),
        track_queue=TrackQueue(sqs, urls["TrackQueue"]),
        table=jobs.table,
        ledger_table=ledger._table,
        normalize_queue_url=urls["NormalizeQueue"],
        submit_queue_url=urls["SubmitQueue"],
        track_queue_url=urls["TrackQueue"],
    )


@pytest.fixture(scope="session")
def shared_fake_server() -> Iterator[FakeVideoServer]:
    config = FakeVideoServerConfig(key=KEY, render_seconds=0, poll_after_ms=POLL_AFTER_MS, catalog=CATALOG)
    with serve(config) as fake_server:
        yield fake_server


@pytest.fixture
def fake_server(shared_fake_server: FakeVideoServer) -> Iterator[FakeVideoServer]:
    """A video server that renders at once. All tests share it; each sees only its own requests and faults."""
    yield replace(shared_fake_server, request_log=RequestLogFromNow(shared_fake_server.request_log))
    shared_fake_server.faults.clear()


@pytest.fixture
def server_clock() -> Clock:
    return Clock()


@pytest.fixture
def slow_fake_server(server_clock: Clock) -> Iterator[FakeVideoServer]:
    """A video server that renders for 100 seconds of its own clock, which stands still."""
    config = FakeVideoServerConfig(
        key=KEY, render_seconds=100, poll_after_ms=POLL_AFTER_MS, catalog=CATALOG, clock=server_clock.unix
    )
    with serve(config) as fake_server:
        yield fake_server


@pytest.fixture
def connect() -> Iterator[Callable[..., VideoServerClient]]:
    """Connect to video servers by address, as the functions do; connections are closed after the test."""
    with ExitStack() as opened:

        def connect(base_url: str, key: str = KEY) -> VideoServerClient:
            video_server = open_video_server(base_url, key, timeout_seconds=30)
            opened.callback(video_server._client.close)
            return video_server

        yield connect


@pytest.fixture
def video_server(fake_server: FakeVideoServer, connect: Callable[..., VideoServerClient]) -> VideoServerClient:
    return connect(fake_server.base_url)


@pytest.fixture
def load(
    stack: Stack, aws: dict[str, Any], fake_server: FakeVideoServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Load]:
    """Import functions afresh, each with the variables that the template gives it and no others."""
    secret = aws["secretsmanager"].create_secret(Name="video-api-key", SecretString=f"{KEY}\n")["ARN"]
    aws["secretsmanager"].create_secret(Name="api-token", SecretString=TOKEN)
    values = settings_of(stack, fake_server.base_url, secret)
    opened: list[VideoServerClient] = []

    def open_and_record(*arguments: Any, **options: Any) -> VideoServerClient:
        opened.append(open_video_server(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(video_client_module, "open_video_server", open_and_record)
    video_client_module._connect.cache_clear()

    def load(name: str, **other: str) -> ModuleType:
        for variable in {variable for each in FUNCTIONS for variable in variables_of(each)}:
            monkeypatch.delenv(variable, raising=False)
        for variable, value in variables_of(name).items():
            known = {variable: value} if isinstance(value, str) else values
            monkeypatch.setenv(variable, (known | other)[variable])
        for variable in other.keys() - variables_of(name).keys():
            monkeypatch.setenv(variable, other[variable])
        module = import_function(name)
        stack.calls.clear()
        return module

    yield load
    video_client_module._connect.cache_clear()
    for server in opened:
        server._client.close()
