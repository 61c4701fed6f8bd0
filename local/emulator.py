"""AWS on this machine: MiniStack as a process of its own, on loopback only."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import trustme

REGION = "us-east-1"
# The emulator takes these keys for the root of its one account; they open nothing anywhere else.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
START_SECONDS = 60


# What would lead the AWS SDK to a person's own account, and never here.
_OWN_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


class EmulatorError(RuntimeError):
    """The emulator did not start. The message names the log to look at."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: its address, and clients for it that cannot reach a real account."""

    endpoint: str
    ca_bundle: Path
    pid: int

    def client(self, service: str) -> Any:
        """Return the boto3 client for `service` of this emulator, made once: a watched job is asked for often."""
        return _make_client(service, self.endpoint, self.ca_bundle)

    def environment(self) -> dict[str, str]:
        """Return what a shell must export for the AWS CLI, SAM or an SDK to talk to this emulator."""
        return {
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
        }


@cache
def _make_client(service: str, endpoint: str, ca_bundle: Path) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=REGION,
        verify=str(ca_bundle),
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def forget_account() -> None:
    """Take everything of the person's own AWS set-up out of this process, and loopback out of any proxy's reach."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(dict.fromkeys(_OWN_FILES, os.devnull))
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1", "localhost"]))


@contextmanager
def start_emulator(log: Path, *, port: int = 0, python: str = sys.executable) -> Iterator[Emulator]:
    """Run the emulator while the block runs, on `port` of 127.0.0.1 (0: any free one), with `python`'s packages.

    Functions run with that same interpreter. Raises `EmulatorError`.
    """
    port = _bind_port(port)
    endpoint = f"https://127.0.0.1:{port}"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sora-ready-emulator-") as folder, log.open("wb") as output:
        state = Path(folder)
        ca_bundle = _make_certificate(state)
        process = subprocess.Popen(
            # -P: what lies beside the script is not for the emulator to import.
            [python, "-P", str(Path(__file__).with_name("emulator_patches.py"))],
            env=_environment(port, state),
            cwd=state,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches this program first, and its functions end with it.
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, endpoint, ca_bundle, log)
            yield Emulator(endpoint, ca_bundle, process.pid)
        finally:
            _stop(process)


def _make_certificate(folder: Path) -> Path:
    """Make a throw-away authority and its certificate for loopback; return the file that a client must trust.

    The stack's buckets and queues refuse plain HTTP, here as on AWS.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(folder / "server.key")
    issued.cert_chain_pems[0].write_to_path(folder / "server.crt")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


def _environment(port: int, state: Path) -> dict[str, str]:
    # The functions inherit this environment: nothing of the person's own Python may reach them.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return (
        kept
        | CREDENTIALS
        | {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "STATE_DIR": str(state),
            "TMPDIR": str(state),
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(state / "server.crt"),
            "MINISTACK_SSL_KEY": str(state / "server.key"),
            "AWS_CA_BUNDLE": str(state / "ca.pem"),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            # Roles are enforced, so a permission that the template forgot is missed here first.
            "AUTH": "true",
        }
    )


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str, ca_bundle: Path, log: Path) -> None:
    trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_bundle))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with opener.open(f"{endpoint}/_ministack/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise EmulatorError(f"The AWS emulator did not start on {endpoint}. Its log is in {log}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with _undisturbed():
        process.terminate()
        # It would wait for idle connections much longer, and there is nothing to save.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        # macOS says EPERM, not ESRCH, of a group that has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore what would end this program: an impatient second Ctrl-C must not leave the functions running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(ending, signal.SIG_IGN) for ending in endings]
    try:
        yield
    finally:
        for ending, handler in zip(endings, before, strict=True):
            signal.signal(ending, handler)


def _bind_port(port: int) -> int:
    """Return `port`, or a free one for 0. Raises `OSError` where another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])
