"""The unit tests run without a network, and without the AWS settings of whoever runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Block INET sockets (an event loop's own AF_UNIX pair is allowed) and hide the AWS variables."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
