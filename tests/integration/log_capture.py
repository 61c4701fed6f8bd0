"""The log output of the functions, as it would reach CloudWatch."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from .function_modules import Load

LogOutput = Callable[[], str]


@pytest.fixture
def log_output(load: Load, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[LogOutput]:
    """Return all that was printed or logged so far, by any logger, at the level that Lambda shows."""
    log = io.StringIO()
    load("normalize")
    for logger in [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]:
        for handler in logger.handlers:
            # The handlers were created at import, with another stdout.
            if isinstance(handler, logging.StreamHandler):
                monkeypatch.setattr(handler, "stream", log)
    root_handler = logging.StreamHandler(log)
    level = logging.root.level
    logging.root.addHandler(root_handler)
    logging.root.setLevel(logging.INFO)
    yield lambda: log.getvalue() + "".join(capfd.readouterr())
    logging.root.removeHandler(root_handler)
    logging.root.setLevel(level)
