"""A stack for each case, made in milliseconds; with `moto=True` over moto, with the template's own tables."""

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

from tests.faults.in_memory_aws import InMemoryDynamoDB, InMemoryS3
from tests.faults.kill_points import KillPoints
from tests.faults.paid_server import PaidServer, open_line
from tests.faults.simulated_stack import ONCE, OUTPUTS, UPLOADS, Clock, Delivery, SimulatedStack
from tests.integration.stack_fixtures import TEMPLATE

NewStack = Callable[..., SimulatedStack]


class Wire:
    """Hears every call to AWS, and tells the stack that is under way."""

    def __init__(self) -> None:
        self.stack: SimulatedStack | None = None
        self._params: dict[str, Any] = {}

    def listen(self, session: boto3.Session) -> None:
        """Hear what goes through a session of boto3's too."""
        session.events.register("before-parameter-build", self._note)
        session.events.register("after-call", self._pass)

    def hear(self, service: str, operation: str, params: Any) -> None:
        if self.stack:
            self.stack.hear_call(service, operation, params)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self._params = params

    def _pass(self, model: Any, **_: Any) -> None:
        # S3's own names of parameters are in capitals.
        params = {name.lower(): value for name, value in self._params.items()}
        self.hear(model.service_model.service_name, model.name, params)


@pytest.fixture(scope="module")
def moto_clients() -> Iterator[Callable[[Wire], dict[str, Any]]]:
    """Connect to moto, and have the wire hear it; moto starts with the first who asks."""
    with pytest.MonkeyPatch.context() as patch:
        running = mock_aws()

        @cache
        def connect(wire: Wire) -> dict[str, Any]:
            running.start()
            session = boto3.Session("nobody", "nothing", region_name="us-east-1")
            wire.listen(session)
            aws: dict[str, Any] = {name: session.client(name) for name in ("s3", "dynamodb")}
            for bucket in (UPLOADS, OUTPUTS):
                aws["s3"].create_bucket(Bucket=bucket)
            return aws

        # Read once: each client of a server reads them anew, and no server here shows any.
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield connect
        if connect.cache_info().currsize:
            running.stop()


@pytest.fixture(scope="module")
def new_stack(moto_clients: Callable[[Wire], dict[str, Any]]) -> Iterator[NewStack]:
    """Make stacks, one after the other: each begins at eight in the morning, and ends the one before it."""
    numbers = itertools.count()
    wire = Wire()
    with open_line() as (line, video_server):

        def make(
            points: tuple[str, ...] = (),
            delivery: Delivery = ONCE,
            *,
            moto: bool = False,
            stop_minutes: float = 0,
            **options: Any,
        ) -> SimulatedStack:
            wire.stack = None
            aws = moto_clients(wire) if moto else {"s3": InMemoryS3(wire.hear), "dynamodb": InMemoryDynamoDB(wire.hear)}
            name = f"jobs-{next(numbers)}"
            _make_table(aws["dynamodb"], "JobsTable", name)
            _make_table(aws["dynamodb"], "LedgerTable", f"{name}-ledger")
            clock = Clock(datetime(2026, 11, 12, 8, 0, tzinfo=UTC))
            paid = PaidServer(line, clock.unix)
            stack = SimulatedStack(aws, name, paid, video_server, clock, KillPoints(points), delivery, **options)
            stack.line = line
            if stop_minutes:
                stack.points.pause = lambda: stack.run(stop_minutes / 60)
            wire.stack = stack
            return stack

        yield make


def _make_table(dynamodb: Any, resource: str, name: str) -> None:
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    properties = TEMPLATE["Resources"][resource]["Properties"]
    dynamodb.create_table(TableName=name, **{key: properties[key] for key in wanted if key in properties})
