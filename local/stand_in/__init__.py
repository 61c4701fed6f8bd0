"""A stand-in for OpenAI's Videos API, on loopback, as strict as the real one was.

OpenAI's endpoint is closed. This one takes the same requests, refuses what it refused in the same words,
renders a real MP4 whose first frame is the picture it was sent, and writes down every request, so that a
test can count what would have been billed.

    with serve(StandInConfig(key="sk-local")) as stand_in:
        client = OpenAI(base_url=stand_in.base_url, api_key="sk-local", max_retries=0)
        ...
        assert len(stand_in.ledger.accepted()) == 1

As a process: `python -m local.stand_in --port 4010 --key sk-local --data DIR`. From outside, the ledger is
at `GET /_stand_in/ledger`, and faults are planned by `POST /_stand_in/faults`.
"""

from .app import create_app
from .config import SORA_CATALOGUE, ModelRules, StandInConfig
from .faults import Fault, Faults
from .ledger import Entry, Ledger
from .server import StandIn, serve

__all__ = [
    "SORA_CATALOGUE",
    "Entry",
    "Fault",
    "Faults",
    "Ledger",
    "ModelRules",
    "StandIn",
    "StandInConfig",
    "create_app",
    "serve",
]
