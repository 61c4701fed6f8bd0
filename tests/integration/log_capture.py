"""What the functions log, as a person reads it in the end."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from .function_modules import Load

Heard = Callable[[], str]


@pytest.fixture
def heard(load: Load, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """All that was printed or logged so far, by whichever logger, at the level that Lambda shows."""
    log = io.StringIO()
    load("normalize")
    for logger in [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]:
        for handler in logger.handlers:
            # The handlers were made at import, when another stream stood for stdout.
            if isinstance(handler, logging.StreamHandler):
                monkeypatch.setattr(handler, "stream", log)
    others = logging.StreamHandler(log)
    level = logging.root.level
    logging.root.addHandler(others)
    logging.root.setLevel(logging.INFO)
    yield lambda: log.getvalue() + "".join(capfd.readouterr())
    logging.root.removeHandler(others)
    logging.root.setLevel(level)
