"""Simulated stacks, made in milliseconds: over AWS in memory, or over moto with the template's own tables."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sora_ready.adapters import job_table
from sora_ready.adapters.job_items import read_item
from sora_ready.domain.job import Job
from tests.faults.in_memory_aws import InMemoryDynamoDB, InMemoryS3
from tests.faults.in_process_server import InProcessServer, open_transport
from tests.faults.kill_cases import NewStack
from tests.faults.kill_points import KillPoints
from tests.faults.simulated_stack import ONCE, OUTPUTS, UPLOADS, Clock, Delivery, SimulatedStack
from tests.integration.stack_fixtures import TEMPLATE


class AwsCallObserver:
    """Passes each call to AWS on to the current stack."""

    def __init__(self) -> None:
        self.stack: SimulatedStack | None = None
        self._params: dict[str, Any] = {}

    def attach(self, session: boto3.Session) -> None:
        """Observe the calls of a boto3 session too."""
        session.events.register("before-parameter-build", self._keep_params)
        session.events.register("after-call", self._observe_boto3)

    def observe(self, service: str, operation: str, params: Any) -> None:
        if self.stack:
            self.stack.note_aws_call(service, operation, params)

    def _keep_params(self, params: dict[str, Any], **_: Any) -> None:
        self._params = params

    def _observe_boto3(self, model: Any, **_: Any) -> None:
        # S3's parameters begin with a capital letter.
        params = {name.lower(): value for name, value in self._params.items()}
        self.observe(model.service_model.service_name, model.name, params)


class JobCache:
    """Decodes each item of the in-memory tables once. Items are never changed in place, and jobs are immutable."""

    def __init__(self) -> None:
        # The item is kept, so that no other item gets its id.
        self._jobs: dict[int, tuple[Any, Job]] = {}

    def read_item(self, item: Any) -> Job:
        cached = self._jobs.get(id(item))
        if cached is None:
            cached = self._jobs[id(item)] = (item, read_item(item))
        return cached[1]

    def clear(self) -> None:
        self._jobs.clear()


@pytest.fixture(scope="module")
def moto_clients() -> Iterator[Callable[[AwsCallObserver], dict[str, Any]]]:
    """Return a function that makes clients of moto, whose calls are observed. The first call starts moto."""
    with pytest.MonkeyPatch.context() as patch:
        moto = mock_aws()

        @cache
        def connect(observer: AwsCallObserver) -> dict[str, Any]:
            moto.start()
            session = boto3.Session("nobody", "nothing", region_name="us-east-1")
            observer.attach(session)
            aws: dict[str, Any] = {name: session.client(name) for name in ("s3", "dynamodb")}
            for bucket in (UPLOADS, OUTPUTS):
                aws["s3"].create_bucket(Bucket=bucket)
            return aws

        # Every HTTP client loads the CA certificates, which is slow. No server here has one, so they are loaded once.
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield connect
        if connect.cache_info().currsize:
            moto.stop()


@pytest.fixture(scope="module")
def new_stack(moto_clients: Callable[[AwsCallObserver], dict[str, Any]]) -> Iterator[NewStack]:
    """Return a function that makes a stack, at eight in the morning. Only the newest stack may be used."""
    numbers = itertools.count()
    observer, job_cache = AwsCallObserver(), JobCache()
    with open_transport() as (transport, client), pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_table, "read_item", job_cache.read_item)

        def make(
            kill_points: tuple[str, ...] = (),
            delivery: Delivery = ONCE,
            *,
            moto: bool = False,
            pause_minutes: float = 0,
            **options: Any,
        ) -> SimulatedStack:
            observer.stack = None
            job_cache.clear()
            if moto:
                aws = moto_clients(observer)
            else:
                aws = {"s3": InMemoryS3(observer.observe), "dynamodb": InMemoryDynamoDB(observer.observe)}
            name = f"jobs-{next(numbers)}"
            _make_table(aws["dynamodb"], "JobsTable", name)
            _make_table(aws["dynamodb"], "LedgerTable", f"{name}-ledger")
            clock = Clock(datetime(2026, 11, 12, 8, 0, tzinfo=UTC))
            stack = SimulatedStack(
                aws=aws,
                table=name,
                fake_server=InProcessServer(transport, clock.unix),
                transport=transport,
                client=client,
                clock=clock,
                kill_points=KillPoints(kill_points),
                delivery=delivery,
                **options,
            )
            if pause_minutes:
                stack.kill_points.pause = lambda: stack.run(pause_minutes / 60)
            observer.stack = stack
            return stack

        yield make


def _make_table(dynamodb: Any, resource: str, name: str) -> None:
    copied = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    properties = TEMPLATE["Resources"][resource]["Properties"]
    dynamodb.create_table(TableName=name, **{key: properties[key] for key in copied if key in properties})
