"""Unit tests cannot use a network or an AWS account by accident."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from pytest_socket import SocketBlockedError


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_no_inet_socket_can_be_opened(family: socket.AddressFamily) -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket(family)


def test_an_event_loop_still_runs() -> None:
    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"


def test_no_aws_variable_is_set() -> None:
    assert [name for name in os.environ if name.startswith("AWS_")] == []
