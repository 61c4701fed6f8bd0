"""What holds for every test in this folder: nothing reaches a network, and nothing is borrowed from an AWS account."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let any INET socket fail at once (an event loop's own AF_UNIX pair is allowed) and hide the AWS variables."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
